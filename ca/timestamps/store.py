"""The statements on the register of time-stamps (ca.timestamps.tables)."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from ca.store import newest_list_time
from ca.timestamps.model import Stamped
from ca.timestamps.tables import timestamps
from ca.transparency.store import newest_head
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.store.listing import Listing, equals, since, until


def add(connection: Connection, stamped: Stamped) -> None:
    connection.execute(insert(timestamps).values(asdict(stamped)))


def read(connection: Connection, serial: str) -> Stamped:
    wanted = timestamps.c.serial == serial.lower().replace(":", "")
    row = connection.execute(select(timestamps).where(wanted)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no time-stamp %(serial)s in the register."), serial=serial[:60])
    return stamped_of(row)


def newest_signature(connection: Connection) -> datetime | None:
    """When the newest CRL, tree head or stamp was signed: no clock of ours may be behind it."""
    head = newest_head(connection)
    stamp: datetime | None = connection.execute(select(func.max(timestamps.c.at))).scalar()
    times = (newest_list_time(connection), stamp, None if head is None else head.head.at)
    return max((one for one in times if one is not None), default=None)


def prune(connection: Connection, before: datetime) -> int:
    """Remove what was given before; returns how many."""
    return connection.execute(delete(timestamps).where(timestamps.c.at < before)).rowcount


def found_by(text: str) -> tuple[ColumnElement[bool], ...]:
    """The condition for a whole serial number or imprint; none for no text."""
    return ((timestamps.c.serial == text) | (timestamps.c.imprint == text),) if text else ()


def stamped_of(row: Row[Any]) -> Stamped:
    return Stamped(row.serial, row.at, row.digest, row.imprint, row.certificate)


STAMPS: Listing[Stamped] = Listing(
    query=select(timestamps),
    key=timestamps.c.serial,
    orders={"at": timestamps.c.at},
    default="-at",
    row=stamped_of,
    filters={
        "digest": equals(timestamps.c.digest),
        "imprint": equals(timestamps.c.imprint),
        "since": since(timestamps.c.at),
        "until": until(timestamps.c.at),
    },
)
