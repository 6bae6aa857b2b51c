"""Relational store of units, users and sessions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, insert, select, update

from kernel.canonical import sha256_hex
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.model import Role, Session, Unit, User, UserState
from kernel.identity.store import sessions, units, user_certificates, user_roles, users
from kernel.ids import new_id


class SqlAccounts:
    """AccountStore on the suite's relational database."""

    def any_user(self, connection: Connection) -> bool:
        return connection.execute(select(users.c.id).limit(1)).first() is not None

    # --- units
    def add_unit(self, connection: Connection, unit: Unit) -> None:
        row = {"id": unit.id, "parent": unit.parent, "name": unit.name, "path": unit.path}
        connection.execute(insert(units).values(row))

    def unit(self, connection: Connection, unit_id: str) -> Unit:
        row = connection.execute(select(units).where(units.c.id == unit_id)).one_or_none()
        if row is None:
            raise NotFound(N_("There is no unit %(id)s."), id=unit_id)
        return Unit(row.id, row.parent, row.name, row.path)

    def unit_exists(self, connection: Connection, unit_id: str) -> bool:
        return connection.execute(select(units.c.id).where(units.c.id == unit_id)).first() is not None

    def units(self, connection: Connection) -> Sequence[Unit]:
        rows = connection.execute(select(units).order_by(units.c.path))
        return [Unit(row.id, row.parent, row.name, row.path) for row in rows]

    # --- users
    def login_exists(self, connection: Connection, login: str) -> bool:
        return connection.execute(select(users.c.id).where(users.c.login == login)).first() is not None

    def add_user(
        self,
        connection: Connection,
        *,
        login: str,
        name: str,
        unit: str,
        password_hash: str,
        totp_sealed: str,
        now: datetime,
    ) -> User:
        connection.execute(
            insert(users).values(
                id=new_id("usr"),
                login=login,
                name=name,
                unit=unit,
                state=str(UserState.ACTIVE),
                password_hash=password_hash,
                totp_sealed=totp_sealed,
                must_change=True,
                created_at=now,
            )
        )
        return self.user(connection, login)

    def user(self, connection: Connection, login: str) -> User:
        return self._one(connection, _BY_LOGIN, login)

    def user_by_id(self, connection: Connection, user_id: str) -> User:
        return self._one(connection, _BY_ID, user_id)

    def users_by_id(self, connection: Connection, ids: Collection[str]) -> Mapping[str, User]:
        """Those of the ids that there are."""
        rows: dict[str, list[Row[Any]]] = {}
        for row in connection.execute(_BY_IDS, {"wanted": sorted(ids)}):
            rows.setdefault(row.id, []).append(row)
        return {one: _with_roles(found) for one, found in rows.items()}

    def names(self, connection: Connection, ids: Collection[str]) -> Mapping[str, str]:
        """Names of units and accounts by id; an id is one or the other."""
        people = select(users.c.id, users.c.name).where(users.c.id.in_(ids))
        those = people.union_all(select(units.c.id, units.c.name).where(units.c.id.in_(ids)))
        return {row.id: row.name for row in connection.execute(those)}

    def with_roles(
        self, connection: Connection, roles: frozenset[Role], units_of: Sequence[str] | None
    ) -> Sequence[User]:
        """Who holds one of the roles, by name and without the roles; ``units_of`` narrows to people of these units."""
        query = select(users).where(
            users.c.id.in_(select(user_roles.c.user).where(user_roles.c.role.in_([str(r) for r in roles])))
        )
        if units_of is not None:
            query = query.where(users.c.unit.in_(units_of))
        return [_user(row, frozenset()) for row in connection.execute(query.order_by(users.c.name))]

    def set_reviewed(self, connection: Connection, user_id: str, at: datetime) -> None:
        connection.execute(update(users).where(users.c.id == user_id).values(reviewed_at=at))

    def set_end(self, connection: Connection, user_id: str, expires_at: datetime | None) -> None:
        connection.execute(update(users).where(users.c.id == user_id).values(expires_at=expires_at))

    def set_roles(self, connection: Connection, user_id: str, roles: frozenset[Role]) -> None:
        connection.execute(delete(user_roles).where(user_roles.c.user == user_id))
        for role in sorted(roles):
            connection.execute(insert(user_roles).values(user=user_id, role=str(role)))

    def set_state(self, connection: Connection, user_id: str, state: UserState) -> None:
        connection.execute(update(users).where(users.c.id == user_id).values(state=str(state)))

    def unlock(self, connection: Connection, user_id: str) -> None:
        connection.execute(update(users).where(users.c.id == user_id).values(failures=0, locked_until=None))

    def set_password(self, connection: Connection, user_id: str, password_hash: str) -> None:
        changed = update(users).where(users.c.id == user_id)
        connection.execute(changed.values(password_hash=password_hash, must_change=False))

    def renew_hash(self, connection: Connection, user_id: str, password_hash: str) -> None:
        """The same password under newer parameters."""
        mine = users.c.id == user_id
        connection.execute(update(users).where(mine).values(password_hash=password_hash))

    def reset(self, connection: Connection, user_id: str, password_hash: str, totp_sealed: str) -> None:
        """Secrets that somebody else set, to be changed; what the old ones opened is closed, and so is a lock-out."""
        secrets = {"password_hash": password_hash, "totp_sealed": totp_sealed, "totp_step": 0}
        opened: dict[str, Any] = {"must_change": True, "failures": 0, "locked_until": None}
        connection.execute(update(users).where(users.c.id == user_id).values(**secrets, **opened))
        self.end_sessions(connection, user_id)

    # --- sign-in
    def password_hash(self, connection: Connection, login: str) -> str | None:
        """None for an unknown login."""
        query = select(users.c.password_hash).where(users.c.login == login)
        found: str | None = connection.execute(query).scalar_one_or_none()
        return found

    def secrets_of(self, connection: Connection, login: str) -> Row[Any] | None:
        """password_hash, totp_sealed, totp_step, failures, locked_until of a login; locked until the transaction ends."""
        return connection.execute(select(users).where(users.c.login == login).with_for_update()).one_or_none()

    def count_failure(
        self, connection: Connection, user_id: str, failures: int, locked_until: datetime | None
    ) -> None:
        changed = update(users).where(users.c.id == user_id)
        connection.execute(changed.values(failures=failures, locked_until=locked_until))

    def succeeded(self, connection: Connection, user_id: str, totp_step: int | None) -> bool:
        """Reset the failures and use up the TOTP step; False when that step, or a later one, was used before."""
        mine = users.c.id == user_id
        values: dict[str, Any] = {"failures": 0, "locked_until": None}
        if totp_step is not None:
            mine &= users.c.totp_step < totp_step
            values["totp_step"] = totp_step
        return connection.execute(update(users).where(mine).values(values)).rowcount == 1

    def bind_certificate(
        self, connection: Connection, user_id: str, certificate: bytes, now: datetime
    ) -> str:
        fingerprint = sha256_hex(certificate)
        connection.execute(delete(user_certificates).where(user_certificates.c.fingerprint == fingerprint))
        row = {"fingerprint": fingerprint, "user": user_id, "certificate": certificate, "bound_at": now}
        connection.execute(insert(user_certificates).values(row))
        return fingerprint

    def user_of_certificate(self, connection: Connection, certificate: bytes) -> User | None:
        query = select(user_certificates.c.user).where(
            user_certificates.c.fingerprint == sha256_hex(certificate)
        )
        user_id = connection.execute(query).scalar_one_or_none()
        return self.user_by_id(connection, user_id) if user_id else None

    # --- sessions
    def add_session(
        self, connection: Connection, session: Session, token_hash: str, fingerprint: str | None
    ) -> None:
        signed_in = update(users).where(users.c.id == session.user)
        connection.execute(signed_in.values(last_signed_in_at=session.created_at))
        row = {name: getattr(session, name) for name in _SESSION}
        connection.execute(insert(sessions).values(**row, token_hash=token_hash, fingerprint=fingerprint))

    def session(self, connection: Connection, token_hash: str) -> Session | None:
        row = connection.execute(select(sessions).where(sessions.c.token_hash == token_hash)).one_or_none()
        return _session(row) if row else None

    def session_certificate(self, connection: Connection, session_id: str) -> bytes | None:
        """The certificate (DER) the session was opened with, if it was."""
        joined = sessions.join(user_certificates, user_certificates.c.fingerprint == sessions.c.fingerprint)
        query = select(user_certificates.c.certificate).select_from(joined).where(sessions.c.id == session_id)
        found: bytes | None = connection.execute(query).scalar_one_or_none()
        return found

    def touch(self, connection: Connection, session_id: str, now: datetime) -> None:
        connection.execute(update(sessions).where(sessions.c.id == session_id).values(last_seen_at=now))

    def end_session(self, connection: Connection, session_id: str) -> bool:
        return connection.execute(delete(sessions).where(sessions.c.id == session_id)).rowcount == 1

    def end_sessions(self, connection: Connection, user_id: str, but: str = "") -> int:
        """End all of a user's sessions, except the one whose id is ``but``."""
        mine = and_(sessions.c.user == user_id, sessions.c.id != but)
        return connection.execute(delete(sessions).where(mine)).rowcount

    def _one(self, connection: Connection, query: Select[Any], name: str) -> User:
        rows = connection.execute(query, {"wanted": name}).all()
        if not rows:
            raise NotFound(N_("There is no user %(login)s."), login=name)
        return _with_roles(rows)


# built once, since every request asks for its user: a row for each role
_WITH_ROLES = select(users, user_roles.c.role).outerjoin(user_roles, user_roles.c.user == users.c.id)
_BY_ID = _WITH_ROLES.where(users.c.id == bindparam("wanted"))
_BY_IDS = _WITH_ROLES.where(users.c.id.in_(bindparam("wanted", expanding=True)))
_BY_LOGIN = _WITH_ROLES.where(users.c.login == bindparam("wanted"))
_SESSION = ("id", "user", "method", "created_at", "last_seen_at", "expires_at", "origin")


def _session(row: Row[Any]) -> Session:
    return Session(**{name: getattr(row, name) for name in _SESSION})


def _with_roles(rows: Sequence[Row[Any]]) -> User:
    return _user(rows[0], frozenset(Role(row.role) for row in rows if row.role))


def _user(row: Row[Any], roles: frozenset[Role]) -> User:
    return User(
        row.id,
        row.login,
        row.name,
        row.unit,
        UserState(row.state),
        roles,
        locked_until=row.locked_until,
        expires_at=row.expires_at,
        has_totp=row.totp_sealed is not None,
        must_change=row.must_change,
    )
