"""Lists of compromised keys: a request for a key that one of them holds is refused."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.registration.blocklists import Blocklist
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Label,
    Labels,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import reason_field
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
KINDS: Labels = {
    "sha256": Label(N_("badkeys (SHA-256, first 120 bits)")),
    "sha1": Label(N_("openssl-blacklist (SHA-1, last 80 bits)")),
}


class BlocklistRecord(Record):
    name: str
    kind: str
    keys: int
    sha256: str
    loaded_at: datetime | None
    loaded_by: str
    reason: str


class Load(Input):
    name: str = Field(
        min_length=1,
        max_length=40,
        title=N_("Name of the list"),
        description=N_(
            "a-z, 0-9 and hyphen. The name of a list in use: the new one takes its place, and has to hold all its keys."
        ),
    )
    content: Base64Bytes = Field(
        title=N_("File of the list"),
        description=N_(
            "badkeys' blocklist.dat, or a text of openssl-blacklist. One that is too large for the console is loaded on the"
            " server: weicheng ca blocklist load."
        ),
        json_schema_extra={"widget": "file"},
    )
    reason: str = reason_field()


def blocklist_record(found: Blocklist) -> BlocklistRecord:
    return BlocklistRecord(**vars(found))


def _page(app: Any, principal: Principal, ask: Ask) -> Page[BlocklistRecord]:
    return app.ca.blocklists.page(principal, ask).map(blocklist_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, name: str) -> BlocklistRecord:
    return blocklist_record(app.ca.blocklists.get(principal, name))


def _load(app: Any, principal: Principal, _id: str, given: Load) -> Done:
    made = app.ca.blocklists.load(principal, given.name, given.content, given.reason)
    return Done(
        N_("The list %(name)s is in use: %(count)s keys are certified nevermore."),
        {"name": made.name, "count": made.keys},
        record=blocklist_record(made),
        id=made.name,
    )


BLOCKLISTS = Resource(
    name="ca.blocklists",
    title=N_("Lists of compromised keys"),
    one=N_("List of compromised keys"),
    permission=_P.CA_READ,
    record=BlocklistRecord,
    page=_page,
    item=_item,
    key="name",
    columns=(
        Column("name", N_("Name of the list"), Cell.CODE),
        Column("kind", N_("Kind of the list"), Cell.STATE, KINDS),
        Column("keys", N_("Keys in it"), Cell.NUMBER),
        Column("loaded_at", N_("Loaded last at"), Cell.TIME),
        Column("loaded_by", N_("Loaded by"), Cell.PERSON),
        Column("reason", N_("Reason"), Cell.LONG),
        Column("sha256", N_("SHA-256 of its records"), Cell.CODE, shown=False),
    ),
    filters=(Filter("kind", N_("Kind of the list"), labels=KINDS),),
    verbs=(
        Verb(
            "load",
            N_("Load a list"),
            _P.CA_CEREMONY_PROPOSE,
            _load,
            Load,
            On.NEW,
            explain=N_(
                "From now on requests for its keys are refused; certificates that were issued before stay in force. A list"
                " is never taken out of use, and forgets no key."
            ),
        ),
    ),
    empty=N_(
        "No list is loaded. Weak keys are found without one, too; Debian's of 2008 and leaked ones only by a list."
        " Carry one over and load it."
    ),
)
