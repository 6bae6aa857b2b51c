"""The transparency log: its signed tree heads and its entries; the register of time-stamps."""

import json
from datetime import datetime
from typing import Any

from ca.resources.labels import REASON_LABELS
from ca.timestamps.model import Stamped
from ca.transparency import public
from ca.transparency.model import Entry, Inclusion, SignedHead
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Label,
    Labels,
    Link,
    On,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
ENTRY_TYPES: Labels = {
    "issued": Label(N_("logged: issued"), Tone.GOOD),
    "held": Label(N_("logged: suspended"), Tone.WARN),
    "released": Label(N_("logged: released"), Tone.GOOD),
    "revoked": Label(N_("logged: revoked"), Tone.BAD),
}
DIGESTS: Labels = {name: Label(name) for name in ("sha256", "sha384", "sha512", "sm3")}


# --- tree heads
class HeadRecord(Record):
    id: str
    number: int
    size: int
    root: str
    at: datetime
    log: str


def head_record(found: SignedHead) -> HeadRecord:
    head = found.head
    return HeadRecord(
        id=str(found.number), number=found.number, size=head.size, root=head.root, at=head.at, log=head.log
    )


def _heads(app: Any, principal: Principal, ask: Ask) -> Page[HeadRecord]:
    return app.ca.log.heads(principal, ask).map(head_record)  # type: ignore[no-any-return]


def _head(app: Any, principal: Principal, number: str) -> HeadRecord:
    return head_record(app.ca.log.signed_head(principal, number))


def _head_file(app: Any, principal: Principal, number: str) -> File:
    found = app.ca.log.signed_head(principal, number)
    return _json_file(f"tree-head-{found.number}.json", public.head_json(app.ca.log, found))


def _leaves(app: Any, _principal: Principal, _id: str) -> File:
    return File("entries.jsonl", "application/jsonl", app.ca.log.everything())


def _check(app: Any, principal: Principal, _id: str, _given: Any) -> Done:
    job = app.ca.log.queue_check(principal)
    return Done(N_("The worker compares the log with itself and with the register."), job=job)


