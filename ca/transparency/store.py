"""The statements on the log's tables (ca.transparency.tables)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ca.encoding.log import EntryType, Leaf, read_head
from ca.encoding.merkle import leaf_hash
from ca.transparency import tiles
from ca.transparency.model import Entry, Fault, LogState, SignedHead
from ca.transparency.tables import entries, heads, queue, state
from kernel.errors import IntegrityFailed, NotFound
from kernel.i18n import N_
from kernel.ids import new_id
from kernel.store import insert_if_absent, insert_rows
from kernel.store.listing import Listing, equals, numbered, since, until

RawEntry = Row[Any]
_CHUNK = 500  # values in one statement
_STREAMED = 5000  # rows read at once
_REBUILT = 8192  # leaves at once
_ONLY = 1  # the state's one row


# --- what waits
def enqueue(connection: Connection, leaves: Iterable[Leaf]) -> None:
    """Have the leaves logged; in the transaction of the act that they tell of."""
    insert_rows(connection, queue, [{"leaf": leaf.encoded().decode()} for leaf in leaves])


def waiting(connection: Connection, most: int) -> Sequence[Row[Any]]:
    """Leaves that wait with their ids, oldest first."""
    return connection.execute(select(queue).order_by(queue.c.id).limit(most)).all()


# --- the state
def lock(connection: Connection) -> LogState:
    """The log's state, locked until the transaction ends; made when there is none."""
    insert_if_absent(
        connection, state, {"id": _ONLY, "log": new_id("log"), "size": 0, "fault": "", "fault_at": None}
    )
    return _state(connection.execute(select(state).with_for_update()).one())


def read_state(connection: Connection) -> LogState | None:
    """None before the first entry."""
    row = connection.execute(select(state)).one_or_none()
    return None if row is None else _state(row)


def set_fault(connection: Connection, fault: Fault, at: datetime | None) -> None:
    connection.execute(update(state).values(fault=str(fault), fault_at=at))


def begin_anew(connection: Connection) -> str:
    """Another id for the log, and no fault; the id."""
    log = new_id("log")
    connection.execute(update(state).values(log=log, fault="", fault_at=None))
    return log


def leaf_hashes(connection: Connection) -> Iterator[bytes]:
    """Made anew of all entries, in their order; IntegrityFailed at the first that is missing."""
    query = select(entries.c.number, entries.c.leaf).order_by(entries.c.number)
    for expected, row in enumerate(connection.execute(query.execution_options(yield_per=_STREAMED))):
        if row.number != expected:
            raise IntegrityFailed(
                N_("Entry %(number)s of the log is missing."),
                mend=N_("Restore the database from a backup that has it."),
                number=expected,
            )
        yield leaf_hash(row.leaf.encode())


def rebuild(connection: Connection) -> int:
    """Make the tree anew of the entries, and return its size. The caller holds the log's lock."""
    tiles.clear(connection)
    size, hashes = 0, leaf_hashes(connection)
    while some := list(islice(hashes, _REBUILT)):
        tiles.append(connection, size, some)
        size += len(some)
    connection.execute(update(state).values(size=size))
    return size


# --- entries
def append(connection: Connection, size: int, rows: Sequence[Row[Any]]) -> int:
    """Move waiting rows into the log of ``size`` entries, whose lock the caller holds; the new size."""
    numbered_rows = [_entry_row(number, row.leaf) for number, row in enumerate(rows, size)]
    insert_rows(connection, entries, numbered_rows)
    tiles.append(connection, size, [row["hash"] for row in numbered_rows])
    done = [row.id for row in rows]
    for at in range(0, len(done), _CHUNK):  # by id: a row that is committed later may have a lower one
        connection.execute(delete(queue).where(queue.c.id.in_(done[at : at + _CHUNK])))
    connection.execute(update(state).values(size=size + len(rows)))
    return size + len(rows)


