"""A small object of our own, declared as rooms declare theirs: what the engines make of any declaration is tried on it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import Base64Bytes, Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Input,
    Label,
    On,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.errors import Conflict, Invalid, NotFound
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page, page_of

LABELS = {"new": Label("New", Tone.WARN), "kept": Label("Kept", Tone.GOOD), "gone": Label("Gone", Tone.BAD)}


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Thing(Record):
    id: str
    name: str
    state: str
    made_at: datetime


class Make(Input):
    name: str = Field(title="Name", min_length=1, max_length=60)
    colour: Colour = Field(title="Colour", json_schema_extra={"labels": {"red": "Red", "green": "Green"}})
    parts: tuple[str, ...] = Field(default=(), title="Parts")
    attributes: dict[str, str] = Field(default_factory=dict, title="Attributes")
    when: datetime | None = Field(default=None, title="When")
    paper: Base64Bytes | None = Field(default=None, title="Paper", json_schema_extra={"widget": "file"})
    password: str = Field(default="", title="Password", json_schema_extra={"widget": "secret"})
    urgent: bool = Field(default=False, title="Urgent")


class Reason(Input):
    reason: str = Field(title="Reason", min_length=1, max_length=200)


@dataclass
class Shelf:
    """Where the things are; ``made`` keeps the inputs of the verb that makes them."""

    things: dict[str, Thing] = field(default_factory=dict)
    made: list[Make] = field(default_factory=list)

    def put(self, name: str, state: str = "new", thing_id: str = "") -> Thing:
        thing_id = thing_id or f"thing_{len(self.things):03}"
        thing = Thing(id=thing_id, name=name, state=state, made_at=datetime(2026, 11, 23, tzinfo=UTC))
        self.things[thing_id] = thing
        return thing


def declaration(shelf: Shelf) -> Resource:
    """The things of a shelf, for holders of ASSET_READ; changing them needs ASSET_WRITE."""

    def page(_app: Any, _principal: Principal, ask: Ask) -> Page[Thing]:
        return page_of(
            tuple(shelf.things.values()),
            ask,
            key=lambda thing: thing.id,
            text=lambda thing: (thing.name,),
            filters={"state": lambda thing: thing.state},
            orders={"name": lambda thing: thing.name},
            facets=("state",),
        )

    def item(_app: Any, _principal: Principal, thing_id: str) -> Thing:
        if thing_id not in shelf.things:
            raise NotFound("There is no request %(id)s.", id=thing_id)
        return shelf.things[thing_id]

    def make(_app: Any, _principal: Principal, _id: str, given: Make) -> Done:
        if given.name == "refused":
            raise Invalid("The service says no.", mend="Take another name.")
        shelf.made.append(given)
        thing = shelf.put(given.name)
        secrets = {"Password": given.password} if given.password else {}
        return Done("Made.", record=thing, id=thing.id, secrets=secrets)

    def drop(app: Any, principal: Principal, thing_id: str, given: Reason) -> Done:
        found = item(app, principal, thing_id)
        if found.state == "gone":
            raise Conflict("It is gone already.")
        shelf.things[thing_id] = found.model_copy(update={"state": "gone"})
        return Done("Dropped %(name)s: %(reason)s", {"name": found.name, "reason": given.reason})

    return Resource(
        name="shelf.things",
        title="Things",
        one="Thing",
        permission=Permission.ASSET_READ,
        record=Thing,
        page=page,
        item=item,
        headline="name",
        facet="state",
        columns=(
            Column("name", "Name", sort="name"),
            Column("state", "State", Cell.STATE, LABELS),
            Column("made_at", "When this thing was made", Cell.TIME, shown=False),
        ),
        filters=(Filter("state", "State", FilterKind.CHOICE, LABELS),),
        verbs=(
            Verb("make", "Make", Permission.ASSET_WRITE, make, Make, On.NEW),
            Verb(
                "drop",
                "Drop",
                Permission.ASSET_WRITE,
                drop,
                Reason,
                danger=True,
                bulk=True,
                preview=lambda _app, _principal, thing_id: [f"{thing_id} will be gone."],
            ),
        ),
        downloads=(
            Download(
                "label",
                "Label",
                Permission.ASSET_READ,
                lambda app, principal, thing_id: File(
                    "label.txt", "text/plain; charset=utf-8", item(app, principal, thing_id).name.encode()
                ),
            ),
        ),
        empty="No thing yet. Make the first one.",
    )
