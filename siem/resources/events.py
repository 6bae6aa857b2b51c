"""Events as they are stored: one document each, with the usual fields as columns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason, texts
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.ecs import Document, values
from siem.resources.alerts import open_case_choices
from siem.resources.labels import LEVELS, OUTCOMES, RANGES

SHOWN = 300  # characters of a message in lists; the event itself has it whole
LONGEST = 64_000  # characters of one value; a line may be a megabyte
Level = Literal["informational", "low", "medium", "high", "critical"]
# column -> the ECS field it shows
FIELDS: Mapping[str, str] = {
    "host": "host.name",
    "dataset": "event.dataset",
    "action": "event.action",
    "outcome": "event.outcome",
    "source": "source.ip",
    "source_port": "source.port",
    "destination": "destination.ip",
    "destination_port": "destination.port",
    "user": "user.name",
    "process": "process.name",
    "sender": "log.source.ip",
    "code": "event.code",
}


class EventRecord(Record):
    """``fields`` are all of the document's values, as text, by their ECS names; "" is a value that is not there."""

    id: str
    at: datetime
    ingested: datetime
    host: str
    dataset: str
    action: str
    outcome: str
    source: str
    source_port: str
    destination: str
    destination_port: str
    user: str
    process: str
    sender: str
    code: str
    message: str
    original: str
    unit: str
    fields: Mapping[str, tuple[str, ...]]


class CaseOfEvent(Input):
    case: str = Field(
        "", max_length=60, title=N_("Case"), description=N_("Leave it empty to open a new case.")
    )
    title: str = Field("", max_length=300, title=N_("Title of a new case"))
    level: Level = Field("medium", title=N_("Level"), json_schema_extra={"labels": texts(LEVELS)})


def text_of(value: object) -> str:
    """A value of a document as text that every encoding can carry, cut where a page would drown in it."""
    return str(value)[:LONGEST].encode("utf-8", "replace").decode()


def record_of(document: Document, shown: int = LONGEST) -> EventRecord:
    """The document as a record; ``shown`` characters of message and raw line."""

    def one(field: str) -> str:
        return ", ".join(text_of(value) for value in values(document, field)[:5])

    return EventRecord(
        id=document["event.id"],
        at=datetime.fromisoformat(document["@timestamp"]),
        ingested=datetime.fromisoformat(document["event.ingested"]),
        message=one("message")[:shown],
        original=one("event.original")[:shown],
        unit=one("organization.id"),
        fields={
            text_of(name): tuple(text_of(value)[:shown] for value in values(document, name))
            for name in sorted(document)
            if name not in ("event.original", "message")
        },
        **{name: one(field) for name, field in FIELDS.items()},
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Document] = app.siem.events.page(principal, ask)
    return page.map(record_of)


def _item(app: Any, principal: Principal, event_id: str) -> EventRecord:
    return record_of(app.siem.events.event(principal, event_id))


def _to_case(app: Any, principal: Principal, event_id: str, given: CaseOfEvent) -> Done:
    return _all_to_case(app, principal, (event_id,), given)


def _all_to_case(app: Any, principal: Principal, ids: tuple[str, ...], given: CaseOfEvent) -> Done:
    if given.case:
        file = app.siem.cases.add_events(principal, given.case, ids)
    else:
        file = app.siem.cases.open_on_events(principal, ids, given.title, given.level)
    return Done(N_("In the case: %(title)s"), {"title": file.case.title})


def _retain(app: Any, principal: Principal, _id: str, given: Reason) -> Done:
    job = app.siem.ask_retention(principal, given.reason)
    return Done(N_("Handed to the worker; the job tells what was deleted."), job=job)


def _overdue(app: Any, principal: Principal, _id: str) -> list[str]:
    days = [f"{part.name}: {part.events}" for part in app.siem.overdue(principal)]
    return days or [translate(N_("No day is past its time: nothing will be deleted."))]


EVENTS = Resource(
    name="siem.events",
    title=N_("Event search"),
    one=N_("Event"),
    permission=Permission.SIEM_EVENT_READ,
    record=EventRecord,
    page=_page,
    item=_item,
    headline="id",
    sort="-at",
    audited=False,
    empty=N_("No event fits. Widen the time range, or see whether the senders are heard."),
    columns=(
        Column("at", N_("Time"), Cell.TIME, sort="at"),
        Column("host", N_("Host")),
        Column("dataset", N_("Data set"), Cell.CODE, shown=False),
        Column("action", N_("Event action"), Cell.CODE),
        Column("outcome", N_("Outcome"), Cell.STATE, OUTCOMES),
        Column("source", N_("Source address"), Cell.CODE),
        Column("source_port", N_("Source port"), Cell.CODE, shown=False),
        Column("destination", N_("Destination address"), Cell.CODE),
        Column("destination_port", N_("Destination port"), Cell.CODE, shown=False),
        Column("user", N_("User name")),
        Column("message", N_("Text of the event"), Cell.LONG),
        Column("process", N_("Process name"), Cell.CODE, shown=False),
        Column("sender", N_("Sender"), Cell.CODE, shown=False),
        Column("code", N_("Code of the event"), Cell.CODE, shown=False),
        Column("ingested", N_("Received at"), Cell.TIME, shown=False),
        Column("id", N_("Number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("range", N_("Time range"), labels=RANGES),
        Filter("since", N_("From"), FilterKind.TIME),
        Filter("until", N_("Before"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "case",
            N_("Put into a case"),
            Permission.SIEM_CASE_WRITE,
            _to_case,
            CaseOfEvent,
            bulk=True,
            together=_all_to_case,
            key="c",
            choices={"case": open_case_choices},
        ),
        Verb(
            "retain",
            N_("Delete days past their time"),
            Permission.SIEM_EVENT_DELETE,
            _retain,
            Reason,
            on=On.LIST,
            danger=True,
            preview=_overdue,
            explain=N_("It is done every night besides. How long events are kept is a setting."),
        ),
    ),
)
