"""Tasks and observables of cases."""

from datetime import datetime
from typing import Any

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Link,
    Nothing,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.model import Observable, OfCase, Task
from siem.resources.alerts import assignee_choices
from siem.resources.labels import OBSERVABLES as KINDS
from siem.resources.labels import TASK_STATES


class TaskRecord(Record):
    id: str
    title: str
    state: str
    assignee: str
    assignee_name: str
    due_at: datetime | None
    done_at: datetime | None
    case: str
    case_title: str
    unit: str


class ObservableRecord(Record):
    id: str
    kind: str
    value: str
    case: str
    case_title: str
    unit: str


def _task_record(found: OfCase) -> TaskRecord:
    task = found.part
    assert isinstance(task, Task)
    return TaskRecord(
        id=task.id,
        title=task.title,
        state=str(task.state),
        assignee=task.assignee,
        assignee_name=task.assignee_name,
        due_at=task.due_at,
        done_at=task.done_at,
        case=found.case,
        case_title=found.case_title,
        unit=found.unit,
    )


def _observable_record(found: OfCase) -> ObservableRecord:
    part = found.part
    assert isinstance(part, Observable)
    return ObservableRecord(
        id=part.id,
        kind=part.kind,
        value=part.value,
        case=found.case,
        case_title=found.case_title,
        unit=found.unit,
    )


def _tasks(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Any] = app.siem.work.tasks(principal, ask)
    return page.map(_task_record)


def _task(app: Any, principal: Principal, task_id: str) -> TaskRecord:
    return _task_record(app.siem.work.task(principal, task_id))


def _finish(app: Any, principal: Principal, task_id: str, _given: Nothing) -> Done:
    file = app.siem.work.finish_task(principal, task_id)
    return Done(N_("Finished. The case: %(title)s"), {"title": file.case.title}, id=task_id)


def _observables(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Any] = app.siem.work.observables(principal, ask)
    return page.map(_observable_record)


def _observable(app: Any, principal: Principal, observable_id: str) -> ObservableRecord:
    return _observable_record(app.siem.work.observable(principal, observable_id))


def _remove(app: Any, principal: Principal, observable_id: str, given: Reason) -> Done:
    file = app.siem.work.remove_observable(principal, observable_id, given.reason)
    return Done(N_("Removed. The case: %(title)s"), {"title": file.case.title})


TASKS = Resource(
    name="siem.tasks",
    title=N_("Tasks of cases"),
    one=N_("Task of a case"),
    permission=Permission.SIEM_CASE_READ,
    record=TaskRecord,
    page=_tasks,
    item=_task,
    headline="title",
    sort="-state",
    facet="state",
    audited=False,
    empty=N_("Nothing is to be done. Tasks are added to a case."),
    columns=(
        Column("title", N_("Task to be done"), link=Link("siem.tasks", "id")),
        Column("state", N_("State"), Cell.STATE, TASK_STATES, sort="state"),
        Column("assignee_name", N_("Who is to do it")),
        Column("due_at", N_("Due"), Cell.TIME),
        Column("done_at", N_("Done at"), Cell.TIME),
        Column("case_title", N_("Case"), link=Link("siem.cases", "case")),
    ),
    filters=(
        Filter("state", N_("State"), labels=TASK_STATES),
        Filter("assignee", N_("Who is to do it"), choices=assignee_choices),
        Filter("case", N_("Case"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "finish",
            N_("Finish the task"),
            Permission.SIEM_CASE_WRITE,
            _finish,
            when=lambda task: task.state == "open",
            bulk=True,
            key="d",
        ),
    ),
)
OBSERVABLES = Resource(
    name="siem.observables",
    title=N_("Observables"),
    one=N_("Observable"),
    permission=Permission.SIEM_CASE_READ,
    record=ObservableRecord,
    page=_observables,
    item=_observable,
    headline="value",
    sort="kind",
    facet="kind",
    searched=True,
    audited=False,
    empty=N_("No case names such a value."),
    columns=(
        Column("kind", N_("Kind of value"), Cell.STATE, KINDS, sort="kind"),
        Column("value", N_("Observed value"), Cell.CODE, sort="value", link=Link("siem.observables", "id")),
        Column("case_title", N_("Case"), link=Link("siem.cases", "case")),
    ),
    filters=(
        Filter("kind", N_("Kind of value"), labels=KINDS),
        Filter("value", N_("Observed value"), FilterKind.TEXT),
        Filter("case", N_("Case"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "remove",
            N_("Remove from the case"),
            Permission.SIEM_CASE_WRITE,
            _remove,
            Reason,
            danger=True,
        ),
    ),
    related=(
        Related(N_("The same value in all cases"), "siem.observables", lambda found: {"value": found.value}),
    ),
)
