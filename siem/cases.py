"""Use cases of cases: open, take over, gather alerts and events, tasks, notes, observables, move on and close (SIEM-5)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import orjson

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
from kernel.store import Database, UnitOfWork, insert_if_absent
from kernel.store.listing import Ask, Page
from siem.ecs import Document
from siem.lists import CASES, of_person
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
    move_case,
)
from siem.moves import (
    audit_case,
    changed,
    close_alert,
    note_in_case,
    observe,
    put_into_case,
    require_text,
)
from siem.observed import level_of, observed_in
from siem.store import (
    SELECT_ALERTS,
    alert_of,
    alerts,
    case_events,
    case_file,
    cases,
    tasks_of,
)
from siem.triage import TriageService, scope_of

_STAMPS = {
    CaseState.CONTAINED: "contained_at",
    CaseState.RECOVERED: "recovered_at",
    CaseState.CLOSED: "closed_at",
}
Fetch = Callable[[Principal, Sequence[str]], list[Document]]


class CaseService:
    """Cases of the units the asker sees. ``fetch`` gives the events that a principal may see, by their ids."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        evidence: EvidenceService,
        triage: TriageService,
        fetch: Fetch,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._evidence = evidence
        self._triage = triage
        self._fetch = fetch

    # --- looking
    def page(self, principal: Principal, ask: Ask) -> Page[Case]:
        """Newest first; ``owner`` takes "me" besides ids."""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        scope = scope_of(self._database, self._access, principal, cases.c.unit)
        with self._database.read() as connection:
            return CASES.page(connection, of_person(ask, "owner", principal), *scope)

    def case(self, principal: Principal, case_id: str) -> CaseFile:
        """A case with its alerts, timeline, tasks, observables and events."""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        with self._database.read() as connection:
            found = case_file(connection, case_id)
        if found is None or not self._access.covers(principal, found.case.unit):
            raise NotFound(N_("There is no case %(id)s."), id=case_id)
        return found

    def events_of(self, principal: Principal, case_id: str) -> list[Document]:
        """The events put into the case one by one, oldest first, as far as the store still has them."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        return self._fetch(principal, self.case(principal, case_id).events)

    def report(self, principal: Principal, case_id: str) -> bytes:
        """The whole case as JSON, to be handed on; audited."""
        file = self.case(principal, case_id)
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.CASE_EXPORT, case_id, unit=file.case.unit)
        return orjson.dumps(asdict(file), option=orjson.OPT_INDENT_2)

    # --- opening and filling
    def open(self, principal: Principal, alert_ids: Sequence[str], title: str = "") -> CaseFile:
        """Make a case of one or more alerts of one unit; addresses, users and hosts of their events become observables."""
        found = [self._triage.triaged(principal, alert_id) for alert_id in dict.fromkeys(alert_ids)]
        if not found:
            raise Invalid(N_("A case begins with at least one alert."))
        worst = max(found, key=lambda alert: SEVERITY[alert.level])
        unit = self._one_unit(principal, [alert.unit for alert in found])
        row = self._new(principal, title or worst.titles["zh_CN"], worst.level, unit)
        events = [event for alert in found for event in self._triage.evidence_of(principal, alert.id)]
        with self._database.begin() as uow:
            self._insert(uow, principal, row, events, {"alerts": [alert.id for alert in found]})
            for alert in found:
                self._attach(uow, principal, row["id"], alert)
        return self.case(principal, row["id"])

    def open_on_events(
        self, principal: Principal, event_ids: Sequence[str], title: str, level: str
    ) -> CaseFile:
        """Make a case of events that no rule found; they are kept with it."""
        require_text(title)
        self._access.require(principal, Permission.SIEM_CASE_WRITE)
        events = self._events(principal, event_ids)
        unit = self._one_unit(principal, [str(event.get("organization.id", "")) for event in events])
        row = self._new(principal, title, level_of(level), unit)
        with self._database.begin() as uow:
            named = {"events": [event["event.id"] for event in events]}
            self._insert(uow, principal, row, events, named)
            self._keep(uow, principal, row["id"], events)
        return self.case(principal, row["id"])

    def add_alerts(self, principal: Principal, case_id: str, alert_ids: Sequence[str]) -> CaseFile:
        """Put more alerts of the same unit into an open case: all of them or none."""
        case = self.worked(principal, case_id)
        found = [self._triage.triaged(principal, alert_id) for alert_id in dict.fromkeys(alert_ids)]
        self._one_unit(principal, [case.unit, *(alert.unit for alert in found)])
        with self._database.begin() as uow:
            for alert in found:
                self._attach(uow, principal, case_id, alert)
            audit_case(uow, principal, case, {"alerts": [alert.id for alert in found]})
        return self.case(principal, case_id)

    def add_events(self, principal: Principal, case_id: str, event_ids: Sequence[str]) -> CaseFile:
        """Keep events with an open case of the same unit, and what they name as observables."""
        case = self.worked(principal, case_id)
        events = self._events(principal, event_ids)
        self._one_unit(principal, [case.unit, *(str(event.get("organization.id", "")) for event in events)])
        with self._database.begin() as uow:
            self._keep(uow, principal, case_id, events)
            observe(uow, case_id, observed_in(events))
            audit_case(uow, principal, case, {"events": [event["event.id"] for event in events]})
        return self.case(principal, case_id)

    # --- working
    def take(self, principal: Principal, case_id: str, reason: str = "") -> CaseFile:
        """Become the owner of an open case."""
        case = self.worked(principal, case_id)
        with self._database.begin() as uow:
            _change(uow, case, {"owner": principal.id})
            self._note(uow, principal, case_id, "owner", reason or principal.name)
            told = {"from": case.owner}
            uow.audit(
                principal, AuditAction.CASE_TAKE, case_id, unit=case.unit, reason=reason or None, details=told
            )
        return self.case(principal, case_id)

    def add_note(self, principal: Principal, case_id: str, text: str) -> CaseFile:
        """Write into the timeline."""
        require_text(text)
        case = self.worked(principal, case_id, even_closed=True)
        with self._database.begin() as uow:
            self._note(uow, principal, case_id, "note", text)
            uow.audit(principal, AuditAction.CASE_NOTE, case_id, unit=case.unit)
        return self.case(principal, case_id)

    def move(
        self, principal: Principal, case_id: str, to: CaseState, reason: str, verdict: Verdict | None = None
    ) -> CaseFile:
        """Contain, recover, close (with a verdict: its alerts are closed too, and it becomes evidence) or open again."""
        require_text(reason)
        case = self.worked(principal, case_id, even_closed=True)
        changes: dict[str, Any] = {"state": move_case(case.state, to), "verdict": None}
        if to in _STAMPS:
            changes[_STAMPS[to]] = self._clock.now()
        if to is CaseState.CLOSED:
            self._require_done(case_id, verdict)
            changes |= {"verdict": verdict, "summary": reason}
        with self._database.begin() as uow:
            _change(uow, case, changes)
            self._note(uow, principal, case_id, "state", f"{case.state} → {to}: {reason}")
            if to is CaseState.CLOSED and verdict is not None:
                self._close(uow, principal, case, verdict, reason)
            told = {"to": str(to)}
            uow.audit(principal, AuditAction.CASE_MOVE, case_id, unit=case.unit, reason=reason, details=told)
            uow.emit(Event(EventKind.CASE_MOVED, case_id, told, case.unit, "info"))
        return self.case(principal, case_id)

    # --- parts of these
    def _one_unit(self, principal: Principal, units: Sequence[str]) -> str:
        """The unit that all of them belong to, which the principal works for."""
        if len(set(units)) > 1:
            raise Conflict(N_("They belong to different units."), mend=N_("Open one case for each unit."))
        self._access.require(principal, Permission.SIEM_CASE_WRITE, unit=units[0])
        return units[0]

    def _events(self, principal: Principal, event_ids: Sequence[str]) -> list[Document]:
        names = list(dict.fromkeys(event_ids))
        found = self._fetch(principal, names)
        missing = set(names) - {event["event.id"] for event in found}
        if missing or not found:
            raise NotFound(N_("There is no event %(id)s."), id=", ".join(sorted(missing))[:200])
        return found

    def _new(self, principal: Principal, title: str, level: str, unit: str) -> dict[str, Any]:
        return {
            "id": new_id("case"),
            "title": title[:300],
            "level": level,
            "state": CaseState.OPEN,
            "unit": unit,
            "owner": principal.id,
            "opened_at": self._clock.now(),
            "summary": "",
            "version": 1,
        }

    def _insert(
        self,
        uow: UnitOfWork,
        principal: Principal,
        row: dict[str, Any],
        events: Sequence[Document],
        named: dict[str, list[str]],
    ) -> None:
        uow.execute(cases.insert().values(row))
        self._note(uow, principal, row["id"], "opened", row["title"])
        observe(uow, row["id"], observed_in(events))
        uow.audit(principal, AuditAction.CASE_OPEN, row["id"], unit=row["unit"], details=named)
        told = {"title": row["title"], "alerts": len(named.get("alerts", ()))}
        uow.emit(Event(EventKind.CASE_OPENED, row["id"], told, row["unit"], event_severity(row["level"])))

    def _attach(self, uow: UnitOfWork, principal: Principal, case_id: str, alert: Alert) -> None:
        put_into_case(uow, principal, alert, self._clock.now(), case_id)
        self._note(uow, principal, case_id, "alert", f"{alert.rule_name}: {alert.id}")

    def _keep(self, uow: UnitOfWork, principal: Principal, case_id: str, events: Sequence[Document]) -> None:
        for event in events:
            if insert_if_absent(
                uow.connection, case_events, {"case_id": case_id, "event_id": event["event.id"]}
            ):
                told = str(event.get("message", ""))[:300]
                self._note(uow, principal, case_id, "event", f"{event['event.id']}: {told}")

    def _close(
        self, uow: UnitOfWork, principal: Principal, case: Case, verdict: Verdict, reason: str
    ) -> None:
        query = SELECT_ALERTS.where(alerts.c.case_id == case.id, alerts.c.state == AlertState.IN_CASE)
        for row in uow.execute(query).all():
            close_alert(uow, principal, alert_of(row), self._clock.now(), verdict, reason)
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

    def worked(self, principal: Principal, case_id: str, *, even_closed: bool = False) -> Case:
        """The case, for somebody who may work on it; Conflict for a closed one."""
        case = self.case(principal, case_id).case
        self._access.require(principal, Permission.SIEM_CASE_WRITE, unit=case.unit)
        if case.state is CaseState.CLOSED and not even_closed:
            raise Conflict(N_("The case is closed."), mend=N_("Open it again and say why."))
        return case

    def _note(self, uow: UnitOfWork, principal: Principal, case_id: str, kind: str, text: str) -> None:
        note_in_case(uow, principal, case_id, self._clock.now(), kind, text)


def _change(uow: UnitOfWork, case: Case, changes: dict[str, Any]) -> None:
    same = (cases.c.id == case.id) & (cases.c.version == case.version)
    if not uow.execute(cases.update().where(same).values(**changes, version=case.version + 1)).rowcount:
        raise changed()
