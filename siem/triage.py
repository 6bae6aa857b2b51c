"""Use cases of alerts: look through them, take them on, assign, close, open again (SIEM-5)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page
from siem.ecs import Document
from siem.lists import ALERTS, of_person
from siem.model import Alert, AlertState, Person, TimelineEntry, Verdict, move_alert
from siem.moves import change_alert, close_alert, require_text, tell
from siem.people import who_may
from siem.ports import EventStore
from siem.store import SELECT_ALERTS, alert_events, alert_of, alert_timeline_of, alerts, root_unit


class TriageService:
    """Alerts of the units the asker sees."""

    def __init__(self, database: Database, clock: Clock, access: Access, events: EventStore) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._events = events

    # --- looking
    def page(self, principal: Principal, ask: Ask) -> Page[Alert]:
        """Those that need work first, by risk; ``assignee`` takes "me" and "nobody" besides ids."""
        self._access.require(principal, Permission.SIEM_ALERT_READ)
        scope = scope_of(self._database, self._access, principal, alerts.c.unit)
        with self._database.read() as connection:
            return ALERTS.page(connection, of_person(ask, "assignee", principal), *scope)

    def alert(self, principal: Principal, alert_id: str) -> Alert:
        self._access.require(principal, Permission.SIEM_ALERT_READ)
        with self._database.read() as connection:
            row = connection.execute(SELECT_ALERTS.where(alerts.c.id == alert_id)).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("There is no alert %(id)s."), id=alert_id)
        return alert_of(row)

    def evidence_of(self, principal: Principal, alert_id: str, limit: int = 100) -> list[Document]:
        """The events behind an alert, oldest first, as far as the store still has them."""
        self.alert(principal, alert_id)
        query = select(alert_events.c.event_id).where(alert_events.c.alert_id == alert_id).limit(limit)
        with self._database.read() as connection:
            ids = list(connection.execute(query).scalars())
        return sorted(self._events.fetch(ids).values(), key=lambda d: (d["@timestamp"], d["event.id"]))

    def timeline(self, principal: Principal, alert_id: str) -> list[TimelineEntry]:
        """Who did what with it and why, oldest first."""
        self.alert(principal, alert_id)
        with self._database.read() as connection:
            return alert_timeline_of(connection, alert_id)

    def earlier(self, principal: Principal, alert_id: str, limit: int = 10) -> list[Alert]:
        """Alerts of the same rule and the same values before this one, newest first: has it been seen, what was it?"""
        alert = self.alert(principal, alert_id)
        same = (alerts.c.key == alert.key) & (alerts.c.id != alert.id) & (alerts.c.unit == alert.unit)
        before = SELECT_ALERTS.where(same, alerts.c.last_seen <= alert.last_seen)
        with self._database.read() as connection:
            rows = connection.execute(before.order_by(alerts.c.last_seen.desc()).limit(limit))
            return [alert_of(row) for row in rows]

    def people(self, principal: Principal, alert_id: str = "") -> list[Person]:
        """Who may triage this alert; without one, those of the principal's own unit and the superior ones."""
        self._access.require(principal, Permission.SIEM_ALERT_READ)
        unit = self.alert(principal, alert_id).unit if alert_id else principal.unit
        with self._database.read() as connection:
            return who_may(connection, Permission.SIEM_ALERT_TRIAGE, unit)

    # --- acting
    def acknowledge(self, principal: Principal, alert_id: str, note: str = "") -> Alert:
        """Take a new alert on; it is then the principal's."""
        alert = self.triaged(principal, alert_id)
        if alert.state is AlertState.CLOSED:
            raise Conflict(N_("The alert is closed."), mend=N_("Open it again and say why."))
        changes = {"state": move_alert(alert.state, AlertState.ACKNOWLEDGED), "assignee": principal.id}
        self._change(principal, alert, changes, "acknowledged", AuditAction.ALERT_ACKNOWLEDGE, note)
        return self.alert(principal, alert_id)

    def assign(self, principal: Principal, alert_id: str, assignee: str, note: str = "") -> Alert:
        """Give an open alert to somebody (an account's id) who may triage it; its state stays."""
        alert = self.triaged(principal, alert_id)
        if alert.state is AlertState.CLOSED:
            raise Conflict(N_("The alert is closed."), mend=N_("Open it again and say why."))
        names = {person.id: person.name for person in self.people(principal, alert_id)}
        if assignee != principal.id and assignee not in names:
            raise Invalid(
                N_("%(person)s may not work on alerts of this unit."),
                mend=N_("Choose an analyst of the unit or of a superior one."),
                place="assignee",
                person=assignee[:80],
            )
        told = " · ".join(part for part in (names.get(assignee, principal.name), note) if part)
        self._change(
            principal, alert, {"assignee": assignee}, "assigned", AuditAction.ALERT_ASSIGN, note, told
        )
        return self.alert(principal, alert_id)

    def close(self, principal: Principal, alert_id: str, verdict: Verdict, reason: str) -> Alert:
        """Close an alert with a verdict and a reason."""
        require_text(reason)
        alert = self.triaged(principal, alert_id)
        with self._database.begin() as uow:
            close_alert(uow, principal, alert, self._clock.now(), verdict, reason)
        return self.alert(principal, alert_id)

    def reopen(self, principal: Principal, alert_id: str, reason: str) -> Alert:
        """A closed alert was closed wrongly: it is the principal's again, without a verdict."""
        require_text(reason)
        alert = self.triaged(principal, alert_id)
        if alert.state is not AlertState.CLOSED:
            raise Conflict(N_("The alert is not closed."), mend=N_("Acknowledge it or put it into a case."))
        state = move_alert(alert.state, AlertState.ACKNOWLEDGED)
        changes = {"state": state, "assignee": principal.id, "verdict": None}
        self._change(principal, alert, changes, "reopened", AuditAction.ALERT_REOPEN, reason)
        return self.alert(principal, alert_id)

    def triaged(self, principal: Principal, alert_id: str) -> Alert:
        """The alert, for somebody who may triage it."""
        alert = self.alert(principal, alert_id)
        self._access.require(principal, Permission.SIEM_ALERT_TRIAGE, unit=alert.unit)
        return alert

    def _change(
        self,
        principal: Principal,
        alert: Alert,
        changes: dict[str, Any],
        kind: str,
        action: AuditAction,
        note: str,
        told: str = "",
    ) -> None:
        details = {"assignee": changes["assignee"]}
        with self._database.begin() as uow:
            change_alert(uow, alert, changes)
            tell(uow, principal, alert, self._clock.now(), kind, told or note)
            uow.audit(principal, action, alert.id, unit=alert.unit, reason=note or None, details=details)


def scope_of(
    database: Database, access: Access, principal: Principal, column: ColumnElement[str]
) -> Sequence[ColumnElement[bool]]:
    """The condition that keeps to the principal's units; none for who sees everything, which spares the comparison."""
    visible = access.visible_units(principal)
    if visible is None:
        return ()
    with database.read() as connection:
        everything = root_unit(connection) in visible
    return () if everything else (column.in_(sorted(visible)),)
