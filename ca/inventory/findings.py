"""Findings over time: opened by a scan, taken on by people, gone when a scan sees them no more."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ca.inventory import store
from ca.inventory.model import SEVERITY, Endpoint, Finding, FindingState, move
from ca.inventory.tables import findings
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.events import Event, EventKind
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


class Findings:
    """Looks through findings and moves them."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self._database = database
        self._clock = clock
        self._access = access

    def page(self, principal: Principal, ask: Ask) -> Page[Finding]:
        """Findings of the principal's units, the heaviest first. Filters: state, fault, severity, unit, endpoint."""
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            return store.FINDINGS.page(connection, ask, *self._access.seen(principal, findings.c.unit))

    def show(self, principal: Principal, finding_id: str) -> Finding:
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            found = store.read_finding(connection, finding_id)
        if not self._access.covers(principal, found.unit):
            raise store.no_finding(finding_id)
        return found

    def take(self, principal: Principal, finding_id: str, note: str) -> Finding:
        """Somebody is on it."""
        return self._move(principal, finding_id, FindingState.TAKEN, note)

    def reopen(self, principal: Principal, finding_id: str, note: str) -> Finding:
        """Nobody is on it any more."""
        return self._move(principal, finding_id, FindingState.OPEN, note)

    def standing(self, principal: Principal) -> int:
        """How many findings of the principal's units stand."""
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            return store.count_standing(connection, *self._access.seen(principal, findings.c.unit))

    def _move(self, principal: Principal, finding_id: str, wanted: FindingState, note: str) -> Finding:
        self._access.require(principal, Permission.CA_INVENTORY_WORK)
        self.show(principal, finding_id)
        with self._database.begin() as uow:
            found = store.read_finding(uow.connection, finding_id, lock=True)
            store.put_finding(uow.connection, replace(found, state=move(found, wanted), note=note))
            details = {"from": str(found.state), "to": str(wanted), "fault": str(found.fault)}
            target = f"finding:{finding_id}"
            uow.audit(
                principal,
                AuditAction.CA_INVENTORY_FINDING,
                target,
                unit=found.unit,
                reason=note,
                details=details,
            )
        return replace(found, state=wanted, note=note)

    # --- of a scan, in its transaction
    def reconcile(self, uow: UnitOfWork, endpoint: Endpoint, now: datetime) -> tuple[int, int]:
        """Open what the endpoint shows, close what it shows no more; returns how many of each."""
        before = {one.fault: one for one in store.findings_of(uow.connection, endpoint.id)}
        seen = () if endpoint.gone_at else endpoint.faults
        opened = closed = 0
        for fault in seen:
            known = before.pop(fault, None)
            made = known or Finding(
                "", endpoint.id, fault, SEVERITY[fault], FindingState.GONE, "", "", now, now
            )
            again = made.state is FindingState.GONE
            state = FindingState.OPEN if again else made.state
            one = replace(
                made,
                id=made.id or new_id("cif"),
                state=state,
                subject=endpoint.facts.subject,
                unit=endpoint.unit,
                last_seen=now,
                first_seen=now if again else made.first_seen,
                note="" if again else made.note,
            )
            store.put_finding(uow.connection, one)
            if again:
                opened += 1
                _tell(uow, one)
        closed += _close(uow, before.values())
        return opened, closed


def _close(uow: UnitOfWork, left: Iterable[Finding]) -> int:
    gone = [one for one in left if one.state is not FindingState.GONE]
    for one in gone:
        store.put_finding(uow.connection, replace(one, state=FindingState.GONE))
    return len(gone)


def _tell(uow: UnitOfWork, one: Finding) -> None:
    told = {"endpoint": one.endpoint, "fault": str(one.fault), "subject": one.subject}
    event = Event(
        EventKind.INVENTORY_FINDING_OPENED, f"finding:{one.id}", told, unit=one.unit, severity=one.severity
    )
    uow.emit(event)
