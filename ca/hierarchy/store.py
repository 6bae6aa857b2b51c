"""The statements on the hierarchy's tables (ca.hierarchy.tables)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ca.hierarchy.tables import ceremonies
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import users


# --- ceremonies
def add_ceremony(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(ceremonies).values(dict(row)))


def read_ceremonies(connection: Connection) -> Sequence[Row[Any]]:
    """All ceremonies with the name of who proposed each, newest first; there are few."""
    return connection.execute(_CEREMONIES.order_by(ceremonies.c.id.desc())).all()


def read_ceremony(connection: Connection, ceremony_id: str) -> Row[Any]:
    row = connection.execute(_CEREMONIES.where(ceremonies.c.id == ceremony_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no ceremony %(id)s."), id=ceremony_id[:60])
    return row


def end_ceremony(connection: Connection, ceremony_id: str, now: datetime) -> None:
    connection.execute(update(ceremonies).where(ceremonies.c.id == ceremony_id).values(performed_at=now))


_CEREMONIES = select(ceremonies, users.c.name.label("proposer")).select_from(
    ceremonies.outerjoin(users, users.c.id == ceremonies.c.proposed_by)
)
