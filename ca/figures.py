"""Numbers and ties: what hangs on a certificate, what ends when."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from ca.model import Certificate, Impact, State
from ca.tables import authorities, certificates, requests, services
from kernel.identity.store import user_certificates, users


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
    return Impact(
        certificate=found,
        authority=own,
        subordinates=living(connection).get(own, 0) if own else 0,
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
