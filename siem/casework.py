"""Use cases of what is done within a case: tasks and observables."""

from datetime import datetime

from sqlalchemy import Column

from kernel.clock import Clock
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database
from kernel.store.listing import Ask, Listing, Page
from siem.cases import CaseService
from siem.lists import OBSERVABLES, TASKS, of_person
from siem.model import CaseFile, Observable, OfCase, TaskState
from siem.moves import audit_case, note_in_case, observe, require_text
from siem.observed import OBSERVABLE_KINDS
from siem.store import case_observables, case_tasks, cases
from siem.triage import scope_of


class CaseWork:
    """Tasks and observables of the cases the asker sees."""

    def __init__(self, database: Database, clock: Clock, access: Access, cases: CaseService) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._cases = cases

    # --- tasks
    def tasks(self, principal: Principal, ask: Ask) -> Page[OfCase]:
        """Open ones first; ``assignee`` takes "me" and "nobody" besides ids."""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        return self._page(principal, TASKS, of_person(ask, "assignee", principal))

    def task(self, principal: Principal, task_id: str) -> OfCase:
        return self._one(principal, TASKS, case_tasks.c.id, task_id)

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
        require_text(title)
        case = self._cases.worked(principal, case_id)
        row = {"id": new_id("task"), "case_id": case_id, "title": title[:300], "state": TaskState.OPEN}
        with self._database.begin() as uow:
            uow.execute(case_tasks.insert().values(**row, assignee=assignee, due_at=due_at))
            note_in_case(uow, principal, case_id, self._clock.now(), "task", title[:300])
            audit_case(uow, principal, case, {"task": row["id"]})
        return self._cases.case(principal, case_id)

    def finish_task(self, principal: Principal, task_id: str) -> CaseFile:
        """Mark a task done; NotFound when there is no such open task."""
        found = self.task(principal, task_id)
        case = self._cases.worked(principal, found.case)
        now = self._clock.now()
        here = (case_tasks.c.id == task_id) & (case_tasks.c.state == TaskState.OPEN)
        with self._database.begin() as uow:
            change = case_tasks.update().where(here).values(state=TaskState.DONE, done_at=now)
            if not uow.execute(change).rowcount:
                raise NotFound(N_("This case has no open task %(id)s."), id=task_id)
            note_in_case(uow, principal, case.id, now, "done", getattr(found.part, "title", ""))
            audit_case(uow, principal, case, {"done": task_id})
        return self._cases.case(principal, case.id)

    # --- observables
    def observables(self, principal: Principal, ask: Ask) -> Page[OfCase]:
        """Values of all cases: where has this one been seen?"""
        self._access.require(principal, Permission.SIEM_CASE_READ)
        return self._page(principal, OBSERVABLES, ask)

    def observable(self, principal: Principal, observable_id: str) -> OfCase:
        return self._one(principal, OBSERVABLES, case_observables.c.id, observable_id)

    def add_observable(self, principal: Principal, case_id: str, kind: str, value: str) -> CaseFile:
        """A value worth looking for elsewhere; adding it again changes nothing."""
        case = self._cases.worked(principal, case_id)
        require_text(value)
        if kind not in OBSERVABLE_KINDS:
            raise Invalid(N_("An observable is an address, a user or a host."), place="kind")
        with self._database.begin() as uow:
            if observe(uow, case_id, [(kind, value[:300])]):
                told = f"+ {kind}: {value[:300]}"
                note_in_case(uow, principal, case_id, self._clock.now(), "observable", told)
                audit_case(uow, principal, case, {"observable": value[:300]})
        return self._cases.case(principal, case_id)

    def remove_observable(self, principal: Principal, observable_id: str, reason: str) -> CaseFile:
        """It turned out to have nothing to do with the case."""
        require_text(reason)
        found = self.observable(principal, observable_id)
        case = self._cases.worked(principal, found.case)
        assert isinstance(found.part, Observable)
        told = f"- {found.part.kind}: {found.part.value} ({reason})"
        with self._database.begin() as uow:
            gone = case_observables.delete().where(case_observables.c.id == observable_id)
            uow.execute(gone)
            note_in_case(uow, principal, case.id, self._clock.now(), "observable", told)
            audit_case(uow, principal, case, {"removed": found.part.value}, reason)
        return self._cases.case(principal, case.id)

    # --- parts of these
    def _page(self, principal: Principal, listing: Listing[OfCase], ask: Ask) -> Page[OfCase]:
        scope = scope_of(self._database, self._access, principal, cases.c.unit)
        with self._database.read() as connection:
            return listing.page(connection, ask, *scope)

    def _one(
        self, principal: Principal, listing: Listing[OfCase], column: Column[str], part_id: str
    ) -> OfCase:
        self._access.require(principal, Permission.SIEM_CASE_READ)
        with self._database.read() as connection:
            row = connection.execute(listing.query.where(column == part_id)).one_or_none()
        if row is None or not self._access.covers(principal, row.case_unit):
            raise NotFound(N_("There is nothing with the number %(id)s."), id=part_id[:80])
        return listing.row(row)
