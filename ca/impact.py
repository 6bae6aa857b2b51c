"""What depends on a certificate, to be looked at before it is revoked: services, accounts, CAs below, places of the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from ca import figures
from ca.inventory.tables import endpoints
from ca.model import Certificate, State
from ca.status.lifecycle import certificate_for
from ca.tables import authorities, certificates, requests, services
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.store import user_certificates, users
from kernel.store import Database

_SHOWN = 10  # places of the network that are named


@dataclass(frozen=True)
class Impact:
    """What depends on a certificate: the service of the suite that works with it (role), the accounts it signs in (names),
    for a CA's how many living certificates it has issued, and the newer certificate of the same subject, if there is one.

    ``below`` are the CAs that hang on a CA, each with its living certificates; ``seen`` the places of the network where it (or
    what a CA and those below it have issued) was seen at work, the first of them, and ``places`` how many."""

    certificate: Certificate
    authority: str | None
    subordinates: int
    service: str | None
    accounts: tuple[str, ...]
    successor: str | None
    below: tuple[tuple[str, int], ...] = ()
    seen: tuple[str, ...] = ()
    places: int = 0


class Impacts:
    """Tells what a revocation would touch."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def show(self, principal: Principal, serial: str) -> Impact:
        """What depends on a certificate, as far as the CA, its inventory and the accounts know."""
        found = certificate_for(self._database, self._access, principal, serial, Permission.CA_REVOKE)
        with self._database.read() as connection:
            return _impact_of(connection, found)


def _impact_of(connection: Connection, found: Certificate) -> Impact:
    own = _authority_of(connection, found.der)
    service = select(services.c.role).where(services.c.certificate == found.der)
    people = select(users.c.name).join(user_certificates, user_certificates.c.user == users.c.id)
    newer = select(certificates.c.serial).join(requests, requests.c.id == certificates.c.request)
    numbers = figures.living(connection)
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


def _authority_of(connection: Connection, certificate: bytes) -> str | None:
    """The CA whose certificate this is."""
    query = select(authorities.c.id).where(authorities.c.certificate == certificate)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


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
