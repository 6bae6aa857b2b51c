"""Batches: what they are, the statements on their tables, and their list."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from ca.model import Request, State
from ca.registration.tables import batch_rows, batches
from ca.store import name_of, read_requests, request_of
from ca.tables import certificates, requests
from kernel.errors import NotFound, WeichengError
from kernel.i18n import N_, translate
from kernel.identity.store import units, users
from kernel.store.listing import Listing, equals


class BatchState(StrEnum):
    """A batch is filed by a job; decided as a whole if it was filed so, and then issued by another job."""

    FILING = "filing"
    FILED = "filed"  # each request is decided alone
    WAITING = "waiting"  # for the decision on the whole
    ISSUING = "issuing"
    ISSUED = "issued"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Batch:
    """A table of requests. ``together``: one decision for all; ``sha256`` is of the table as it came; ``size`` its rows,
    ``filed`` how many of them became requests, ``faults`` how many did not or were not issued."""

    id: str
    profile: str
    profile_version: str
    unit: str
    name: str
    sha256: str
    together: bool
    state: BatchState
    size: int
    requested_by: str
    approval: str
    filed_at: datetime
    keys_waiting: bool
    passwords_waiting: bool
    keys_to: str
    requester: str = ""
    unit_name: str = ""
    filed: int = 0
    faults: int = 0


@dataclass(frozen=True)
class Result:
    """What became of a row: its request and certificate ("" before them), or the fault."""

    number: int
    common_name: str
    request: str
    state: str
    serial: str
    not_after: datetime | None
    fault: str


_COLUMNS = (
    "id",
    "profile",
    "profile_version",
    "unit",
    "name",
    "sha256",
    "together",
    "size",
    "requested_by",
    "approval",
    "filed_at",
)
_QUERY: Select[Any] = select(
    *(batches.c[name] for name in (*_COLUMNS, "state", "keys_to")),
    batches.c["keys"].is_not(None).label("keys_waiting"),
    batches.c.passwords.is_not(None).label("passwords_waiting"),
    name_of(users, batches.c.requested_by).label("requester"),
    name_of(units, batches.c.unit).label("unit_name"),
)


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        **{name: getattr(row, name) for name in _COLUMNS},
        state=BatchState(row.state),
        keys_waiting=bool(row.keys_waiting),
        passwords_waiting=bool(row.passwords_waiting),
        keys_to=row.keys_to or "",
        requester=row.requester or "",
        unit_name=row.unit_name or "",
    )


BATCHES: Listing[Batch] = Listing(
    query=_QUERY,
    key=batches.c.id,
    orders={"filed": batches.c.id},  # ids sort by the time of their making
    default="-filed",
    row=_batch,
    text=(batches.c.name,),
    filters={"state": equals(batches.c.state), "unit": equals(batches.c.unit)},
    facets={"state": batches.c.state},
)


def add(connection: Connection, batch: Batch, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    values = {name: getattr(batch, name) for name in _COLUMNS} | {"state": str(batch.state)}
    connection.execute(insert(batches).values(values))
    listed = [{"batch": batch.id, "number": number, "content": dict(content)} for number, content in rows]
    connection.execute(insert(batch_rows), listed)


def read(connection: Connection, batch_id: str, *, lock: bool = False) -> Batch:
    query = _QUERY.where(batches.c.id == batch_id)
    row = connection.execute(query.with_for_update(of=batches) if lock else query).one_or_none()
    if row is None:
        raise missing(batch_id)
    return counted(connection, [_batch(row)])[0]


def missing(batch_id: str) -> NotFound:
    return NotFound(N_("There is no batch %(id)s."), id=batch_id[:60])


def counted(connection: Connection, found: Sequence[Batch]) -> tuple[Batch, ...]:
    """The batches with the numbers of their rows."""
    numbers = select(batch_rows.c.batch, func.count(batch_rows.c.request), func.count(batch_rows.c.fault))
    wanted = batch_rows.c.batch.in_([one.id for one in found])
    rows = connection.execute(numbers.where(wanted).group_by(batch_rows.c.batch))
    known = {row[0]: (row[1], row[2]) for row in rows}
    pairs = ((one, known.get(one.id, (0, 0))) for one in found)
    return tuple(replace(one, filed=filed, faults=faults) for one, (filed, faults) in pairs)


def filed_already(connection: Connection, sha256: str, profile: str, unit: str) -> str | None:
    """The batch that the same table was filed by and that was not turned down."""
    same = (batches.c.sha256 == sha256) & (batches.c.profile == profile) & (batches.c.unit == unit)
    query = select(batches.c.id).where(same, batches.c.state != str(BatchState.REJECTED))
    found: str | None = connection.execute(query.limit(1)).scalar_one_or_none()
    return found


def put(connection: Connection, batch_id: str, **values: Any) -> None:
    connection.execute(update(batches).where(batches.c.id == batch_id).values(**values))


def sealed(connection: Connection, batch_id: str, name: str) -> bytes | None:
    """What waits to be handed over: the "keys" or the "passwords"."""
    found = connection.execute(select(batches.c[name]).where(batches.c.id == batch_id)).scalar_one()
    return bytes(found) if found is not None else None


# --- rows
def unfiled(connection: Connection, batch_id: str, most: int) -> Sequence[Row[Any]]:
    """Number and content of rows that are neither filed nor refused, in their order."""
    waiting = batch_rows.c.request.is_(None) & batch_rows.c.fault.is_(None)
    query = select(batch_rows).where(batch_rows.c.batch == batch_id, waiting)
    return connection.execute(query.order_by(batch_rows.c.number).limit(most)).all()


def put_row(
    connection: Connection,
    batch_id: str,
    number: int,
    request: str | None = None,
    fault: WeichengError | None = None,
) -> None:
    row = (batch_rows.c.batch == batch_id) & (batch_rows.c.number == number)
    told = _fault_text(fault) if fault is not None else None
    values = {name: value for name, value in (("request", request), ("fault", told)) if value is not None}
    connection.execute(update(batch_rows).where(row).values(values))


def requests_of(connection: Connection, batch_id: str) -> list[tuple[int, Request]]:
    """(row, request) of all that was filed, in the order of the rows."""
    query = read_requests().add_columns(batch_rows.c.number.label("number"))
    query = query.join(batch_rows, batch_rows.c.request == requests.c.id)
    rows = connection.execute(query.where(batch_rows.c.batch == batch_id).order_by(batch_rows.c.number))
    return [(row.number, request_of(row)) for row in rows]


def undecided(connection: Connection, batch_id: str, most: int) -> list[tuple[int, str]]:
    """(row, request) of what still waits."""
    query = select(batch_rows.c.number, requests.c.id).join(requests, requests.c.id == batch_rows.c.request)
    waiting = (batch_rows.c.batch == batch_id) & (requests.c.state == str(State.REQUESTED))
    rows = connection.execute(query.where(waiting).order_by(batch_rows.c.number).limit(most))
    return [(row[0], row[1]) for row in rows]


def bind(connection: Connection, batch_id: str, approval: str) -> None:
    """Every request of the batch waits for that approval."""
    mine = select(batch_rows.c.request).where(batch_rows.c.batch == batch_id)
    connection.execute(update(requests).where(requests.c.id.in_(mine)).values(approval=approval))


def reject(connection: Connection, batch_id: str) -> None:
    """Every request is turned down, and the keys made for them are destroyed."""
    mine = select(batch_rows.c.request).where(batch_rows.c.batch == batch_id)
    changed = update(requests).where(requests.c.id.in_(mine), requests.c.state == str(State.REQUESTED))
    connection.execute(changed.values(state=str(State.REJECTED), sealed_key=None))


def deliverable(connection: Connection, batch_id: str) -> Sequence[Row[Any]]:
    """Row, request, sealed key and certificate of what is issued and was not handed over."""
    chosen: list[Any] = [batch_rows.c.number, requests.c.id, requests.c.sealed_key]
    chosen += [certificates.c.der, certificates.c.authority]
    query = select(*chosen).select_from(
        batch_rows.join(requests, requests.c.id == batch_rows.c.request).join(
            certificates, certificates.c.request == requests.c.id
        )
    )
    ready = requests.c.sealed_key.is_not(None) & (requests.c.state == str(State.ISSUED))
    rows = connection.execute(
        query.where(batch_rows.c.batch == batch_id, ready).order_by(batch_rows.c.number)
    )
    return rows.all()


def keys_taken(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(update(requests).where(requests.c.id.in_(ids)).values(sealed_key=None))


def results(connection: Connection, batch_id: str) -> list[Result]:
    """What became of every row, in their order."""
    columns: list[Any] = [batch_rows.c[name] for name in ("number", "content", "fault")]
    columns += [requests.c.id, requests.c.state, certificates.c.serial, certificates.c.not_after]
    query = select(*columns).select_from(
        batch_rows.outerjoin(requests, requests.c.id == batch_rows.c.request).outerjoin(
            certificates, certificates.c.request == requests.c.id
        )
    )
    rows = connection.execute(query.where(batch_rows.c.batch == batch_id).order_by(batch_rows.c.number))
    return [_result(row) for row in rows]


def _result(row: Row[Any]) -> Result:
    name = str(row.content["subject"].get("CN", ""))
    fault = _told(row.fault)
    return Result(row.number, name, row.id or "", row.state or "", row.serial or "", row.not_after, fault)


def _fault_text(error: WeichengError) -> str:
    """The error with its message ids, so that each reader is told in their language."""
    params = {name: str(value) for name, value in error.params.items()}
    return json.dumps([error.place, error.message, error.mend, params], ensure_ascii=False)


def _told(fault: str | None) -> str:
    if fault is None:
        return ""
    place, message, mend, params = json.loads(fault)
    parts = (place and f"{place}:", translate(message, **params), translate(mend, **params) if mend else "")
    return " ".join(part for part in parts if part)
