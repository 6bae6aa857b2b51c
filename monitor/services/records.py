"""Evidence of what monitoring found, for assessments: availability, topology, certificates (GP-3, GB/T 22239-2019)."""

import json
from collections.abc import Sequence
from functools import partial

from kernel.canonical import canonical_json
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import UnitOfWork
from kernel.store.listing import every
from monitor.model import FindingKind
from monitor.picture import topology_svg
from monitor.services.base import Base, Work
from monitor.services.endpoints import Endpoints
from monitor.services.network import Network
from monitor.services.polling import Polling

Written = tuple[EvidenceKind, str, dict[str, object], Sequence[Attachment]]

SOURCE = "monitor"
SUBJECT = "network"


class Records:
    """Writes what was last polled, compared and checked into the evidence."""

    def __init__(
        self, base: Base, evidence: EvidenceService, polling: Polling, network: Network, endpoints: Endpoints
    ) -> None:
        self._base = base
        self._evidence = evidence
        self._polling = polling
        self._network = network
        self._endpoints = endpoints

    def record(self, principal: Principal) -> list[str]:
        """Record availability, topology and every endpoint in one transaction; returns the records' ids."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        written = [self._availability(principal), self._topology(principal), *self._certificates(principal)]
        with self._base.database.begin() as uow:
            return [self._write(uow, *record) for record in written]

    def request(self, principal: Principal) -> str:
        """Have a worker write them; the job's id."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        return self._base.request(principal, Work.RECORD)

    def _write(
        self,
        uow: UnitOfWork,
        kind: EvidenceKind,
        subject: str,
        summary: dict[str, object],
        attachments: Sequence[Attachment],
    ) -> str:
        return self._evidence.record(
            uow, kind=kind, subject=subject, source=SOURCE, summary=summary, attachments=attachments
        )

    def _availability(self, principal: Principal) -> Written:
        listed = list(every(partial(self._polling.page, principal)))
        answered = [one for one in listed if one.device.answered_at and one.device.problem is None]
        unanswered = [
            {"device": one.name, "problem": str(one.device.problem or "never polled")}
            for one in listed
            if one not in answered
        ]
        versions = {str(one.device.facts.get("snmp", "")) for one in answered}
        summary: dict[str, object] = {
            "polled": len(listed),
            "answered": len(answered),
            "unanswered": unanswered,
            "version": "none" if not versions else versions.pop() if len(versions) == 1 else "mixed",
        }
        rows = [
            {"device": one.name, "state": str(one.device.state), "facts": dict(one.device.facts)}
            for one in listed
        ]
        return EvidenceKind.DEVICES_POLLED, SUBJECT, summary, [_json("devices.json", rows)]

    def _topology(self, principal: Principal) -> Written:
        view = self._network.view(principal)
        names = {asset.id: asset.name for asset in view.assets}
        faults = [
            {"rule": str(one.kind), "device": names[one.asset], **one.details}
            for one in view.comparison.observations
        ]

        def of(kind: FindingKind) -> list[dict[str, object]]:
            return [fault for fault in faults if fault["rule"] == str(kind)]

        unverifiable = [
            f"{names[one.a]} {one.a_port} - {names[one.b]} {one.b_port}"
            for one in view.comparison.unverifiable
        ]
        summary: dict[str, object] = {
            "edges": len(view.comparison.seen),
            "unregistered": of(FindingKind.UNREGISTERED_DEVICE),
            "bypasses": of(FindingKind.GATEWAY_BYPASS),
            "other": [f for f in faults if f["rule"] not in ("unregistered-device", "gateway-bypass")],
            "unverifiable": unverifiable,
        }
        picture = Attachment("topology.svg", topology_svg(view).encode(), "image/svg+xml")
        return EvidenceKind.TOPOLOGY_CHECKED, SUBJECT, summary, [picture]

    def _certificates(self, principal: Principal) -> list[Written]:
        written: list[Written] = []
        now = self._base.clock.now()
        for one in every(partial(self._endpoints.page, principal)):
            facts = one.facts
            if one.not_after is None:
                continue
            left = (one.not_after - now).total_seconds() / 86_400
            summary: dict[str, object] = {
                "name": one.name,
                "endpoint": one.endpoint,
                "tls": one.tls,
                "expired": left < 0,
                "days_left": int(left),
                **{name: facts[name] for name in ("subject", "issuer", "serial", "not_after", "fingerprint")},
            }
            written.append((EvidenceKind.ENDPOINT_CHECKED, one.id, summary, []))
        return written


def _json(name: str, value: object) -> Attachment:
    return Attachment(name, canonical_json(json.loads(json.dumps(value, default=str))), "application/json")
