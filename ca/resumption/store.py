"""Resumptions: what they are, the statements on their table, their list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, update

from ca.model import ProposalState
from ca.resumption.tables import resumptions
from ca.store import name_of
from ca.tables import authorities, certificates
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import approval_votes, users
from kernel.store.listing import Listing, equals


@dataclass(frozen=True)
class Resumption:
    """From ``moment`` on a CA signs again, although it has signed up to ``ahead_until`` already, with a clock that was ahead.

    ``numbers`` are the newest numbers of its lists by shard: those up to them bear false times. ``certificates`` were intended
    in the false time.
    """

    id: str
    authority: str
    moment: datetime
    ahead_until: datetime
    numbers: Mapping[str, int]
    certificates: int
    note: str
    state: ProposalState
    approval: str
    proposed_by: str
    proposed_at: datetime
    decided_at: datetime | None = None
    authority_name: str = ""
    proposer: str = ""
    decided_by: str = ""
    decision: str = ""  # why it was turned down

    def false(self, at: datetime) -> bool:
        """Whether this is a time of the clock that was ahead."""
        return self.moment < at <= self.ahead_until

    def false_list(self, shard: int, number: int) -> bool:
        """Whether the list with that number may bear a false time."""
        return number <= self.numbers.get(str(shard), 0)


@dataclass(frozen=True)
class Ahead:
    """A CA that has signed for times up to ``until``, which the clock has not reached; so many certificates bear them."""

    authority: str
    name: str
    until: datetime
    certificates: int


_OWN = (
    "id",
    "authority",
    "moment",
    "ahead_until",
    "numbers",
    "certificates",
    "note",
    "approval",
    "proposed_by",
    "proposed_at",
    "decided_at",
)
_TOLD = ("authority_name", "proposer", "decided_by", "decision")


def _vote(column: str) -> ColumnElement[str]:
    """Of the one vote that decides."""
    mine = approval_votes.c.approval == resumptions.c.approval
    return select(approval_votes.c[column]).where(mine).limit(1).scalar_subquery()


_QUERY: Select[Any] = select(
    *(resumptions.c[name] for name in (*_OWN, "state")),
    name_of(authorities, resumptions.c.authority).label("authority_name"),
    name_of(users, resumptions.c.proposed_by).label("proposer"),
    _vote("person").label("decided_by"),
    _vote("reason").label("decision"),
)


def _resumption(row: Row[Any]) -> Resumption:
    values: dict[str, Any] = {name: getattr(row, name) for name in _OWN}
    values |= {name: getattr(row, name) or "" for name in _TOLD}
    return Resumption(**values, state=ProposalState(row.state))


RESUMPTIONS: Listing[Resumption] = Listing(
    query=_QUERY,
    key=resumptions.c.id,
    orders={"proposed": resumptions.c.id},
    default="-proposed",
    row=_resumption,
    text=(resumptions.c.note, resumptions.c.authority),
    filters={"state": equals(resumptions.c.state), "authority": equals(resumptions.c.authority)},
    facets={"state": resumptions.c.state},
)


def add(connection: Connection, one: Resumption) -> None:
    values = {name: getattr(one, name) for name in _OWN} | {"state": str(one.state)}
    connection.execute(resumptions.insert().values(values | {"numbers": dict(one.numbers)}))


def read(connection: Connection, resumption_id: str, *, lock: bool = False) -> Resumption:
    query = _QUERY.where(resumptions.c.id == resumption_id)
    row = connection.execute(query.with_for_update(of=resumptions) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no resumption %(id)s."), id=resumption_id[:60])
    return _resumption(row)


def decide(connection: Connection, resumption_id: str, state: ProposalState, now: datetime) -> None:
    mine = update(resumptions).where(resumptions.c.id == resumption_id)
    connection.execute(mine.values(state=str(state), decided_at=now))


def waiting(connection: Connection, authority: str) -> bool:
    mine = (resumptions.c.authority == authority) & (resumptions.c.state == str(ProposalState.PROPOSED))
    return connection.execute(select(resumptions.c.id).where(mine).limit(1)).first() is not None


def in_force(connection: Connection, authority: str, now: datetime) -> Resumption | None:
    """What was agreed on last for the CA, if its moment has come and its false time is not over yet."""
    mine = (resumptions.c.authority == authority) & (resumptions.c.state == str(ProposalState.PERFORMED))
    still = (resumptions.c.moment <= now) & (resumptions.c.ahead_until >= now)
    query = _QUERY.where(mine, still).order_by(resumptions.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _resumption(row)


def intended_ahead(connection: Connection, authority: str, moment: datetime) -> tuple[int, datetime | None]:
    """Certificates of the CA that were intended after that moment; and the newest intent of all CAs: they share a clock."""
    mine = (certificates.c.authority == authority) & (certificates.c.intent_at > moment)
    count = connection.execute(select(func.count()).select_from(certificates).where(mine)).scalar_one()
    newest: datetime | None = connection.execute(select(func.max(certificates.c.intent_at))).scalar_one()
    return count, newest
