"""The statements on registration's tables (ca.registration.tables)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, literal, select, update

from ca.model import State
from ca.registration.tables import batch_rows, batches, passwords, phrases, reminders
from ca.tables import certificates, requests


# --- pass-phrases
def put_phrase(connection: Connection, request_id: str, phrase_hash: str, by: str, now: datetime) -> None:
    connection.execute(delete(phrases).where(phrases.c.request == request_id))
    row = {"request": request_id, "hash": phrase_hash, "failures": 0, "set_by": by, "set_at": now}
    connection.execute(insert(phrases).values(row))


def read_phrase(connection: Connection, request_id: str | None) -> Row[Any] | None:
    """Hash, failures and lock of a request's pass-phrase, locked."""
    query = select(phrases).where(phrases.c.request == request_id).with_for_update()
    return connection.execute(query).one_or_none()


def count_failure(
    connection: Connection, request_id: str, failures: int, locked_until: datetime | None
) -> None:
    counted = update(phrases).where(phrases.c.request == request_id)
    connection.execute(counted.values(failures=failures, locked_until=locked_until))


def inherit_phrase(connection: Connection, serial: str, request_id: str) -> None:
    """A renewal's holder keeps the pass-phrase of the certificate that is renewed."""
    same = [phrases.c.hash, phrases.c.failures, phrases.c.locked_until, phrases.c.set_by, phrases.c.set_at]
    joined = phrases.join(certificates, certificates.c.request == phrases.c.request)
    row = select(literal(request_id), *same).select_from(joined).where(certificates.c.serial == serial)
    names = ["request", *(column.name for column in same)]
    connection.execute(insert(phrases).from_select(names, row))


# --- passwords of files that were handed over
def put_password(connection: Connection, request_id: str, sealed: str, taken_by: str, now: datetime) -> None:
    row = {"request": request_id, "sealed": sealed, "handed_to": taken_by, "handed_at": now}
    connection.execute(insert(passwords).values(row))


def read_password(connection: Connection, request_id: str) -> Row[Any] | None:
    query = select(passwords).where(passwords.c.request == request_id).with_for_update()
    return connection.execute(query).one_or_none()


def remove_password(connection: Connection, request_id: str) -> None:
    connection.execute(delete(passwords).where(passwords.c.request == request_id))


# --- reminders
def being_renewed() -> ColumnElement[bool]:
    """Whether a request for a newer certificate is under way or has led to one."""
    newer = requests.alias("newer")
    over = (str(State.REJECTED), str(State.GIVEN_UP))
    return exists().where(newer.c.replaces == certificates.c.serial, newer.c.state.not_in(over))


def renewal_under_way(connection: Connection, serial: str) -> bool:
    """Whether a request for a newer certificate waits for its decision."""
    waiting = (requests.c.replaces == serial) & (requests.c.state == str(State.REQUESTED))
    return connection.execute(select(requests.c.id).where(waiting).limit(1)).first() is not None


def in_use() -> ColumnElement[bool]:
    """Certificates that are good and that nobody has asked to renew."""
    return (certificates.c.state == str(State.ISSUED)) & ~being_renewed()


def unreminded(
    connection: Connection, profile: str, now: datetime, before: datetime, most: int
) -> Sequence[Row[Any]]:
    """Certificates of a profile that end before ``before`` and were not reminded of, the first to end first."""
    known = exists().where(reminders.c.serial == certificates.c.serial)
    columns: list[Any] = [certificates.c[name] for name in ("serial", "unit", "subject", "not_after")]
    due = (certificates.c.not_after > now) & (certificates.c.not_after <= before)
    query = select(*columns).where(certificates.c.profile == profile, due, in_use(), ~known)
    query = query.where(certificates.c.request.is_not(None)).order_by(certificates.c.not_after)
    return connection.execute(query.limit(most)).all()


def add_reminder(connection: Connection, row: Row[Any], now: datetime) -> None:
    values = {"serial": row.serial, "unit": row.unit, "not_after": row.not_after, "reminded_at": now}
    connection.execute(insert(reminders).values(values))


# --- batches
def batch_decided_as_one(connection: Connection, request_id: str) -> str | None:
    """The batch with which a request is decided, if it is."""
    query = select(batch_rows.c.batch).join(batches, batches.c.id == batch_rows.c.batch)
    query = query.where(batch_rows.c.request == request_id, batches.c.together.is_(True))
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found
