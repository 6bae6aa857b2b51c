"""Cases: opened, worked on, moved from state to state, closed with a verdict."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Input,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, texts
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.lists import ME
from siem.model import Case, CaseFile, CaseState
from siem.resources.inputs import Judge, people_choices
from siem.resources.labels import CASE_STATES, LEVELS, OBSERVABLES, VERDICTS

_WRITE = Permission.SIEM_CASE_WRITE
ObservableKind = Literal["ip", "user", "host"]


class CaseRecord(Record):
    moving: ClassVar[frozenset[str]] = frozenset({"version"})

    id: str
    title: str
    level: str
    state: str
    verdict: str
    owner: str
    owner_name: str
    unit: str
    unit_name: str
    opened_at: datetime
    contained_at: datetime | None
    recovered_at: datetime | None
    closed_at: datetime | None
    summary: str
    version: int


class Open(Input):
    alerts: tuple[str, ...] = Field(
        min_length=1, max_length=500, title=N_("Numbers of the alerts"), description=N_("One a line.")
    )
    title: str = Field(
        "",
        max_length=300,
        title=N_("Title of a new case"),
        description=N_("The gravest alert's title unless you write another."),
    )


class AddAlerts(Input):
    alerts: tuple[str, ...] = Field(
        min_length=1, max_length=500, title=N_("Numbers of the alerts"), description=N_("One a line.")
    )


class Note(Input):
    text: str = Field(min_length=1, max_length=10_000, title=N_("Note"), json_schema_extra={"widget": "area"})


class Task(Input):
    title: str = Field(min_length=1, max_length=300, title=N_("Task to be done"))
    assignee: str = Field("", max_length=80, title=N_("Who is to do it"))
    due_at: datetime | None = Field(None, title=N_("Due"))


class Observe(Input):
    kind: ObservableKind = Field(title=N_("Kind of value"), json_schema_extra={"labels": texts(OBSERVABLES)})
    value: str = Field(min_length=1, max_length=300, title=N_("Observed value"))


def record_of(case: Case) -> CaseRecord:
    return CaseRecord(
        id=case.id,
        title=case.title,
        level=case.level,
        state=str(case.state),
        verdict=str(case.verdict or ""),
        owner=case.owner,
        owner_name=case.owner_name,
        unit=case.unit,
        unit_name=case.unit_name,
        opened_at=case.opened_at,
        contained_at=case.contained_at,
        recovered_at=case.recovered_at,
        closed_at=case.closed_at,
        summary=case.summary,
        version=case.version,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Any] = app.siem.cases.page(principal, ask)
    return page.map(record_of)


def _item(app: Any, principal: Principal, case_id: str) -> CaseRecord:
    return record_of(app.siem.cases.case(principal, case_id).case)


def _done(message: str, file: CaseFile) -> Done:
    return Done(message, {"title": file.case.title}, record_of(file.case), file.case.id)


def _open(app: Any, principal: Principal, _id: str, given: Open) -> Done:
    return _done(N_("Case opened: %(title)s"), app.siem.cases.open(principal, given.alerts, given.title))


def _take(app: Any, principal: Principal, case_id: str, _given: Nothing) -> Done:
    return _done(N_("The case is yours: %(title)s"), app.siem.cases.take(principal, case_id))


def _add(app: Any, principal: Principal, case_id: str, given: AddAlerts) -> Done:
    return _done(N_("In the case: %(title)s"), app.siem.cases.add_alerts(principal, case_id, given.alerts))


def _note(app: Any, principal: Principal, case_id: str, given: Note) -> Done:
    return _done(N_("Noted: %(title)s"), app.siem.cases.add_note(principal, case_id, given.text))


def _task(app: Any, principal: Principal, case_id: str, given: Task) -> Done:
    file = app.siem.work.add_task(
        principal, case_id, given.title, assignee=given.assignee, due_at=given.due_at
    )
    return _done(N_("Task added: %(title)s"), file)


def _observe(app: Any, principal: Principal, case_id: str, given: Observe) -> Done:
    file = app.siem.work.add_observable(principal, case_id, given.kind, given.value)
    return _done(N_("Observable added: %(title)s"), file)


def _contain(app: Any, principal: Principal, case_id: str, given: Reason) -> Done:
    file = app.siem.cases.move(principal, case_id, CaseState.CONTAINED, given.reason)
    return _done(N_("Contained: %(title)s"), file)


def _recover(app: Any, principal: Principal, case_id: str, given: Reason) -> Done:
    file = app.siem.cases.move(principal, case_id, CaseState.RECOVERED, given.reason)
    return _done(N_("Recovered: %(title)s"), file)


def _close(app: Any, principal: Principal, case_id: str, given: Judge) -> Done:
    file = app.siem.cases.move(principal, case_id, CaseState.CLOSED, given.reason, given.verdict)
    return _done(N_("Case closed: %(title)s"), file)


def _reopen(app: Any, principal: Principal, case_id: str, given: Reason) -> Done:
    file = app.siem.cases.move(principal, case_id, CaseState.OPEN, given.reason)
    return _done(N_("Case open again: %(title)s"), file)


def _closing(app: Any, principal: Principal, case_id: str) -> list[str]:
    file: CaseFile = app.siem.cases.case(principal, case_id)
    waiting = sum(alert.state == "in_case" for alert in file.alerts)
    open_tasks = sum(task.state == "open" for task in file.tasks)
    lines = [translate(N_("Alerts that are closed with it: %(count)s"), count=waiting)]
    if open_tasks:
        lines.append(translate(N_("Tasks that have to be finished first: %(count)s"), count=open_tasks))
    lines.append(translate(N_("The closed case is recorded as evidence.")))
    return lines


def _report(app: Any, principal: Principal, case_id: str) -> File:
    return File(f"{case_id}.json", "application/json", app.siem.cases.report(principal, case_id))


def _owners(app: Any, principal: Principal) -> Mapping[str, str]:
    return {ME: translate(N_("Me")), **people_choices(app, principal)}


CASES = Resource(
    name="siem.cases",
    title=N_("Cases"),
    one=N_("Case"),
    permission=Permission.SIEM_CASE_READ,
    record=CaseRecord,
    page=_page,
    item=_item,
    headline="title",
    sort="-opened_at",
    facet="state",
    searched=True,
    live=True,
    empty=N_("There is no case that fits. Cases are opened on alerts, or on events of the search."),
    columns=(
        Column("title", N_("Title of the case")),
        Column("level", N_("Level"), Cell.STATE, LEVELS),
        Column("state", N_("State"), Cell.STATE, CASE_STATES),
        Column("owner_name", N_("Owner")),
        Column("opened_at", N_("Opened"), Cell.TIME, sort="opened_at"),
        Column("contained_at", N_("Contained at"), Cell.TIME, shown=False),
        Column("recovered_at", N_("Recovered at"), Cell.TIME, shown=False),
        Column("closed_at", N_("Closed at"), Cell.TIME),
        Column("verdict", N_("Verdict"), Cell.STATE, VERDICTS),
        Column("summary", N_("Summary of the case"), Cell.LONG, shown=False),
        Column("unit_name", N_("Unit"), shown=False),
        Column("id", N_("Number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=CASE_STATES),
        Filter("level", N_("Level"), labels=LEVELS),
        Filter("owner", N_("Owner"), choices=_owners),
        Filter("verdict", N_("Verdict"), labels=VERDICTS),
        UNIT,
        Filter("since", N_("Opened since"), FilterKind.TIME),
        Filter("until", N_("Opened before"), FilterKind.TIME),
    ),
    verbs=(
        Verb("open", N_("Open a case"), _WRITE, _open, Open, on=On.NEW),
        Verb("take", N_("Take over"), _WRITE, _take, when=lambda case: case.state != "closed", key="m"),
        Verb("note", N_("Write a note"), _WRITE, _note, Note, key="w"),
        Verb(
            "task",
            N_("Add a task"),
            _WRITE,
            _task,
            Task,
            when=lambda case: case.state != "closed",
            choices={"assignee": people_choices},
        ),
        Verb(
            "observe",
            N_("Add an observable"),
            _WRITE,
            _observe,
            Observe,
            when=lambda case: case.state != "closed",
        ),
        Verb("add", N_("Add alerts"), _WRITE, _add, AddAlerts, when=lambda case: case.state != "closed"),
        Verb(
            "contain",
            N_("Mark as contained"),
            _WRITE,
            _contain,
            Reason,
            when=lambda case: case.state == "open",
        ),
        Verb(
            "recover",
            N_("Mark as recovered"),
            _WRITE,
            _recover,
            Reason,
            when=lambda case: case.state == "contained",
        ),
        Verb(
            "close",
            N_("Close the case"),
            _WRITE,
            _close,
            Judge,
            when=lambda case: case.state in ("open", "recovered"),
            preview=_closing,
            key="x",
        ),
        Verb("reopen", N_("Open again"), _WRITE, _reopen, Reason, when=lambda case: case.state != "open"),
    ),
    downloads=(Download("report", N_("Report of the case (JSON)"), Permission.SIEM_CASE_READ, _report),),
    related=(
        Related(N_("Alerts"), "siem.alerts", lambda case: {"case": case.id}),
        Related(N_("Tasks"), "siem.tasks", lambda case: {"case": case.id}),
        Related(N_("Observables"), "siem.observables", lambda case: {"case": case.id}),
    ),
)
