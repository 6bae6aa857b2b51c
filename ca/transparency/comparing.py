"""The log against the register of certificates: one statement for each way in which they can differ.

A certificate whose leaf still waits is left out: it will be logged within a minute.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from ca.encoding.log import EntryType
from ca.model import State
from ca.tables import certificates
from ca.transparency.tables import entries, queue

_LAST = {  # what the log tells last of a certificate in each state; of those that ended it may be anything
    State.HELD: (EntryType.HELD,),
    State.REVOKED: (EntryType.REVOKED,),
    State.ISSUED: (EntryType.ISSUED, EntryType.RELEASED),
    State.SUPERSEDED: (EntryType.ISSUED, EntryType.RELEASED),
}


def unlogged(connection: Connection, most: int) -> Sequence[str]:
    """Serial numbers of signed certificates that were never logged as they are."""
    logged = (
        select(entries.c.number)
        .where(entries.c.serial == certificates.c.serial, entries.c.type == str(EntryType.ISSUED))
        .where(entries.c.certificate == certificates.c.fingerprint)
    )
    query = select(certificates.c.serial).where(certificates.c.fingerprint != "", ~logged.exists())
    return _serials(connection, query, certificates.c.serial, most)


def unknown(connection: Connection, most: int) -> Sequence[str]:
    """Serial numbers of logged certificates that the register does not have."""
    known = select(certificates.c.serial).where(
        certificates.c.serial == entries.c.serial, certificates.c.fingerprint == entries.c.certificate
    )
    query = select(entries.c.serial).where(entries.c.type == str(EntryType.ISSUED), ~known.exists())
    return _serials(connection, query, entries.c.serial, most)


def otherwise_marked(connection: Connection, most: int) -> Sequence[str]:
    """Serial numbers of certificates whose state is not what the log tells last."""
    last = (
        select(func.max(entries.c.number))
        .where(entries.c.serial == certificates.c.serial)
        .correlate(certificates)
        .scalar_subquery()
    )
    told = select(entries.c.type).where(entries.c.number == last).correlate(certificates).scalar_subquery()
    fits: ColumnElement[bool] = case(
        *(
            (certificates.c.state == str(state), told.in_([str(one) for one in types]))
            for state, types in _LAST.items()
        ),
        else_=True,
    )
    query = select(certificates.c.serial).where(and_(certificates.c.fingerprint != "", fits.is_(False)))
    return _serials(connection, query, certificates.c.serial, most)


def _serials(
    connection: Connection, query: Select[Any], serial: ColumnElement[str], most: int
) -> Sequence[str]:
    waits = {json.loads(leaf)["serial"] for leaf in connection.execute(select(queue.c.leaf)).scalars()}
    found: Sequence[str] = connection.execute(query.order_by(serial).limit(most + len(waits))).scalars().all()
    return [one for one in found if one not in waits][:most]
