"""Active checks of the register's TLS endpoints (MON-5, CA-12)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from kernel.assets import Asset
from kernel.audit.model import AuditAction
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from monitor import store
from monitor.certificates import endpoint_name, facts_of, judge
from monitor.model import ENDPOINT_KINDS, CertificateFacts, EndpointReading, Finding, Observation, Sample
from monitor.ports import EndpointAddress, EndpointProbe
from monitor.services.base import Base
from monitor.services.findings import Findings


@dataclass(frozen=True)
class Endpoint:
    """One endpoint after a check; ``days_left`` of its certificate, negative once it has expired."""

    asset: Asset
    name: str
    reading: EndpointReading
    facts: CertificateFacts | None
    days_left: float | None


@dataclass(frozen=True)
class EndpointCheck:
    """All endpoints and the findings that stand after the check."""

    endpoints: tuple[Endpoint, ...]
    findings: tuple[Finding, ...]


class Endpoints:
    """Looks at endpoints and keeps what they present."""

    def __init__(self, base: Base, findings: Findings, probe: EndpointProbe) -> None:
        self._base = base
        self._findings = findings
        self._probe = probe

    def check(self, principal: Principal, names: tuple[str, ...] = ()) -> EndpointCheck:
        """Check every endpoint of the principal's units, or the named ones."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        assets = self._base.endpoints(principal, names)
        readings = self._probe.probe([_address(asset) for asset in assets])
        now = self._base.clock.now()
        endpoints = [_endpoint(asset, readings[_address(asset)], now) for asset in assets]
        observations = [fault for one in endpoints for fault in _faults(one, now)]
        by_id = {asset.id: asset for asset in assets}
        with self._base.database.begin() as uow:
            for endpoint in endpoints:
                store.write_certificate(uow.connection, _row(endpoint, now))
            store.insert_samples(
                uow.connection, [sample for one in endpoints for sample in _samples(one, now)]
            )
            done = self._findings.reconcile(uow, ENDPOINT_KINDS, frozenset(by_id), observations, by_id)
            details = {"endpoints": len(endpoints), "findings": len(done.present)}
            uow.audit(principal, AuditAction.MONITOR_ENDPOINTS, "monitor", details=details)
        return EndpointCheck(tuple(endpoints), done.present)

    def certificates(self, principal: Principal) -> list[dict[str, Any]]:
        """What the endpoints of the principal's units presented last: the certificate inventory."""
        self._base.seen_units(principal)
        seen = {asset.id: asset.name for asset in self._base.endpoints(principal)}
        with self._base.database.read() as connection:
            rows = store.read_certificates(connection)
        return [{"name": seen[row["asset"]], **row} for row in rows if row["asset"] in seen]


def _address(asset: Asset) -> EndpointAddress:
    name = str(asset.attributes.get("server_name", ""))
    return EndpointAddress(asset.address, int(asset.attributes["tls_port"]), name)


def _endpoint(asset: Asset, reading: EndpointReading, now: datetime) -> Endpoint:
    facts = facts_of(reading.certificate) if reading.certificate else None
    days = (facts.not_after - now).total_seconds() / 86_400 if facts else None
    return Endpoint(asset, endpoint_name(asset), reading, facts, None if days is None else round(days, 2))


def _faults(endpoint: Endpoint, now: datetime) -> list[Observation]:
    return judge(endpoint.asset, endpoint.reading, endpoint.facts, now)


def _samples(endpoint: Endpoint, now: datetime) -> list[Sample]:
    measured = {"connect_time": endpoint.reading.latency, "certificate_days": endpoint.days_left}
    return [
        Sample(endpoint.asset.id, endpoint.name, metric, now, value)
        for metric, value in measured.items()
        if value is not None
    ]


def _row(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    facts = asdict(endpoint.facts) if endpoint.facts else None
    if facts is not None:
        facts |= {name: facts[name].isoformat() for name in ("not_before", "not_after")}
        facts["names"] = list(facts["names"])
    reading = endpoint.reading
    return {
        "asset": endpoint.asset.id,
        "endpoint": endpoint.name,
        "reachable": reading.reachable,
        "latency": reading.latency,
        "tls": reading.tls,
        "problem": reading.problem,
        "facts": facts,
        "checked_at": now,
    }
