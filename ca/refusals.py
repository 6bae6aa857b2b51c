"""What the signer refused to sign, and why: kept until it is signed after all, or given up (ca.intents)."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from kernel.errors import WeichengError
from kernel.store import Json, UtcDateTime, metadata

refusals = Table(
    "ca_refusals",
    metadata,
    Column("serial", String(40), ForeignKey("ca_certificates.serial"), primary_key=True),
    Column("code", String(40), nullable=False),
    Column("message", Text, nullable=False),  # a message id, told in the reader's language
    Column("mend", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Index("ix_ca_refusals_last", "last_at"),
)


def add(connection: Connection, serial: str, error: WeichengError, now: datetime) -> bool:
    """Keep what the signer said; whether that was the first time."""
    mine = refusals.c.serial == serial
    told = {"code": str(error.code), "message": error.message, "mend": error.mend, "last_at": now}
    told["params"] = {name: str(value) for name, value in error.params.items()}
    again = update(refusals).where(mine).values(**told, attempts=refusals.c.attempts + 1)
    if connection.execute(again).rowcount:
        return False
    connection.execute(insert(refusals).values(serial=serial, **told, attempts=1, first_at=now))
    return True


def refused_after(connection: Connection, moment: datetime) -> set[str]:
    """Serials whose last refusal is that fresh."""
    return set(connection.execute(select(refusals.c.serial).where(refusals.c.last_at > moment)).scalars())


def is_refused(connection: Connection, serial: str) -> bool:
    return (
        connection.execute(select(refusals.c.serial).where(refusals.c.serial == serial)).first() is not None
    )


def remove(connection: Connection, serials: Iterable[str]) -> None:
    """They are signed after all."""
    connection.execute(delete(refusals).where(refusals.c.serial.in_(list(serials))))
