"""Who may be given a share of the signer: people with active accounts who may operate it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import UserState
from kernel.identity.permissions import Permission, roles_with
from kernel.identity.store import user_roles, users


@dataclass(frozen=True)
class Person:
    """An officer: account, login and name."""

    account: str
    login: str
    name: str


def possible_holders(connection: Connection) -> list[Person]:
    """By login."""
    query = (
        select(users.c.id, users.c.login, users.c.name)
        .distinct()
        .join(user_roles, user_roles.c.user == users.c.id)
        .where(
            user_roles.c.role.in_([str(role) for role in roles_with(Permission.CA_SIGNER_OPERATE)]),
            users.c.state == str(UserState.ACTIVE),
        )
        .order_by(users.c.login)
    )
    return [Person(*row) for row in connection.execute(query)]


def chosen_holders(connection: Connection, logins: Sequence[str]) -> dict[str, str]:
    """Account -> name of the named; Invalid names who may not hold a share."""
    found = {one.login: one for one in possible_holders(connection)}
    strangers = [login for login in logins if login not in found]
    if strangers:
        raise Invalid(
            N_("%(login)s is no security officer with an active account."),
            mend=N_("Shares are for security officers."),
            login=strangers[0][:80],
        )
    return {found[login].account: found[login].name for login in logins}
