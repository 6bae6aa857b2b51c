"""An object of no room, declared as rooms declare theirs: notes in a table, with every kind of verb."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Index, Integer, String, Table, func, insert, select, update

from kernel.audit.model import AuditAction
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    HandedOver,
    Input,
    Label,
    Nothing,
    On,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.errors import Conflict, NotFound
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UtcDateTime, metadata
from kernel.store.listing import Ask, Listing, Page, equals, since

READ, WRITE = Permission.ASSET_READ, Permission.ASSET_WRITE

notes = Table(
    "test_notes",
    metadata,
    SqlColumn("id", String(60), primary_key=True),
    SqlColumn("title", String(200), nullable=False),
    SqlColumn("state", String(20), nullable=False),
    SqlColumn("pages", Integer, nullable=False),
    SqlColumn("unit", String(80), nullable=False),
    SqlColumn("created_at", UtcDateTime, nullable=False),
    Index("ix_test_notes_created", "created_at", "id"),
    Index("ix_test_notes_state", "state"),
)


@dataclass(frozen=True)
class Note:
    id: str
    title: str
    state: str
    pages: int
    unit: str
    created_at: datetime


LISTING: Listing[Note] = Listing(
    query=select(notes),
    key=notes.c.id,
    orders={"created": notes.c.created_at, "title": notes.c.title},
    default="-created",
    row=lambda row: Note(*row[:6]),
    text=(notes.c.title,),
    filters={"state": equals(notes.c.state), "since": since(notes.c.created_at)},
    facets={"state": notes.c.state},
)


class Notes:
    """The service: checks permission and unit like any other."""

    def __init__(self, database: Database) -> None:
        self._database, self._access = database, Access(database)

    def page(self, principal: Principal, ask: Ask) -> Page[Note]:
        self._access.require(principal, READ)
        visible = self._access.visible_units(principal)
        scope = () if visible is None else (notes.c.unit.in_(visible),)
        with self._database.read() as connection:
            return LISTING.page(connection, ask, *scope)

    def get(self, principal: Principal, note_id: str) -> Note:
        self._access.require(principal, READ)
        with self._database.read() as connection:
            row = connection.execute(select(notes).where(notes.c.id == note_id)).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound("There is no note %(id)s.", id=note_id)
        return Note(*row)

    def write(self, principal: Principal, title: str) -> Note:
        self._access.require(principal, WRITE)
        with self._database.begin() as uow:
            note = Note(new_id("nte"), title, "open", 1, principal.unit, self._database.clock.now())
            uow.execute(insert(notes).values(**note.__dict__))
            uow.audit(principal, AuditAction.ASSET_PUT, f"note:{note.id}")
        return note

    def close(self, principal: Principal, note_id: str, reason: str) -> Note:
        self._access.require(principal, WRITE)
        note = self.get(principal, note_id)
        if note.state == "closed":
            raise Conflict("Note %(id)s is closed already.", id=note_id)
        with self._database.begin() as uow:
            uow.execute(update(notes).where(notes.c.id == note_id).values(state="closed"))
            uow.audit(principal, AuditAction.ASSET_RETIRE, f"note:{note_id}", reason=reason)
        return self.get(principal, note_id)

    def put(self, note_id: str, title: str) -> None:
        """As if it had been there all the time."""
        row = Note(note_id, title, "open", 1, "u_city", self._database.clock.now())
        with self._database.begin() as uow:
            uow.execute(insert(notes).values(**row.__dict__))

    def count(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(notes)).scalar_one())


class NoteRecord(Record):
    """A note."""

    id: str
    title: str
    state: str
    pages: int
    unit: str
    created_at: datetime


class NewNote(Input):
    """What a note begins with."""

    title: str = Field(min_length=1, max_length=100, title="Title", examples=["Keys"])
    text: str = Field(default="", max_length=1000, json_schema_extra={"widget": "area"})
    attachment: Base64Bytes | None = Field(default=None, json_schema_extra={"widget": "file"})


class Closing(Input):
    """Why it is closed."""

    reason: str = Field(min_length=1, max_length=500)


def _record(note: Note) -> NoteRecord:
    return NoteRecord(**note.__dict__)


def _service(app: Any) -> Notes:
    return Notes(app.floor.database)


def _written(app: Any, principal: Principal, _id: str, given: NewNote) -> Done:
    note = _service(app).write(principal, given.title)
    return Done("Note %(title)s was written.", {"title": note.title}, _record(note), note.id)


def _sealed(app: Any, principal: Principal, _id: str, given: NewNote) -> Done:
    note = _service(app).write(principal, given.title)
    return Done("Written.", {}, _record(note), note.id, secrets={"Password": f"secret of {note.title}"})


def _closed(app: Any, principal: Principal, note_id: str, given: Closing) -> Done:
    if given.reason == "burst":
        raise RuntimeError("a fault inside, with hidden detail")
    note = _service(app).close(principal, note_id, given.reason)
    return Done("Note %(title)s was closed.", {"title": note.title}, _record(note), note.id)


def _copied(app: Any, principal: Principal, note_id: str, _given: Nothing) -> Done:
    note = _service(app).get(principal, note_id)
    return Done("The copy is being made.", {}, None, note.id, job="job_of_copy")


def _bound(app: Any, principal: Principal, ids: tuple[str, ...], _given: Nothing) -> Done:
    found = [_service(app).get(principal, note_id) for note_id in ids]
    rows = [{"title": note.title, "pages": note.pages} for note in found]
    file = HandedOver("volume.txt", "text/plain", "\n".join(note.title for note in found).encode())
    return Done("%(count)s notes are bound.", {"count": len(found)}, rows=rows, file=file)


def _bound_one(app: Any, principal: Principal, note_id: str, given: Nothing) -> Done:
    return _bound(app, principal, (note_id,), given)


def _counted(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    _service(app).page(principal, Ask(limit=1))
    return Done("Counted.", {})


def _text(app: Any, principal: Principal, note_id: str) -> File:
    note = _service(app).get(principal, note_id)
    return File(f"{note.title}.txt", "text/plain; charset=utf-8", note.title.encode())


def _index(app: Any, principal: Principal, _id: str) -> File:
    page = _service(app).page(principal, Ask(sort="created", limit=500))
    return File(
        "index.txt",
        "text/plain; charset=utf-8",
        iter(["\n".join(note.title for note in page.items).encode()]),
    )


STATES = {"open": Label("open", Tone.BUSY), "closed": Label("closed", Tone.GOOD)}

RESOURCE = Resource(
    name="desk.notes",
    title="Notes",
    one="Note",
    permission=READ,
    record=NoteRecord,
    page=lambda app, principal, ask: _service(app).page(principal, ask).map(_record),
    item=lambda app, principal, note_id: _record(_service(app).get(principal, note_id)),
    columns=(
        Column("title", "Title", sort="title"),
        Column("state", "State", Cell.STATE, STATES),
        Column("created_at", "Created", Cell.TIME, sort="created"),
    ),
    filters=(
        Filter("state", "State", labels=STATES),
        Filter("since", "Since", FilterKind.TIME),
    ),
    verbs=(
        Verb("write", "Write a note", WRITE, _written, NewNote, On.NEW),
        Verb("seal", "Write a sealed note", WRITE, _sealed, NewNote, On.NEW),
        Verb("count", "Count the notes", READ, _counted, on=On.LIST),
        Verb("close", "Close", WRITE, _closed, Closing, danger=True, bulk=True),
        Verb("copy", "Copy", WRITE, _copied),
        Verb("bind", "Bind", WRITE, _bound_one, bulk=True, together=_bound),
    ),
    downloads=(
        Download("text", "Text", READ, _text),
        Download("close", "Last page", READ, _text),
        Download("index", "Index", READ, _index, on=On.LIST),
    ),
    facet="state",
)
