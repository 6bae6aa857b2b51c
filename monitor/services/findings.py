"""Findings over time: opened by a check, moved by people, closed when a later check no longer sees them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kernel.assets import Asset
from kernel.audit.model import AuditAction
from kernel.errors import Invalid, NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import UnitOfWork
from kernel.store.listing import Ask, Page
from monitor import store
from monitor.listings import FINDINGS
from monitor.model import (
    SEVERITY,
    STANDING,
    Finding,
    FindingKind,
    FindingState,
    Observation,
    state_when_gone,
    state_when_seen,
)
from monitor.services.base import Base
from monitor.standing import NamedFinding


@dataclass(frozen=True)
class Reconciled:
    """What a check changed: findings it opened (or opened again), those it sees still, those that are gone."""

    opened: tuple[Finding, ...]
    standing: tuple[Finding, ...]
    gone: tuple[Finding, ...]

    @property
    def present(self) -> tuple[Finding, ...]:
        return self.opened + self.standing


class Findings:
    """Looks through findings and moves them."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def page(self, principal: Principal, ask: Ask) -> Page[NamedFinding]:
        """Findings of the principal's units: what stands first, the heaviest first."""
        scope = self._base.scope(principal, store.findings.c.unit)
        with self._base.database.read() as connection:
            return FINDINGS.page(connection, ask, *scope)

    def get(self, principal: Principal, finding_id: str) -> NamedFinding:
        """One finding; NotFound also when it is another unit's."""
        scope = self._base.scope(principal, store.findings.c.unit)
        wanted = FINDINGS.query.where(store.findings.c.id == finding_id, *scope)
        with self._base.database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound(N_("There is no finding %(id)s."), id=finding_id[:60])
        return FINDINGS.row(row)

    def acknowledge(self, principal: Principal, finding_id: str, reason: str) -> Finding:
        """Somebody is on it."""
        permission = Permission.MONITOR_FINDING_ACKNOWLEDGE
        return self._move(principal, finding_id, permission, FindingState.ACKNOWLEDGED, reason)

    def fixed(self, principal: Principal, finding_id: str, reason: str) -> Finding:
        """It is said to be mended; the next check verifies that or opens it again."""
        permission = Permission.MONITOR_FINDING_ACKNOWLEDGE
        return self._move(principal, finding_id, permission, FindingState.FIXED, reason)

    def except_until(self, principal: Principal, finding_id: str, until: datetime, reason: str) -> Finding:
        """Bear it until a date, for a reason; after the date it is open again."""
        if until <= self._base.clock.now():
            raise Invalid(N_("An exception ends in the future."), place="until")
        permission = Permission.MONITOR_FINDING_EXCEPT
        return self._move(principal, finding_id, permission, FindingState.EXCEPTED, reason, until)

    def _move(
        self,
        principal: Principal,
        finding_id: str,
        permission: Permission,
        to: FindingState,
        reason: str,
        until: datetime | None = None,
    ) -> Finding:
        self._base.access.require(principal, permission)
        with self._base.database.begin() as uow:
            finding = store.read_finding(uow.connection, finding_id)
            if finding is None or not self._base.access.covers(principal, finding.unit):
                raise NotFound(N_("There is no finding %(id)s."), id=finding_id[:60])
            finding.require_move(to)
            moved = replace(finding, state=to, reason=reason, excepted_until=until)
            store.update_finding(uow.connection, moved)
            details = {
                "from": str(finding.state),
                "to": str(to),
                "until": until.isoformat() if until else None,
            }
            uow.audit(
                principal,
                AuditAction.MONITOR_FINDING_MOVE,
                f"finding:{finding_id}",
                unit=finding.unit,
                reason=reason,
                details=details,
            )
        return moved

    def forget(self, uow: UnitOfWork, asset: str) -> int:
        """What stands against an entry that has retired is no longer a fault; returns how many findings that closes."""
        listed = store.read_findings(uow.connection, asset=asset, states=STANDING)
        for finding in listed:
            store.update_finding(uow.connection, replace(finding, state=FindingState.FIXED))
        return len(listed)

    def reconcile(
        self,
        uow: UnitOfWork,
        kinds: Iterable[FindingKind],
        checked: frozenset[str],
        observations: Sequence[Observation],
        assets: Mapping[str, Asset],
    ) -> Reconciled:
        """Lay what a check sees now over the stored findings of ``kinds`` on the assets it ``checked``."""
        now = self._base.clock.now()
        stored = {finding.key: finding for finding in store.read_findings(uow.connection, kinds=kinds)}
        opened: list[Finding] = []
        standing: list[Finding] = []
        for observation in {one.key: one for one in observations}.values():
            known = stored.pop(observation.key, None)
            finding = _seen(observation, known, assets, now)
            new = known is None or known.state not in (finding.state, FindingState.ACKNOWLEDGED)
            (opened if new else standing).append(finding)
            (store.insert_finding if known is None else store.update_finding)(uow.connection, finding)
        unseen = [finding for finding in stored.values() if finding.asset in checked]
        gone = [_gone(uow, finding) for finding in unseen]
        for finding in opened:
            uow.emit(_event(EventKind.MONITOR_FINDING_OPENED, finding, assets, finding.severity))
        for finding, before in zip(gone, unseen, strict=True):
            if before.state in STANDING:
                uow.emit(_event(EventKind.MONITOR_FINDING_FIXED, finding, assets, "info"))
        return Reconciled(tuple(opened), tuple(standing), tuple(gone))


def _seen(
    observation: Observation, known: Finding | None, assets: Mapping[str, Asset], now: datetime
) -> Finding:
    if known is not None:
        state = state_when_seen(known, now)
        return replace(known, state=state, details=dict(observation.details), last_seen=now)
    return Finding(
        id=new_id("find"),
        kind=observation.kind,
        asset=observation.asset,
        subject=observation.subject[:800],
        details=dict(observation.details),
        state=FindingState.OPEN,
        severity=SEVERITY[observation.kind],
        unit=assets[observation.asset].unit,
        first_seen=now,
        last_seen=now,
    )


def _gone(uow: UnitOfWork, finding: Finding) -> Finding:
    moved = replace(finding, state=state_when_gone(finding))
    if moved != finding:
        store.update_finding(uow.connection, moved)
    return moved


def _event(kind: EventKind, finding: Finding, assets: Mapping[str, Asset], severity: str) -> Event:
    asset = assets[finding.asset]
    data = {
        **finding.details,
        "finding": finding.id,
        "rule": str(finding.kind),
        "device": asset.name,
        "address": asset.address,
        "subject": finding.subject,
    }
    return Event(kind, finding.asset, data, finding.unit, severity)
