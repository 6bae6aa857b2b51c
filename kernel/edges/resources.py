"""What console and API show of an object, declared once: its columns, filters, verbs and downloads.

Each room declares its objects in ``resources.py``. The console makes list, detail and action pages of a declaration, the API
makes endpoints and the OpenAPI document of the same one, so that neither can do what the other can't. A declaration holds no
logic: everything goes to one service method, and the services check permissions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page


class Cell(StrEnum):
    """How a value is shown."""

    TEXT = "text"
    CODE = "code"  # identifiers, addresses, digests: fixed width
    TIME = "time"  # relative, the full time beside it
    DAY = "day"
    NUMBER = "number"
    OCTETS = "octets"
    STATE = "state"  # text, icon and colour by ``labels``
    FLAG = "flag"  # yes or no
    LIST = "list"
    LONG = "long"  # text of many lines, as it is
    UNIT = "unit"  # the id of a unit, shown by its name
    PERSON = "person"  # the id of an account, shown by the person's name


class Tone(StrEnum):
    """What a state means to whoever looks: never told by colour alone."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    BUSY = "busy"
    QUIET = "quiet"


@dataclass(frozen=True)
class Label:
    """The name of a value as people say it (a message id) and what it means."""

    text: str
    tone: Tone = Tone.QUIET


Labels = Mapping[str, Label]


@dataclass(frozen=True)
class Link:
    """Where a value leads: the detail page of ``resource`` whose id is in ``field`` ("" : the value itself).

    For values that lead to objects of several kinds ``resource`` is "" and the record's field ``of`` names it ("" : nowhere).
    """

    resource: str
    field: str = ""
    of: str = ""


# value -> shown text, of what the asker may choose from
Choices = Callable[[Any, Principal], Mapping[str, str]]


@dataclass(frozen=True)
class Column:
    """A value of the record: ``name`` is its field, ``label`` a message id."""

    name: str
    label: str
    cell: Cell = Cell.TEXT
    labels: Labels = field(default_factory=dict)
    sort: str = ""  # the Listing's order, if one can order by it
    shown: bool = True  # in the list at first; the others are there to be chosen
    link: Link | None = None
    choices: Choices | None = None  # asks for the names of values that are codes, such as those of platforms


class FilterKind(StrEnum):
    CHOICE = "choice"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True)
class Filter:
    """A filter of the list; ``labels`` are the values of a CHOICE, or ``choices`` asks for them (id -> shown text)."""

    name: str
    label: str
    kind: FilterKind = FilterKind.CHOICE
    labels: Labels = field(default_factory=dict)
    choices: Choices | None = None


class Record(BaseModel):
    """Base of what is shown: values only, immutable, nothing beyond what is declared.

    ``moving`` are fields that change by themselves, such as a counter: no reason to refuse an act on what was shown before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    moving: ClassVar[frozenset[str]] = frozenset()


class Input(BaseModel):
    """Base of what a verb is given. A field's ``title`` and ``description`` are message ids.

    ``json_schema_extra`` of a field: ``{"widget": "area" | "document" | "secret" | "file" | "hidden" | "told"}`` ("told":
    shown and sent back, not typed; "file" for Base64Bytes; the name of the chosen file goes into a hidden field called the
    same with ``_name`` after it; "document" for long texts in fixed width), and ``{"labels": {value: message id}}`` for
    enumerations.
    Lists are forms' lines, mappings lines of ``name=value``. Choices that depend on what there is
    come from the verb's ``choices``. Unknown fields are refused, texts are stripped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Nothing(Input):
    """A verb that needs no more than its object."""


@dataclass(frozen=True)
class Done:
    """What a verb did, for people (``message``, a message id) and for programs.

    ``record`` is the object afterwards or what was made; ``id`` its id; ``job`` the job that carries on the work (202).
    ``secrets`` (message id -> value) are shown this once and kept nowhere. ``rows`` tell what came out in its parts, such as
    the bad rows of a file or the checks of a proof: mappings of the same keys, which are message ids, to plain values.
    ``file`` is what the act hands over once, such as a key that is kept no longer; what can be had again is a Download.
    ``onward`` is a verb that may follow, such as the act itself after its dry run.
    """

    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    record: Record | None = None
    id: str = ""
    job: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    file: "HandedOver | None" = None
    onward: "Onward | None" = None


@dataclass(frozen=True)
class Onward:
    """A verb of the same list whose form begins with these values, by field; those of lists are lines."""

    verb: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class HandedOver:
    """A file that exists nowhere else: name, media type and octets."""

    name: str
    media_type: str
    data: bytes


def outcome(found: Done | WeichengError) -> Done:
    """What an act on one of many came to: raised if it is an error."""
    if isinstance(found, WeichengError):
        raise found
    return found


@dataclass(frozen=True)
class Shape:
    """A verb's form once it is known what for: its input, and what is to be said about that (a message id)."""

    input: type[Input]
    explain: str = ""