def _json_file(name: str, value: Any) -> File:
    return File(name, "application/json", json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


TREE_HEADS = Resource(
    name="ca.tree-heads",
    title=N_("Transparency log: tree heads"),
    one=N_("Tree head"),
    permission=_P.LOG_READ,
    record=HeadRecord,
    page=_heads,
    item=_head,
    columns=(
        Column("number", N_("Number of the head"), Cell.NUMBER, sort="number"),
        Column("at", N_("Signed at"), Cell.TIME),
        Column("size", N_("Entries in the log"), Cell.NUMBER),
        Column("root", N_("Root hash"), Cell.CODE),
        Column("log", N_("Log"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("since", N_("Signed since"), FilterKind.TIME),
        Filter("until", N_("Signed before"), FilterKind.TIME),
        Filter("log", N_("Log"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "check",
            N_("Check the log"),
            _P.LOG_CHECK,
            _check,
            on=On.LIST,
            explain=N_(
                "Entries, tree, heads and the register of certificates are compared; a difference raises the alarm."
            ),
        ),
    ),
    downloads=(
        Download("head", N_("Signed head (JSON)"), _P.LOG_READ, _head_file),
        Download("entries", N_("All entries, one a line"), _P.LOG_READ, _leaves, on=On.LIST),
    ),
    sort="-number",
    empty=N_(
        "No head is signed yet. The worker signs one within a minute, once the log has its key: weicheng ca provision log."
    ),
    audited=False,
)


# --- entries
class EntryRecord(Record):
    id: str
    number: int
    type: str
    serial: str
    at: datetime
    reason: str
    certificate: str
    issuer_key: str
    hash: str
    leaf: str


def entry_record(found: Entry) -> EntryRecord:
    leaf = json.loads(found.leaf)
    return EntryRecord(
        id=str(found.number),
        number=found.number,
        type=str(found.type),
        serial=found.serial,
        at=found.at,
        reason=leaf["reason"] or "",
        certificate=leaf["certificate"],
        issuer_key=leaf["issuer_key"],
        hash=found.hash.hex(),
        leaf=found.leaf.decode(),
    )


def proof_json(app: Any, found: Inclusion) -> dict[str, Any]:
    """An entry, the head that covers it and the path between them, as auditors check it (``weicheng ca log verify``)."""
    return {
        "leaf": found.entry.leaf.decode(),
        "number": found.entry.number,
        "size": found.head.head.size,
        "path": [one.hex() for one in found.path],
        "head": public.head_json(app.ca.log, found.head),
    }


def _entries(app: Any, principal: Principal, ask: Ask) -> Page[EntryRecord]:
    return app.ca.log.page(principal, ask).map(entry_record)  # type: ignore[no-any-return]


def _entry(app: Any, principal: Principal, number: str) -> EntryRecord:
    return entry_record(app.ca.log.entry(principal, number))


def _proof(app: Any, principal: Principal, number: str) -> File:
    found = app.ca.log.prove(principal, number)
    return _json_file(f"proof-{found.entry.number}.json", proof_json(app, found))


LOG_ENTRIES = Resource(
    name="ca.log-entries",
    title=N_("Transparency log: entries"),
    one=N_("Entry of the log"),
    permission=_P.LOG_READ,
    record=EntryRecord,
    page=_entries,
    item=_entry,
    columns=(
        Column("number", N_("Number of the entry"), Cell.NUMBER, sort="number"),
        Column("type", N_("Act that is logged"), Cell.STATE, ENTRY_TYPES),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("at", N_("At"), Cell.TIME),
        Column("reason", N_("What relying parties are told"), Cell.STATE, REASON_LABELS),
        Column("certificate", N_("SHA-256 of the certificate"), Cell.CODE, shown=False),
        Column("issuer_key", N_("SHA-256 of the issuer's key"), Cell.CODE, shown=False),
        Column("hash", N_("Leaf hash"), Cell.CODE, shown=False),
        Column("leaf", N_("Leaf as it is hashed"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("type", N_("Act that is logged"), labels=ENTRY_TYPES),
        Filter("serial", N_("Serial number"), FilterKind.TEXT),
        Filter("since", N_("Logged since"), FilterKind.TIME),
        Filter("until", N_("Logged before"), FilterKind.TIME),
    ),
    downloads=(Download("proof", N_("Proof of inclusion (JSON)"), _P.LOG_READ, _proof),),
    sort="-number",
    facet="type",
    empty=N_("No entry fits. What is issued or revoked is logged within a minute."),
    audited=False,
)


# --- time-stamps
class StampRecord(Record):
    serial: str
    at: datetime
    digest: str
    imprint: str
    certificate: str


def stamp_record(found: Stamped) -> StampRecord:
    return StampRecord(**vars(found))


def _stamps(app: Any, principal: Principal, ask: Ask) -> Page[StampRecord]:
    return app.ca.timestamps.page(principal, ask).map(stamp_record)  # type: ignore[no-any-return]


def _stamp(app: Any, principal: Principal, serial: str) -> StampRecord:
    return stamp_record(app.ca.timestamps.show(principal, serial))


TIMESTAMPS = Resource(
    name="ca.timestamps",
    title=N_("Time-stamps given"),
    one=N_("Time-stamp given"),
    permission=_P.TIMESTAMP_READ,
    record=StampRecord,
    page=_stamps,
    item=_stamp,
    key="serial",
    columns=(
        Column("at", N_("Stamped at"), Cell.TIME, sort="at"),
        Column("serial", N_("Serial number of the token"), Cell.CODE),
        Column("digest", N_("Digest algorithm"), Cell.STATE, DIGESTS),
        Column("imprint", N_("Digest that was stamped"), Cell.CODE),
        Column(
            "certificate",
            N_("Certificate of the authority"),
            Cell.CODE,
            shown=False,
            link=Link("ca.certificates"),
        ),
    ),
    filters=(
        Filter("digest", N_("Digest algorithm"), labels=DIGESTS),
        Filter("imprint", N_("Digest that was stamped"), FilterKind.TEXT),
        Filter("since", N_("Stamped since"), FilterKind.TIME),
        Filter("until", N_("Stamped before"), FilterKind.TIME),
    ),
    sort="-at",
    empty=N_("No time-stamp fits. POST a request to /tsa, or run: weicheng ca timestamp stamp."),
    audited=False,
)
