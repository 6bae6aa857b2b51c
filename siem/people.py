"""Who may be given an alert or a case."""

from sqlalchemy import Connection, select

from kernel.identity.model import UserState
from kernel.identity.permissions import Permission, roles_with
from kernel.identity.store import units, user_roles, users
from siem.model import Person


def who_may(connection: Connection, permission: Permission, unit: str) -> list[Person]:
    """Active people who hold the permission in that unit, being of it or of a superior one; by name."""
    path = connection.execute(select(units.c.path).where(units.c.id == unit)).scalar_one_or_none() or ""
    above = [part for part in path.split("/") if part]
    roles = [str(role) for role in roles_with(permission)]
    holders = select(user_roles.c.user).where(user_roles.c.role.in_(roles))
    query = select(users.c.id, users.c.name, users.c.unit).where(
        users.c.state == str(UserState.ACTIVE), users.c.unit.in_(above), users.c.id.in_(holders)
    )
    return [Person(row.id, row.name, row.unit) for row in connection.execute(query.order_by(users.c.name))]
