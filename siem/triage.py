"""Use cases of alerts and cases: list, acknowledge, close, open a case, work on it, close it (SIEM-5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from siem.ecs import Document, values
from siem.model import (
    SEVERITY,
    Alert,
    AlertState,
    Case,
    CaseFile,
    CaseState,
    TaskState,
    Verdict,
    event_severity,
    move_alert,
    move_case,
)
from siem.ports import EventStore
from siem.store import (
    ALERT_COLUMNS,
    alert_events,
    alert_of,
    alerts,
    case_observables,
    case_of,
    case_tasks,
    case_timeline,
    cases,
    observables_of,
    tasks_of,
    timeline_of,
)

_STAMPS = {
    CaseState.CONTAINED: "contained_at",
    CaseState.RECOVERED: "recovered_at",
    CaseState.CLOSED: "closed_at",
}
_OBSERVED = (("ip", "related.ip"), ("user", "related.user"), ("host", "related.hosts"))


class TriageService:
    """Alerts and cases of the units the asker sees."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, events: EventStore, evidence: EvidenceService
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._events = events
        self._evidence = evidence

    # --- alerts
    def alerts(
        self, principal: Principal, *, states: Sequence[AlertState] = (), limit: int = 200
    ) -> list[Alert]:
        """Highest risk first, newest first among equals; all states unless some are named."""
        self._access.require(principal, Permission.SIEM_ALERT_READ)
        query = select(*ALERT_COLUMNS).order_by(alerts.c.risk.desc(), alerts.c.last_seen.desc()).limit(limit)
        visible = self._access.visible_units(principal)
        if visible is not None:
            query = query.where(alerts.c.unit.in_(sorted(visible)))
        if states:
            query = query.where(alerts.c.state.in_([str(state) for state in states]))
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(query)]

    def alert(self, principal: Principal, alert_id: str) -> Alert:
        self._access.require(principal, Permission.SIEM_ALERT_READ)
        with self._database.read() as connection:
            row = connection.execute(select(*ALERT_COLUMNS).where(alerts.c.id == alert_id)).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise _no_alert(alert_id)
        return alert_of(row)

    def evidence_of(self, principal: Principal, alert_id: str, limit: int = 100) -> list[Document]:
        """The events behind an alert, oldest first, as far as the store still has them."""
        self.alert(principal, alert_id)
        query = select(alert_events.c.event_id).where(alert_events.c.alert_id == alert_id).limit(limit)
        with self._database.read() as connection:
            ids = list(connection.execute(query).scalars())
        return sorted(self._events.fetch(ids).values(), key=lambda d: (d["@timestamp"], d["event.id"]))

    def acknowledge(self, principal: Principal, alert_id: str, note: str = "") -> Alert:
        """Take an alert on; it is then the principal's."""
        alert = self._triaged(principal, alert_id)
        changes = {
            "state": move_alert(alert.state, AlertState.ACKNOWLEDGED),
            "assignee": principal.id,
            "verdict": None,
        }
        with self._database.begin() as uow:
            _change_alert(uow, alert, changes)
            uow.audit(
                principal, AuditAction.ALERT_ACKNOWLEDGE, alert_id, unit=alert.unit, reason=note or None
            )
        return self.alert(principal, alert_id)

    def close(self, principal: Principal, alert_id: str, verdict: Verdict, reason: str) -> Alert:
        """Close an alert with a verdict and a reason."""
        _require_text(reason)
        alert = self._triaged(principal, alert_id)
        with self._database.begin() as uow:
            self._close(uow, principal, alert, verdict, reason)
        return self.alert(principal, alert_id)

    def _close(
        self, uow: UnitOfWork, principal: Principal, alert: Alert, verdict: Verdict, reason: str
    ) -> None:
        _change_alert(uow, alert, {"state": move_alert(alert.state, AlertState.CLOSED), "verdict": verdict})
        details = {"verdict": str(verdict)}
        uow.audit(
            principal, AuditAction.ALERT_CLOSE, alert.id, unit=alert.unit, reason=reason, details=details
        )
        told = {"rule": alert.rule_name, "verdict": str(verdict)}
        uow.emit(Event(EventKind.ALERT_CLOSED, alert.id, told, alert.unit, "info"))

    def _triaged(self, principal: Principal, alert_id: str) -> Alert:
        alert = self.alert(principal, alert_id)
        self._access.require(principal, Permission.SIEM_ALERT_TRIAGE, unit=alert.unit)
        return alert

    # --- cases
    def open_case(self, principal: Principal, alert_ids: Sequence[str], title: str = "") -> CaseFile:
        """Make a case of one or more alerts of one unit; addresses, users and hosts of their events become observables."""
        found = [self._triaged(principal, alert_id) for alert_id in dict.fromkeys(alert_ids)]
        if not found:
            raise Invalid(N_("A case begins with at least one alert."))
        worst = max(found, key=lambda alert: SEVERITY[alert.level])
        if len({alert.unit for alert in found}) > 1:
            raise Conflict(
                N_("The alerts belong to different units."), mend=N_("Open one case for each unit.")
            )
        self._access.require(principal, Permission.SIEM_CASE_WRITE, unit=worst.unit)
        case = self._new_case(principal, worst, title)
        observed = self._observed(principal, found)
        with self._database.begin() as uow:
            uow.execute(cases.insert().values(case))
            self._note(uow, principal, case["id"], "opened", case["title"])
            for alert in found:
                self._attach(uow, principal, case["id"], alert)
            for kind, value in observed:
                uow.execute(case_observables.insert().values(case_id=case["id"], kind=kind, value=value))
            named = {"alerts": [alert.id for alert in found]}
            uow.audit(principal, AuditAction.CASE_OPEN, case["id"], unit=worst.unit, details=named)
            told = {"title": case["title"], "alerts": len(found)}
            severity = event_severity(worst.level)
            uow.emit(Event(EventKind.CASE_OPENED, case["id"], told, worst.unit, severity))
        return self.case(principal, case["id"])

    def _new_case(self, principal: Principal, worst: Alert, title: str) -> dict[str, Any]:
        return {
            "id": new_id("case"),
            "title": (title or worst.titles["zh_CN"])[:300],
            "level": worst.level,
            "state": CaseState.OPEN,
            "unit": worst.unit,
            "owner": principal.id,
            "opened_at": self._clock.now(),
            "summary": "",
            "version": 1,
        }

    def cases(
        self, principal: Principal, *, states: Sequence[CaseState] = (), limit: int = 200
    ) -> list[Case]:
        """Newest first."""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        query = select(cases).order_by(cases.c.opened_at.desc()).limit(limit)
        visible = self._access.visible_units(principal)
        if visible is not None:
            query = query.where(cases.c.unit.in_(sorted(visible)))
        if states:
            query = query.where(cases.c.state.in_([str(state) for state in states]))
        with self._database.read() as connection:
            return [case_of(row) for row in connection.execute(query)]

    def case(self, principal: Principal, case_id: str) -> CaseFile:
        """A case with its alerts, timeline, tasks and observables."""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        with self._database.read() as connection:
            row = connection.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
            if row is None or not self._covered(principal, row.unit):
                raise _no_case(case_id)
            query = select(*ALERT_COLUMNS).where(alerts.c.case_id == case_id).order_by(alerts.c.first_seen)
            return CaseFile(
                case_of(row),
                tuple(alert_of(found) for found in connection.execute(query)),
                tuple(timeline_of(connection, case_id)),
                tuple(tasks_of(connection, case_id)),
                tuple(observables_of(connection, case_id)),
            )

    def add_alert(self, principal: Principal, case_id: str, alert_id: str) -> CaseFile:
        """Put one more alert of the same unit into an open case."""
        case, alert = self._worked(principal, case_id), self._triaged(principal, alert_id)
        if case.unit != alert.unit:
            raise Conflict(
                N_("The alerts belong to different units."), mend=N_("Open one case for each unit.")
            )
        with self._database.begin() as uow:
            self._attach(uow, principal, case_id, alert)
            uow.audit(
                principal, AuditAction.CASE_EXTEND, case_id, unit=case.unit, details={"alert": alert_id}
            )
        return self.case(principal, case_id)

    def add_note(self, principal: Principal, case_id: str, text: str) -> CaseFile:
        """Write into the timeline."""
        _require_text(text)
        case = self._worked(principal, case_id)
        with self._database.begin() as uow:
            self._note(uow, principal, case_id, "note", text)
            uow.audit(principal, AuditAction.CASE_NOTE, case_id, unit=case.unit)
        return self.case(principal, case_id)

    def add_task(
        self,
        principal: Principal,
        case_id: str,
        title: str,
        *,
        assignee: str = "",
        due_at: datetime | None = None,
    ) -> CaseFile:
        """Something that must be done before the case can be closed."""
        _require_text(title)
        case = self._worked(principal, case_id)
        row = {
            "id": new_id("task"),
            "case_id": case_id,
            "title": title[:300],
            "state": TaskState.OPEN,
            "assignee": assignee,
            "due_at": due_at,
        }
        with self._database.begin() as uow:
            uow.execute(case_tasks.insert().values(row))
            self._note(uow, principal, case_id, "task", title)
            uow.audit(
                principal, AuditAction.CASE_EXTEND, case_id, unit=case.unit, details={"task": row["id"]}
            )
        return self.case(principal, case_id)

    def finish_task(self, principal: Principal, case_id: str, task_id: str) -> CaseFile:
        """Mark a task done; NotFound when the case has no such open task."""
        case = self._worked(principal, case_id)
        here = (case_tasks.c.id == task_id) & (case_tasks.c.case_id == case_id)
        with self._database.begin() as uow:
            change = case_tasks.update().where(here, case_tasks.c.state == TaskState.OPEN)
            if not uow.execute(change.values(state=TaskState.DONE, done_at=self._clock.now())).rowcount:
                raise NotFound(N_("This case has no open task %(id)s."), id=task_id)
            uow.audit(principal, AuditAction.CASE_EXTEND, case_id, unit=case.unit, details={"done": task_id})
        return self.case(principal, case_id)

    def move(
        self, principal: Principal, case_id: str, to: CaseState, reason: str, verdict: Verdict | None = None
    ) -> CaseFile:
        """Contain, recover, close (with a verdict: its alerts are closed too, and it becomes evidence) or open again."""
        _require_text(reason)
        case = self._worked(principal, case_id)
        changes: dict[str, Any] = {"state": move_case(case.state, to), "verdict": None}
        if to in _STAMPS:
            changes[_STAMPS[to]] = self._clock.now()
        if to is CaseState.CLOSED:
            self._require_done(case_id, verdict)
            changes |= {"verdict": verdict, "summary": reason}
        with self._database.begin() as uow:
            _change_case(uow, case, changes)
            self._note(uow, principal, case_id, "state", f"{case.state} → {to}: {reason}")
            if to is CaseState.CLOSED and verdict is not None:
                self._close_case(uow, principal, case, verdict, reason)
            uow.audit(
                principal,
                AuditAction.CASE_MOVE,
                case_id,
                unit=case.unit,
                reason=reason,
                details={"to": str(to)},
            )
            uow.emit(Event(EventKind.CASE_MOVED, case_id, {"to": str(to)}, case.unit, "info"))
        return self.case(principal, case_id)

    def _close_case(
        self, uow: UnitOfWork, principal: Principal, case: Case, verdict: Verdict, reason: str
    ) -> None:
        query = select(*ALERT_COLUMNS).where(
            alerts.c.case_id == case.id, alerts.c.state == AlertState.IN_CASE
        )
        for row in uow.execute(query).all():
            self._close(uow, principal, alert_of(row), verdict, reason)
        summary = {"verdict": str(verdict), "level": case.level, "opened_at": case.opened_at.isoformat()}
        self._evidence.record(
            uow,
            kind=EvidenceKind.CASE_CLOSED,
            subject=case.id,
            source="siem",
            summary=summary,
            unit=case.unit,
        )

    def _require_done(self, case_id: str, verdict: Verdict | None) -> None:
        if verdict is None:
            raise Invalid(N_("A case is closed with a verdict."), mend=N_("Choose true, false or benign."))
        with self._database.read() as connection:
            left = [task.title for task in tasks_of(connection, case_id) if task.state is TaskState.OPEN]
        if left:
            raise Conflict(N_("The case has open tasks: %(tasks)s."), tasks=", ".join(left))

    def _worked(self, principal: Principal, case_id: str) -> Case:
        case = self.case(principal, case_id).case
        self._access.require(principal, Permission.SIEM_CASE_WRITE, unit=case.unit)
        return case

    def _covered(self, principal: Principal, unit: str) -> bool:
        return self._access.covers(principal, unit)

    def _attach(self, uow: UnitOfWork, principal: Principal, case_id: str, alert: Alert) -> None:
        state = move_alert(alert.state, AlertState.IN_CASE)
        _change_alert(uow, alert, {"state": state, "case_id": case_id, "assignee": principal.id})
        self._note(uow, principal, case_id, "alert", f"{alert.rule_name}: {alert.id}")

    def _note(self, uow: UnitOfWork, principal: Principal, case_id: str, kind: str, text: str) -> None:
        row = {
            "id": new_id("note"),
            "case_id": case_id,
            "at": self._clock.now(),
            "actor": principal.name,
            "kind": kind,
            "text": text,
        }
        uow.execute(case_timeline.insert().values(row))

    def _observed(self, principal: Principal, found: Sequence[Alert]) -> list[tuple[str, str]]:
        events = [event for alert in found for event in self.evidence_of(principal, alert.id)]
        seen = {
            (kind, str(value)[:300])
            for event in events
            for kind, field in _OBSERVED
            for value in values(event, field)
        }
        return sorted(seen)


def _change_alert(uow: UnitOfWork, alert: Alert, changes: Mapping[str, Any]) -> None:
    """Only if nobody changed its state meanwhile; a growing count is no such change."""
    same = (alerts.c.id == alert.id) & (alerts.c.state == alert.state)
    if not uow.execute(alerts.update().where(same).values(**changes, version=alerts.c.version + 1)).rowcount:
        raise _changed()


def _change_case(uow: UnitOfWork, case: Case, changes: Mapping[str, Any]) -> None:
    same = (cases.c.id == case.id) & (cases.c.version == case.version)
    if not uow.execute(cases.update().where(same).values(**changes, version=case.version + 1)).rowcount:
        raise _changed()


def _changed() -> Conflict:
    return Conflict(N_("Somebody else changed it meanwhile."), mend=N_("Look at it again."))


def _require_text(text: str) -> None:
    if not text.strip():
        raise Invalid(N_("Say why: the reason goes into the record."))


def _no_alert(alert_id: str) -> NotFound:
    return NotFound(N_("There is no alert %(id)s."), id=alert_id)


def _no_case(case_id: str) -> NotFound:
    return NotFound(N_("There is no case %(id)s."), id=case_id)
