"""The statements on ``ca_log_restarts``, and their list."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from ca.model import ProposalState
from ca.store import name_of
from ca.transparency.model import Fault, Restart
from ca.transparency.tables import restarts
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import users
from kernel.store.listing import Listing, equals

_QUERY: Select[Any] = select(restarts, name_of(users, restarts.c.proposed_by).label("proposer"))


def _restart(row: Row[Any]) -> Restart:
    values = {name: getattr(row, name) for name in restarts.c.keys()}
    values |= {"fault": Fault(row.fault), "state": ProposalState(row.state)}
    return Restart(**values, proposer=row.proposer or "")


RESTARTS: Listing[Restart] = Listing(
    query=_QUERY,
    key=restarts.c.id,
    orders={"proposed": restarts.c.id},
    default="-proposed",
    row=_restart,
    text=(restarts.c.note, restarts.c.log),
    filters={"state": equals(restarts.c.state)},
    facets={"state": restarts.c.state},
)


def add(connection: Connection, one: Restart) -> None:
    values = {name: getattr(one, name) for name in restarts.c.keys()}
    connection.execute(restarts.insert().values(values | {"fault": str(one.fault), "state": str(one.state)}))


def read(connection: Connection, restart_id: str, *, lock: bool = False) -> Restart:
    query = _QUERY.where(restarts.c.id == restart_id)
    row = connection.execute(query.with_for_update(of=restarts) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no proposal %(id)s to begin the log anew."), id=restart_id[:60])
    return _restart(row)


def decide(
    connection: Connection, restart_id: str, state: ProposalState, now: datetime, begun: str = ""
) -> None:
    mine = update(restarts).where(restarts.c.id == restart_id)
    connection.execute(mine.values(state=str(state), decided_at=now, begun=begun))


def waiting(connection: Connection) -> bool:
    proposed = restarts.c.state == str(ProposalState.PROPOSED)
    return connection.execute(select(restarts.c.id).where(proposed).limit(1)).first() is not None
