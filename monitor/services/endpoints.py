"""Active checks of the register's TLS endpoints (MON-5, CA-12)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from kernel.assets import Asset
from kernel.assets.store import assets
from kernel.audit.model import AuditAction
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from monitor import store
from monitor.certificates import endpoint_name, facts_of, judge
from monitor.listings import ENDPOINTS
from monitor.model import (
    ENDPOINT_KINDS,
    CertificateFacts,
    EndpointReading,
    Finding,
    FindingKind,
    Observation,
    Sample,
)
from monitor.ports import EndpointAddress, EndpointProbe
from monitor.services.base import Base, Work
from monitor.services.findings import Findings
from monitor.standing import EndpointStanding, EndpointState


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
        chosen = self._base.endpoints(principal, names)
        readings = self._probe.probe([_address(asset) for asset in chosen])
        now = self._base.clock.now()
        endpoints = [_endpoint(asset, readings[_address(asset)], now) for asset in chosen]
        observations = [fault for one in endpoints for fault in _faults(one, now)]
        by_id = {asset.id: asset for asset in chosen}
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

    def request(self, principal: Principal, names: tuple[str, ...] = ()) -> str:
        """Have a worker check every endpoint of the principal's units, or the named ones; the job's id."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        return self._base.request(principal, Work.TLS, self._base.endpoints(principal, names))

    def page(self, principal: Principal, ask: Ask) -> Page[EndpointStanding]:
        """Endpoints of the principal's units with what they presented last, the first to expire first."""
        scope = self._base.scope(principal, assets.c.unit)
        with self._base.database.read() as connection:
            return ENDPOINTS.page(connection, ask, *scope)

    def get(self, principal: Principal, name: str) -> EndpointStanding:
        """One endpoint by the id or name of its entry; NotFound also when it is another unit's."""
        scope = self._base.scope(principal, assets.c.unit)
        wanted = ENDPOINTS.query.where((assets.c.id == name) | (assets.c.name == name), *scope)
        with self._base.database.read() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise NotFound(N_("There is no TLS endpoint %(name)s."), name=name[:60])
        return ENDPOINTS.row(row)


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


_JUDGED = {
    FindingKind.EXPIRED_CERTIFICATE: EndpointState.EXPIRED,
    FindingKind.CERTIFICATE_NOT_YET_VALID: EndpointState.NOT_YET_VALID,
    FindingKind.EXPIRING_CERTIFICATE: EndpointState.EXPIRING,
    FindingKind.UNREACHABLE_SERVICE: EndpointState.UNREACHABLE,
}


def _state(endpoint: Endpoint, now: datetime) -> EndpointState:
    faults = _faults(endpoint, now)
    if faults:
        return _JUDGED[faults[0].kind]
    return EndpointState.VALID if endpoint.facts else EndpointState.NONE


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
        "state": str(_state(endpoint, now)),
        "not_after": endpoint.facts.not_after if endpoint.facts else None,
    }
