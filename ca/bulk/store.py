"""Revocations of many certificates at once: tables, statements, lists."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from ca.model import Reason
from ca.store import name_of
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import users
from kernel.store import Json, UtcDateTime, metadata
from kernel.store.listing import Listing, equals

_ROWS_AT_ONCE = 500

bulks = Table(
    "ca_bulk_revocations",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("selection", Json, nullable=False),
    Column("total", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("reason", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("invalid_since", UtcDateTime),
    Column("unit", String(80), nullable=False),
    Column("state", String(20), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("job", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_by", String(80), nullable=False),
    Column("decided_at", UtcDateTime),
    Index("ix_ca_bulk_revocations_by_unit", "unit", "id"),
)

rows = Table(
    "ca_bulk_rows",
    metadata,
    Column("bulk", String(60), primary_key=True),
    Column("serial", String(40), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_ca_bulk_rows_by_outcome", "bulk", "outcome", "serial"),
)


class BulkState(StrEnum):
    """Proposed, then under way as a job, then done; or turned down."""

    PROPOSED = "proposed"
    PERFORMING = "performing"
    PERFORMED = "performed"
    REJECTED = "rejected"


class Outcome(StrEnum):
    """What became of one certificate."""

    WAITING = "waiting"
    REVOKED = "revoked"
    REFUSED = "refused"


@dataclass(frozen=True)
class Bulk:
    """The revocation of many certificates; ``digest`` binds exactly those that were previewed."""

    id: str
    selection: dict[str, Any]
    total: int
    digest: str
    reason: Reason
    note: str
    invalid_since: datetime | None
    unit: str
    state: BulkState
    approval: str
    job: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime | None
    proposer: str = ""
    done: int = 0
    refused: int = 0


@dataclass(frozen=True)
class BulkRow:
    """One certificate of a bulk revocation, and what became of it."""

    bulk: str
    serial: str
    subject: str
    outcome: Outcome
    error: str = ""


_BULK = tuple(one.name for one in fields(Bulk) if one.name not in ("proposer", "done", "refused"))


def _counted(outcome: Outcome) -> Any:
    mine = (rows.c.bulk == bulks.c.id) & (rows.c.outcome == str(outcome))
    return select(func.count()).select_from(rows).where(mine).scalar_subquery().label(str(outcome))


_bulks: Select[Any] = select(
    *(bulks.c[name] for name in _BULK),
    name_of(users, bulks.c.proposed_by).label("proposer"),
    _counted(Outcome.REVOKED),
    _counted(Outcome.REFUSED),
)


def _bulk(row: Row[Any]) -> Bulk:
    values = {name: getattr(row, name) for name in _BULK}
    typed = {"reason": Reason(row.reason), "state": BulkState(row.state)}
    return Bulk(**values | typed, proposer=row.proposer or "", done=row.revoked, refused=row.refused)


def _row(row: Row[Any]) -> BulkRow:
    return BulkRow(row.bulk, row.serial, row.subject, Outcome(row.outcome), row.error)


BULKS: Listing[Bulk] = Listing(
    query=_bulks,
    key=bulks.c.id,
    orders={"proposed": bulks.c.id},
    default="-proposed",
    row=_bulk,
    text=(bulks.c.note,),
    filters={"state": equals(bulks.c.state)},
    facets={"state": bulks.c.state},
)
_one = rows.c.bulk + ":" + rows.c.serial  # a certificate may have been part of several
ROWS: Listing[BulkRow] = Listing(
    query=select(rows),
    key=_one,
    orders={"serial": _one},
    default="serial",
    row=_row,
    text=(rows.c.serial, rows.c.subject),
    filters={"outcome": equals(rows.c.outcome), "bulk": equals(rows.c.bulk)},
    facets={"outcome": rows.c.outcome},
)


def add(connection: Connection, one: Bulk, chosen: Sequence[tuple[str, str]]) -> None:
    """``chosen`` are (serial, subject)."""
    row = {name: getattr(one, name) for name in _BULK} | {"reason": int(one.reason), "state": str(one.state)}
    connection.execute(insert(bulks).values(row))
    for start in range(0, len(chosen), _ROWS_AT_ONCE):
        part = chosen[start : start + _ROWS_AT_ONCE]
        waiting = [
            {
                "bulk": one.id,
                "serial": serial,
                "subject": subject,
                "outcome": str(Outcome.WAITING),
                "error": "",
            }
            for serial, subject in part
        ]
        connection.execute(insert(rows), waiting)


def read(connection: Connection, bulk_id: str, *, lock: bool = False) -> Bulk:
    query = _bulks.where(bulks.c.id == bulk_id)
    row = connection.execute(query.with_for_update(of=bulks) if lock else query).one_or_none()
    if row is None:
        raise none_such(bulk_id)
    return _bulk(row)


def none_such(bulk_id: str) -> NotFound:
    return NotFound(N_("There is no bulk revocation %(id)s."), id=bulk_id[:60])


def rows_of(seen: Sequence[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    """Conditions for the rows of the bulk revocations that are seen."""
    return [rows.c.bulk.in_(select(bulks.c.id).where(*seen))] if seen else []


def serials_of(connection: Connection, bulk_id: str, outcome: Outcome | None = None) -> list[str]:
    query = select(rows.c.serial).where(rows.c.bulk == bulk_id).order_by(rows.c.serial)
    if outcome is not None:
        query = query.where(rows.c.outcome == str(outcome))
    return list(connection.execute(query).scalars())


def set_state(connection: Connection, bulk_id: str, state: BulkState, **values: Any) -> None:
    changed = update(bulks).where(bulks.c.id == bulk_id)
    connection.execute(changed.values(state=str(state), **values))


def set_outcome(connection: Connection, bulk_id: str, serial: str, outcome: Outcome, error: str = "") -> None:
    changed = update(rows).where(rows.c.bulk == bulk_id, rows.c.serial == serial)
    connection.execute(changed.values(outcome=str(outcome), error=error[:1000]))