def read_entry(connection: Connection, number: int) -> Entry:
    row = connection.execute(select(entries).where(entries.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(N_("The log has no entry %(number)s."), number=number)
    return entry_of(row)


def read_entries(connection: Connection, start: int, end: int) -> list[Entry]:
    """Entries from ``start`` up to, not with, ``end``."""
    query = select(entries).where(entries.c.number >= start, entries.c.number < end)
    return [entry_of(row) for row in connection.execute(query.order_by(entries.c.number))]


def entries_of(connection: Connection, serial: str) -> list[Entry]:
    """What the log tells of a certificate, oldest first."""
    query = select(entries).where(entries.c.serial == serial).order_by(entries.c.number)
    return [entry_of(row) for row in connection.execute(query)]


def find_leaf(connection: Connection, wanted: bytes) -> Entry | None:
    """The first entry with this leaf hash."""
    query = select(entries).where(entries.c.hash == wanted).order_by(entries.c.number).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else entry_of(row)


def raw_entries(connection: Connection, size: int) -> Iterator[RawEntry]:
    """The rows of the first ``size`` entries as they are stored, in their order."""
    query = select(entries).where(entries.c.number < size).order_by(entries.c.number)
    yield from connection.execute(query.execution_options(yield_per=_STREAMED))


# --- heads
def add_head(connection: Connection, signed: SignedHead) -> None:
    head = signed.head
    row = {"number": signed.number, "log": head.log, "size": head.size, "root": head.root, "at": head.at}
    row |= {"signature": signed.signature, "certificate": signed.certificate}
    connection.execute(insert(heads).values(**row, text=signed.text.decode()))


def newest_head(connection: Connection) -> SignedHead | None:
    row = connection.execute(select(heads).order_by(heads.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else head_of(row)


def largest_signed(connection: Connection, log: str) -> int:
    """The size of the log's largest signed head; 0 before the first."""
    largest = select(func.max(heads.c.size)).where(heads.c.log == log)
    return connection.execute(largest).scalar_one() or 0


def read_signed_head(connection: Connection, number: int) -> SignedHead:
    row = connection.execute(select(heads).where(heads.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no tree head %(number)s."), number=number)
    return head_of(row)


def heads_by_size(connection: Connection, log: str) -> Iterator[SignedHead]:
    """All heads of a log, the smallest tree first."""
    query = select(heads).where(heads.c.log == log).order_by(heads.c.size, heads.c.number)
    for row in connection.execute(query.execution_options(yield_per=_STREAMED)):
        yield head_of(row)


def knows_head(connection: Connection, text: bytes) -> bool:
    """Whether the head with these signed octets was stored."""
    query = select(heads.c.number).where(heads.c.text == text.decode())
    return connection.execute(query.where(heads.c.size == read_head(text).size).limit(1)).first() is not None


# --- rows
def _entry_row(number: int, text: str) -> dict[str, Any]:
    leaf = json.loads(text)
    told = {name: leaf[name] for name in ("type", "serial", "certificate")}
    at = datetime.fromisoformat(leaf["at"])
    return {**told, "number": number, "at": at, "hash": leaf_hash(text.encode()), "leaf": text}


def entry_of(row: Row[Any]) -> Entry:
    return Entry(row.number, EntryType(row.type), row.serial, row.at, row.leaf.encode())


def head_of(row: Row[Any]) -> SignedHead:
    text = row.text.encode()
    return SignedHead(row.number, read_head(text), text, bytes(row.signature), row.certificate)


def _state(row: Row[Any]) -> LogState:
    return LogState(row.log, row.size, Fault(row.fault), row.fault_at)


ENTRIES: Listing[Entry] = Listing(
    query=select(entries),
    key=entries.c.number,
    orders={"number": entries.c.number},
    default="-number",
    row=entry_of,
    filters={
        "type": equals(entries.c.type),
        "serial": equals(entries.c.serial),
        "number": numbered(entries.c.number),
        "since": since(entries.c.at),
        "until": until(entries.c.at),
    },
    facets={"type": entries.c.type},
)
HEADS: Listing[SignedHead] = Listing(
    query=select(heads),
    key=heads.c.number,
    orders={"number": heads.c.number},
    default="-number",
    row=head_of,
    filters={"log": equals(heads.c.log), "since": since(heads.c.at), "until": until(heads.c.at)},
)
