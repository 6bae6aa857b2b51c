"""Warrants of what is intended and not signed yet: what the signer is sent, also after a crash (ca.signer.warrant)."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Connection, ForeignKey, String, Table, Text, delete, insert, select

from kernel.store import metadata

warrants = Table(
    "ca_warrants",
    metadata,
    Column("serial", String(40), ForeignKey("ca_certificates.serial"), primary_key=True),
    Column("warrant", Text, nullable=False),
)


def add(connection: Connection, given: Mapping[str, str]) -> None:
    """Keep warrants by serial."""
    connection.execute(
        insert(warrants), [{"serial": serial, "warrant": one} for serial, one in given.items()]
    )


def read(connection: Connection) -> Mapping[str, str]:
    """All that wait, by serial."""
    return {row.serial: row.warrant for row in connection.execute(select(warrants))}


def remove(connection: Connection, serials: Iterable[str]) -> None:
    """The certificates are stored; nothing is to be signed any more."""
    connection.execute(delete(warrants).where(warrants.c.serial.in_(list(serials))))
