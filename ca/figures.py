"""Numbers: how many live under each CA, what ends when, until when was signed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from ca.model import State
from ca.tables import certificates, lists


def living(connection: Connection) -> dict[str, int]:
    """How many certificates of each CA are neither revoked nor over."""
    states = [str(State.ISSUED), str(State.HELD), str(State.SUPERSEDED)]
    query = select(certificates.c.authority, func.count()).where(certificates.c.state.in_(states))
    return {row[0]: row[1] for row in connection.execute(query.group_by(certificates.c.authority))}


def states_of(connection: Connection, fingerprints: Iterable[str]) -> dict[str, State]:
    """The states of the certificates with those fingerprints, as far as they are in the register."""
    found = connection.execute(_STATES, {"fingerprints": sorted(fingerprints)})
    return {row[0]: State(row[1]) for row in found}


def ending(
    connection: Connection, spans: Sequence[tuple[datetime, datetime]], seen: Sequence[ColumnElement[bool]]
) -> list[int]:
    """Number of certificates in use that end within each span, its end left out."""
    used = (certificates.c.state.in_([str(State.ISSUED), str(State.HELD)]), *seen)
    end = certificates.c.not_after
    numbers = [
        select(func.count()).where(end >= start, end < stop, *used).scalar_subquery() for start, stop in spans
    ]
    return list(connection.execute(select(*numbers)).one()) if numbers else []


def issued(
    connection: Connection, spans: Sequence[tuple[datetime, datetime]], seen: Sequence[ColumnElement[bool]]
) -> list[int]:
    """Number of certificates issued within each span, its end left out, whatever became of them."""
    made, at = certificates.c.state != str(State.APPROVED), certificates.c.intent_at
    numbers = [
        select(func.count()).where(at >= start, at < stop, made, *seen).scalar_subquery()
        for start, stop in spans
    ]
    return list(connection.execute(select(*numbers)).one()) if numbers else []


def signed_until(connection: Connection, authority: str) -> datetime | None:
    """When the CA last intended a certificate or made a full list: two seeks in indexes, for each certificate issued."""
    row = connection.execute(_SIGNED_UNTIL, {"authority": authority}).one()
    return max((one for one in row if one is not None), default=None)


# built once: each certificate that is issued asks them
_STATES = select(certificates.c.fingerprint, certificates.c.state).where(
    certificates.c.fingerprint.in_(bindparam("fingerprints", expanding=True))
)
_SIGNED_UNTIL = select(
    select(lists.c.this_update)
    .where(lists.c.authority == bindparam("authority"), lists.c.shard == 0, lists.c.kind == "full")
    .order_by(lists.c.number.desc())
    .limit(1)
    .scalar_subquery(),
    select(func.max(certificates.c.intent_at)).scalar_subquery(),
)
