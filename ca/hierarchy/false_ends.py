"""The statements on what a clock that was ahead has ended: certificates, and their places on the lists."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, select, true, update

from ca.model import Reason, State
from ca.resumption.store import Resumption
from ca.status.tables import changes, entries
from ca.tables import certificates, requests


def falsely_unlisted(connection: Connection, one: Resumption) -> Sequence[Row[Any]]:
    """What is revoked or suspended and ends in the false time: lists may have left it out since, and forgotten it.

    Rows of ``serial``, ``crl_shard``, ``not_after``, ``revoked_at``, ``reason`` and the DER ``entry`` (None: forgotten).
    """
    cut_off = _in(State.REVOKED, State.HELD) | (_in(State.EXPIRED) & _HELD)
    query = select(
        certificates.c.serial,
        certificates.c.crl_shard,
        certificates.c.not_after,
        certificates.c.revoked_at,
        certificates.c.reason,
        func.coalesce(entries.c.entry, changes.c.entry).label("entry"),
    ).select_from(certificates.outerjoin(entries, _of(entries)).outerjoin(changes, _of(changes)))
    wanted: Select[Any] = query.where(_ended(one), cut_off).order_by(certificates.c.serial)
    return connection.execute(wanted).all()


def use_again(connection: Connection, one: Resumption) -> int:
    """Certificates that were marked as past their end are again what they were before; returns how many."""
    newer = (requests.c.replaces == certificates.c.serial) & (requests.c.state == str(State.ISSUED))
    renewed = select(requests.c.id).where(newer).exists()
    before = ((State.HELD, _HELD), (State.SUPERSEDED, renewed), (State.ISSUED, true()))  # the rest
    over = update(certificates).where(_ended(one), _in(State.EXPIRED))
    return sum(
        connection.execute(over.where(such).values(state=str(state))).rowcount for state, such in before
    )


_HELD = certificates.c.reason == int(Reason.CERTIFICATE_HOLD)


def _in(*states: State) -> ColumnElement[bool]:
    return certificates.c.state.in_([str(state) for state in states])


def _of(table: Table) -> ColumnElement[bool]:
    return (table.c.authority == certificates.c.authority) & (table.c.serial == certificates.c.serial)


def _ended(one: Resumption) -> ColumnElement[bool]:
    ends = (certificates.c.not_after > one.moment) & (certificates.c.not_after <= one.ahead_until)
    return (certificates.c.authority == one.authority) & ends
