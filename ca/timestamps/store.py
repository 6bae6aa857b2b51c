"""The statements on the register of time-stamps (ca.timestamps.tables)."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select

from ca.model import State
from ca.resumption.store import in_force
from ca.store import newest_list_time, read_service
from ca.tables import certificates
from ca.timestamps.model import Stamped
from ca.timestamps.tables import timestamps
from ca.transparency.tables import heads
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


def newest_signature(connection: Connection, now: datetime) -> datetime | None:
    """When the newest CRL, tree head or stamp was signed: no clock of ours may be behind it.

    Unless two officers have said, for the CA of the time-stamping authority, that those times were false (ca.resumption).
    """
    newest = last_signature(connection)
    if newest is None or newest <= now:
        return newest
    own = read_service(connection, "timestamp")
    agreed = in_force(connection, own.authority, now) if own is not None else None
    return newest if agreed is None or newest > agreed.ahead_until else agreed.moment


def last_signature(connection: Connection) -> datetime | None:
    """When the newest CRL, tree head or stamp was signed, by the clock of that time."""
    head = select(heads.c.at).order_by(heads.c.number.desc()).limit(1).scalar_subquery()
    stamp = select(func.max(timestamps.c.at)).scalar_subquery()
    times = (*connection.execute(select(head, stamp)).one(), newest_list_time(connection))
    return max((one for one in times if one is not None), default=None)


def authority_in_force(connection: Connection, fingerprint: str) -> str | None:
    """Serial number of the authority's certificate with that SHA-256; None when it is not in force."""
    own = (certificates.c.fingerprint == fingerprint) & (certificates.c.state == str(State.ISSUED))
    found: str | None = connection.execute(select(certificates.c.serial).where(own)).scalar_one_or_none()
    return found


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
