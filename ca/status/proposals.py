"""Statements on proposed revocations of CA certificates, and their list."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from ca.model import ProposalState, Reason, Revocation
from ca.tables import certificates, revocations
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import users
from kernel.store.listing import Listing, equals

_NAMES = (
    "id",
    "serial",
    "reason",
    "note",
    "invalid_since",
    "state",
    "approval",
    "proposed_by",
    "proposed_at",
    "decided_at",
)


def add(connection: Connection, revocation: Revocation) -> None:
    row = {name: getattr(revocation, name) for name in _NAMES}
    row |= {"reason": int(revocation.reason), "state": str(revocation.state)}
    connection.execute(insert(revocations).values(row))


def read_all() -> Select[Any]:
    """Revocations with the subject of the certificate and the name of who proposed each."""
    joined = revocations.join(certificates, certificates.c.serial == revocations.c.serial)
    joined = joined.outerjoin(users, users.c.id == revocations.c.proposed_by)
    columns = [revocations.c[name] for name in _NAMES]
    return select(*columns, certificates.c.subject, users.c.name.label("proposer")).select_from(joined)


def read(connection: Connection, revocation_id: str, *, lock: bool = False) -> Revocation:
    query = read_all().where(revocations.c.id == revocation_id)
    row = connection.execute(query.with_for_update(of=revocations) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no revocation %(id)s."), id=revocation_id[:60])
    return _revocation(row)


def is_waiting(connection: Connection, serial: str) -> bool:
    waiting = (revocations.c.serial == serial) & (revocations.c.state == str(ProposalState.PROPOSED))
    return connection.execute(select(revocations.c.id).where(waiting)).first() is not None


def decide(connection: Connection, revocation_id: str, state: ProposalState, now: datetime) -> None:
    decided = update(revocations).where(revocations.c.id == revocation_id)
    connection.execute(decided.values(state=str(state), decided_at=now))


def _revocation(row: Row[Any]) -> Revocation:
    values = {name: getattr(row, name) for name in _NAMES}
    values |= {"reason": Reason(row.reason), "state": ProposalState(row.state)}
    return Revocation(**values, subject=row.subject, proposer=row.proposer or "")


REVOCATIONS: Listing[Revocation] = Listing(
    query=read_all(),
    key=revocations.c.id,
    orders={"proposed": revocations.c.id},
    default="-proposed",
    row=_revocation,
    text=(certificates.c.subject, revocations.c.serial),
    filters={"state": equals(revocations.c.state), "serial": equals(revocations.c.serial)},
    facets={"state": revocations.c.state},
)
