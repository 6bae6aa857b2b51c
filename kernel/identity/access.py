"""May this principal do this to something of that unit? Services ask here before they act."""

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from kernel.audit.model import AuditAction
from kernel.errors import NotPermitted
from kernel.i18n import N_
from kernel.identity.model import Principal, Unit
from kernel.identity.permissions import Permission, held_by, roles_with
from kernel.identity.store import units
from kernel.store import Database


class Access:
    """Permission and unit checks; a refusal is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def permissions(self, principal: Principal) -> frozenset[Permission]:
        """All that the principal holds, whatever the unit."""
        return held_by(principal)

    def allows(self, principal: Principal, permission: Permission | None) -> bool:
        """Whether the principal holds the permission at all; decides what menus show. None: what everybody may."""
        return permission is None or permission in held_by(principal)

    def require(
        self, principal: Principal, permission: Permission | None, *, unit: str | None = None
    ) -> None:
        """Raise NotPermitted (audited) unless the principal holds the permission and ``unit`` is in its subtree.

        None is what everybody may, as in ``allows``.
        """
        if permission is None:
            return
        if not self.allows(principal, permission):
            raise self._denial(
                principal,
                permission,
                unit,
                N_("%(name)s may not do this (%(permission)s)."),
                mend=N_("Roles that may: %(roles)s."),
                roles=", ".join(sorted(roles_with(permission))),
            )
        if unit is not None and not self.covers(principal, unit):
            raise self._denial(
                principal,
                permission,
                unit,
                N_("Unit %(unit)s is not one of %(name)s's units."),
                mend=N_("Ask a colleague of that unit or of a superior one."),
            )

    def covers(self, principal: Principal, unit: str) -> bool:
        """Whether ``unit`` is the principal's own or lies below it."""
        visible = self.visible_units(principal)
        return visible is None or unit in visible

    def require_root(self, principal: Principal, permission: Permission) -> None:
        """As ``require``, and only for people of the topmost unit: for what concerns every unit, such as credentials."""
        self.require(principal, permission)
        if not self.topmost(principal):
            raise self._denial(
                principal,
                permission,
                None,
                N_("This concerns every unit and is done by the topmost one."),
                mend=N_("Ask a colleague there."),
            )

    def topmost(self, principal: Principal) -> bool:
        """Whether the principal is of the topmost unit, or a part of the suite."""
        if principal.is_system:
            return True
        with self._database.read() as connection:
            own = select(units.c.parent).where(units.c.id == principal.unit)
            unit = connection.execute(own).one_or_none()
        return unit is not None and unit.parent is None

    def require_person(self, principal: Principal, act: AuditAction) -> None:
        """For what nobody leaves to a program or a part of the suite: NotPermitted (audited) unless a person is signed in."""
        if principal.is_person:
            return
        error = NotPermitted(
            N_("Only a person who is signed in can do this."),
            mend=N_("Sign in with password or certificate."),
        )
        error.__dict__["denial"] = (principal, AuditAction.ACCESS_DENIED, str(act), None)
        self._database.record_denial(error)
        raise error

    def visible_units(self, principal: Principal) -> frozenset[str] | None:
        """Ids of the principal's unit and those below it; None for internal actors, who see all."""
        if principal.is_system:
            return None
        return frozenset(unit.id for unit in self.units(principal))

    def units(self, principal: Principal) -> list[Unit]:
        """The principal's unit and those below it, superior before inferior; of internal actors none."""
        with self._database.read() as connection:
            return _subtree(connection, principal.unit)

    def seen(
        self, principal: Principal, unit: ColumnElement[str | None], *, suite: bool = False
    ) -> tuple[ColumnElement[bool], ...]:
        """Conditions of a list: rows whose ``unit`` the principal sees, with ``suite`` also those of no unit."""
        if principal.is_system:
            return ()
        own = self.units(principal)
        if own and own[0].parent is None:
            return ()
        mine = unit.in_(sorted(one.id for one in own))
        return (or_(mine, unit.is_(None)) if suite else mine,)

    def _denial(
        self,
        principal: Principal,
        permission: Permission,
        unit: str | None,
        message: str,
        mend: str,
        **params: str,
    ) -> NotPermitted:
        error = NotPermitted(
            message, mend=mend, name=principal.name, permission=str(permission), unit=unit, **params
        )
        error.__dict__["denial"] = (principal, AuditAction.ACCESS_DENIED, str(permission), unit)
        self._database.record_denial(error)
        return error


def _subtree(connection: Connection, root: str) -> list[Unit]:
    """The unit and those below it, superior before inferior; none when it does not exist."""
    return [Unit(*row) for row in connection.execute(_BELOW, {"root": root})]


_TOP = units.alias("top")
# built once: nearly every request asks it, and building it costs as much as running it
_BELOW = (
    select(units.c.id, units.c.parent, units.c.name, units.c.path)
    .join(_TOP, func.substr(units.c.path, 1, func.length(_TOP.c.path)) == _TOP.c.path)
    .where(_TOP.c.id == bindparam("root"))
    .order_by(units.c.path)
)
