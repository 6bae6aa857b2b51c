"""Certificates of CAs and of the suite's own services that are near their end, and what was told of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from sqlalchemy import Column, Connection, Integer, String, Table, delete, insert, select

from ca import store
from ca.model import AuthorityState
from kernel.canonical import sha256_hex
from kernel.pki.names import name_text
from kernel.store import UtcDateTime, metadata

notices = Table(  # how near to its end a certificate was when that was told last
    "ca_end_notices",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("days", Integer, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
)

STAGES = (365, 90, 30, 7, 0)  # days before the end at which it is told (0: it is over)
SERVICE_STAGES = (14, 7, 0)  # the worker renews a month before; what is nearer it could not renew


class EndState(StrEnum):
    """In time, soon, over."""

    DUE = "due"
    SOON = "soon"
    ENDED = "ended"


@dataclass(frozen=True)
class Ending:
    """A certificate near its end. ``kind`` is "authority" or "service"; ``id`` that of the CA or the service.

    ``stage`` is the smallest of the STAGES that has begun, in days.
    """

    kind: str
    id: str
    name: str
    role: str
    subject: str
    not_after: datetime
    stage: int
    fingerprint: str

    @property
    def state(self) -> EndState:
        if self.stage == 0:
            return EndState.ENDED
        return EndState.SOON if self.stage <= 30 else EndState.DUE


def endings(connection: Connection, now: datetime) -> list[Ending]:
    """What has to be renewed, the first to end first.

    Of CAs those that still issue, and superior ones: a year before, or in the last fifth of a shorter life. Services later than
    the worker renews them.
    """
    found = [*_of_authorities(connection, now), *_of_services(connection, now)]
    return sorted(found, key=lambda one: (one.not_after, one.kind, one.id))


def _of_authorities(connection: Connection, now: datetime) -> Iterator[Ending]:
    for one in store.read_authorities(connection):
        if one.state is AuthorityState.ACTIVE:
            yield from _ending("authority", one.id, one.name, str(one.kind), one.certificate, STAGES, now)


def _of_services(connection: Connection, now: datetime) -> Iterator[Ending]:
    for row in store.read_services(connection):
        own = f"{row.role}-{row.authority}" if row.role == "ocsp" else str(row.role)
        yield from _ending("service", own, own, str(row.role), bytes(row.certificate), SERVICE_STAGES, now)


def _ending(
    kind: str, own: str, name: str, role: str, der: bytes, stages: tuple[int, ...], now: datetime
) -> Iterator[Ending]:
    certificate = x509.load_der_x509_certificate(der)
    ends = certificate.not_valid_after_utc
    fifth = (ends - certificate.not_valid_before_utc) / 5
    begun = [days for days in stages if now >= ends - min(timedelta(days=days), fifth)]
    if begun:
        subject = name_text(certificate.subject)
        yield Ending(kind, own, name, role, subject, ends, min(begun), sha256_hex(der))


def told(connection: Connection) -> dict[str, int]:
    """The stage that was told last, by fingerprint."""
    return {row.fingerprint: row.days for row in connection.execute(select(notices))}


def note(connection: Connection, one: Ending, now: datetime) -> None:
    connection.execute(delete(notices).where(notices.c.fingerprint == one.fingerprint))
    connection.execute(insert(notices).values(fingerprint=one.fingerprint, days=one.stage, told_at=now))
