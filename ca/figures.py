"""Numbers and ties: what hangs on a certificate, what ends when."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from ca.inventory.tables import endpoints
from ca.model import Certificate, Impact, State
from ca.tables import authorities, certificates, lists, requests, services
from kernel.identity.store import user_certificates, users

_SHOWN = 10  # places of the network that are named


def authority_of(connection: Connection, certificate: bytes) -> str | None:
    """The CA whose certificate this is."""
    query = select(authorities.c.id).where(authorities.c.certificate == certificate)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def living(connection: Connection) -> dict[str, int]:
    """How many certificates of each CA are neither revoked nor over."""
    states = [str(State.ISSUED), str(State.HELD), str(State.SUPERSEDED)]
    query = select(certificates.c.authority, func.count()).where(certificates.c.state.in_(states))
    return {row[0]: row[1] for row in connection.execute(query.group_by(certificates.c.authority))}


def states_of(connection: Connection, fingerprints: Iterable[str]) -> dict[str, State]:
    """The states of the certificates with those fingerprints, as far as they are in the register."""
    known = certificates.c.fingerprint.in_(sorted(fingerprints))
    query = select(certificates.c.fingerprint, certificates.c.state).where(known)
    return {row[0]: State(row[1]) for row in connection.execute(query)}


def impact_of(connection: Connection, found: Certificate) -> Impact:
    """What the CA's tables and the accounts tell about who depends on a certificate."""
    own = authority_of(connection, found.der)
    service = select(services.c.role).where(services.c.certificate == found.der)
    people = select(users.c.name).join(user_certificates, user_certificates.c.user == users.c.id)
    newer = select(certificates.c.serial).join(requests, requests.c.id == certificates.c.request)
    numbers = living(connection)
    below = _below(connection, own) if own else []
    at_work = _at_work(found, [own, *(one for one, _ in below)] if own else [])
    return Impact(
        certificate=found,
        authority=own,
        subordinates=numbers.get(own, 0) if own else 0,
        below=tuple((name, numbers.get(one, 0)) for one, name in below),
        seen=tuple(connection.execute(at_work.order_by(endpoints.c.id).limit(_SHOWN)).scalars()),
        places=connection.execute(select(func.count()).select_from(at_work.subquery())).scalar_one(),
        service=connection.execute(service).scalar_one_or_none(),
        accounts=tuple(
            connection.execute(
                people.where(user_certificates.c.fingerprint == found.fingerprint).order_by(users.c.name)
            ).scalars()
        ),
        successor=connection.execute(
            newer.where(requests.c.replaces == found.serial, certificates.c.state == str(State.ISSUED))
        )
        .scalars()
        .first(),
    )


def _below(connection: Connection, authority: str) -> list[tuple[str, str]]:
    """(id, name) of the CAs that hang on one, however deep."""
    found: dict[str, str] = {}
    above = [authority]
    while above:
        query = select(authorities.c.id, authorities.c.name).where(authorities.c.parent.in_(above))
        rows = [(row[0], row[1]) for row in connection.execute(query.order_by(authorities.c.id))]
        above = [one for one, _ in rows if one not in found]
        found |= dict(rows)
    return list(found.items())


def _at_work(found: Certificate, cas: Sequence[str]) -> Select[Any]:
    """Endpoints of the inventory that present it, or anything that these CAs have issued."""
    there = endpoints.c.fingerprint == found.fingerprint
    if cas:
        issued = select(certificates.c.serial).where(certificates.c.authority.in_(cas))
        there = or_(there, endpoints.c.serial.in_(issued))
    return select(endpoints.c.id).where(there, endpoints.c.gone_at.is_(None))


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


def signed_until(connection: Connection, authority: str) -> datetime | None:
    """When the CA last intended a certificate or made a full list: two seeks in indexes, for each certificate issued."""
    mine = (lists.c.authority == authority) & (lists.c.shard == 0) & (lists.c.kind == "full")
    newest = select(lists.c.this_update).where(mine).order_by(lists.c.number.desc()).limit(1)
    listed: datetime | None = connection.execute(newest).scalar_one_or_none()
    intended: datetime | None = connection.execute(select(func.max(certificates.c.intent_at))).scalar_one()
    return max((one for one in (listed, intended) if one is not None), default=None)