class On(StrEnum):
    """What a verb acts on."""

    ITEM = "item"
    LIST = "list"  # the collection as a whole: "collect now"
    NEW = "new"  # makes an object


@dataclass(frozen=True)
class Verb:
    """Something one does. ``run(app, principal, id, input)`` calls one service method; id is "" unless ON ITEM.

    ``permission`` decides whether it is offered (the service decides whether it is allowed), ``when`` whether the object's
    state lets it. ``preview(app, principal, id)`` tells the consequences, translated, one line each. ``second`` is what the
    person must hold who has to approve afterwards. ``bulk``: also for many at once, one by one, by ``many(app, principal,
    ids, input)`` with an outcome or an error for each (where that is cheaper), or by ``together(app, principal, ids, input)``
    as one act. ``gathered(app, asked)``: what several people or programs ask at once as one piece of work, where that is
    cheaper; each gets what tells what came of it, in the language that is then spoken, or raises it. With ``by`` and
    ``shape`` the console asks only for what fits what was chosen first; programs send ``input``, and ``run`` understands
    both. ``trial`` names the verb of the same list that tells what this one would do, from the same fields. ``not_by``
    names the record's field with the id of the one person to whom it is not offered: who proposed something does not
    approve it (the service refuses them too); ``only_by`` the field with the id of who alone is offered it. ``key``: its
    key in lists and detail, the same for the same meaning in every room:
    a take on, approve; x close, reject, except, void; m make it mine; c hand on to a case or for mending; o do it now;
    e change; d done; v verify; w write.
    """

    name: str
    label: str
    permission: Permission | None
    run: Callable[[Any, Principal, str, Any], Done]
    input: type[Input] = Nothing
    on: On = On.ITEM
    when: Callable[[Any], bool] = lambda _record: True
    not_by: str = ""
    only_by: str = ""
    danger: bool = False
    bulk: bool = False
    many: Callable[[Any, Principal, tuple[str, ...], Any], Mapping[str, Done | WeichengError]] | None = None
    together: Callable[[Any, Principal, tuple[str, ...], Any], Done] | None = None
    gathered: Callable[[Any, Sequence[tuple[Principal, Any]]], Sequence[Callable[[], Done]]] | None = None
    key: str = ""
    preview: Callable[[Any, Principal, str], list[str]] | None = None
    second: Permission | None = None
    explain: str = ""  # a message id: what it does, shown above the form
    choices: Mapping[str, Choices] = field(default_factory=dict)  # by field of the input
    initial: Callable[[Any, Principal, str], Mapping[str, Any]] | None = None  # what the form begins with
    by: str = ""  # the field that forms ask for first, where the others depend on it
    shape: Callable[[Any, Principal, str], Shape] | None = None  # the form for a value of that field
    trial: str = ""


@dataclass(frozen=True)
class File:
    """A download: file name, media type and octets, at once or (what is long) piece by piece."""

    name: str
    media_type: str
    data: bytes | Iterator[bytes]


@dataclass(frozen=True)
class Download:
    """A file of an object, or (ON LIST, id "") of all of them; ``get`` calls one service method."""

    name: str
    label: str
    permission: Permission
    get: Callable[[Any, Principal, str], File]
    when: Callable[[Any], bool] = lambda _record: True
    on: On = On.ITEM


@dataclass(frozen=True)
class Related:
    """Another list's rows that belong to an object: ``filters(record)`` is what that list is asked for."""

    label: str
    resource: str
    filters: Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True)
class Resource:
    """An object of a room. ``name`` is "room.plural"; the last part is its path in console and API.

    ``page`` and ``item`` call one service method each and give Records of type ``record``; ``key`` is the field with the id,
    ``headline`` the one people call it by. ``empty`` says what to do when there is none. A ``permission`` of None: everybody
    sees theirs, such as their own tokens.
    """

    name: str
    title: str
    one: str
    permission: Permission | None
    record: type[Record]
    page: Callable[[Any, Principal, Ask], Page[Any]]
    item: Callable[[Any, Principal, str], Any] | None
    columns: tuple[Column, ...]
    key: str = "id"
    headline: str = ""
    filters: tuple[Filter, ...] = ()
    verbs: tuple[Verb, ...] = ()
    downloads: tuple[Download, ...] = ()
    related: tuple[Related, ...] = ()
    sort: str = ""  # the list's own order, for its heads: that of the Listing
    facet: str = ""  # the filter whose values stand above the list with their numbers
    empty: str = N_("There is nothing here yet.")
    searched: bool = False  # part of the search over everything
    live: bool = False  # the list follows what happens
    underway: Callable[[Any], bool] = lambda _record: False  # while it is so, the object's page renews itself
    audited: bool = True  # "all about this object" leads to the audit trail by its id

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]

    @property
    def plural(self) -> str:
        return self.name.partition(".")[2]

    def verb(self, name: str) -> Verb | None:
        return next((verb for verb in self.verbs if verb.name == name), None)
