"""Tokens by which programs use the API: of one person, for less than they may do, within a unit, until a day (ID-2)."""

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, LimitExceeded, NotFound, Unauthenticated
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal, Token, User, can_sign_in
from kernel.identity.permissions import APPROVING, Permission
from kernel.identity.ports import AccountStore
from kernel.identity.store import tokens, users
from kernel.ids import new_id
from kernel.store import Database
from kernel.store.listing import Ask, Listing, Page, equals

PREFIX = "wct_"  # so that a scanner of source code recognises one that was left there
FORM = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
LONGEST = timedelta(days=366)
MOST = 20  # that one person has in use
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, repr=False)
class NewToken:
    """A token as it is shown once, ``secret``; the suite keeps its SHA-256 only."""

    token: Token
    secret: str


class Tokens:
    """Makes, lists, revokes and recognises tokens."""

    def __init__(self, database: Database, clock: Clock, access: Access, accounts: AccountStore) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._accounts = accounts

    def create(
        self,
        principal: Principal,
        name: str,
        scope: Collection[Permission],
        unit: str,
        expires_at: datetime,
    ) -> NewToken:
        """Make a token of one's own; NotPermitted beyond what one holds now, LimitExceeded when one has too many.

        A token is made by a person: one that made another would never end.
        """
        self._check(principal, name, scope, expires_at)
        for permission in sorted(scope):
            self._access.require(principal, permission, unit=unit)
        now, secret = self._clock.now(), PREFIX + secrets.token_urlsafe(32)
        row = {"name": name.strip(), "scope": sorted(scope), "unit": unit, "expires_at": expires_at}
        token_id = new_id("tok")
        with self._database.begin() as uow:
            user = self._accounts.user_by_id(uow.connection, principal.id)
            if self._in_use(uow.connection, user.id, now) >= MOST:
                raise LimitExceeded(
                    N_("You have %(most)s tokens in use."),
                    mend=N_("Revoke one that is not needed."),
                    most=MOST,
                )
            kept = {"id": token_id, "token_hash": sha256_hex(secret.encode()), "user": user.id}
            uow.execute(insert(tokens).values(**row, **kept, created_at=now))
            details = {"name": row["name"], "scope": row["scope"], "until": expires_at.isoformat()}
            uow.audit(principal, AuditAction.TOKEN_CREATE, f"token:{token_id}", unit=unit, details=details)
            return NewToken(self._one(uow.connection, tokens.c.id == token_id), secret)

    def page(self, principal: Principal, ask: Ask) -> Page[Token]:
        """A person's own tokens; with the permission to end sessions, those of everybody in one's units."""
        with self._database.read() as connection:
            return _listing(self._clock.now()).page(connection, ask, self._seen(principal))

    def get(self, principal: Principal, token_id: str) -> Token:
        """One of the tokens that ``page`` shows; NotFound for any other."""
        with self._database.read() as connection:
            return self._one(connection, and_(tokens.c.id == token_id, self._seen(principal)), token_id)

    def revoke(self, principal: Principal, token_id: str, reason: str) -> Token:
        """End one of the tokens that ``page`` shows, at once; Conflict when it is revoked already."""
        if not reason.strip():
            raise Invalid(N_("Give the reason; it goes into the audit trail."), place="reason")
        seen = and_(tokens.c.id == token_id, self._seen(principal))
        with self._database.begin() as uow:
            token = self._one(uow.connection, seen, token_id)
            mine = and_(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
            if uow.execute(update(tokens).where(mine).values(revoked_at=self._clock.now())).rowcount == 0:
                raise Conflict(N_("This token is revoked already."), place=token.name)
            uow.audit(
                principal, AuditAction.TOKEN_REVOKE, f"token:{token_id}", unit=token.unit, reason=reason
            )
            return self._one(uow.connection, tokens.c.id == token_id)

    def principal(self, raw: str) -> Principal:
        """Whose token this is; Unauthenticated when it is none, or no longer one.

        Found by its hash: how far a guess agrees with a real token does not show in the time that the answer takes.
        """
        (found,) = self.principals([raw])
        if isinstance(found, Unauthenticated):
            raise found
        return found

    def principals(self, raws: Sequence[str]) -> list[Principal | Unauthenticated]:
        """As ``principal`` for each, with as many statements as for one; one that is none stops no other."""
        now = self._clock.now()
        hashes = [sha256_hex(raw.encode()) if FORM.fullmatch(raw) else "" for raw in raws]
        wanted = sorted({one for one in hashes if one})
        if not wanted:
            return [_unknown() for _ in raws]
        with self._database.read() as connection:
            rows = {row.token_hash: row for row in connection.execute(_BY_HASHES, {"hashes": wanted})}
            living = {
                one: row for one, row in rows.items() if row.revoked_at is None and row.expires_at > now
            }
            users = self._accounts.users_by_id(connection, {row.user for row in living.values()})
        good = {one: row for one, row in living.items() if _signs_in(users[row.user], now)}
        self._note(now, list(good.values()))
        found = {one: _principal(users[row.user], row) for one, row in good.items()}
        return [found[one] if one in found else _unknown() for one in hashes]

    def _note(self, now: datetime, used: Sequence[Row[Any]]) -> None:
        """When each was used last; to the minute, for it costs a transaction."""
        late = [one.id for one in used if one.last_used_at is None or now - one.last_used_at > SEEN_EVERY]
        if late:
            with self._database.begin() as uow:
                uow.execute(update(tokens).where(tokens.c.id.in_(late)).values(last_used_at=now))

    def _check(
        self, principal: Principal, name: str, scope: Collection[Permission], expires_at: datetime
    ) -> None:
        self._access.require_person(principal, AuditAction.TOKEN_CREATE)
        if not 1 <= len(name.strip()) <= 100:
            raise Invalid(N_("A name has 1 to %(most)s characters."), place="name", most=100)
        if not scope:
            raise Invalid(N_("A token may do at least one thing."), place="scope")
        if approving := sorted(set(scope) & APPROVING):
            raise Invalid(
                N_("No token approves (%(permission)s): a person has to be signed in for that."),
                place="scope",
                permission=approving[0],
            )
        if not timedelta() < expires_at - self._clock.now() <= LONGEST:
            raise Invalid(
                N_("A token ends in the future, and within %(days)s days."),
                place="expires_at",
                days=LONGEST.days,
            )

    def _seen(self, principal: Principal) -> ColumnElement[bool]:
        mine = tokens.c.user == principal.id if principal.is_person else false()
        if not self._access.allows(principal, Permission.IDENTITY_SESSION_END):
            return mine
        return or_(mine, and_(True, *self._access.seen(principal, users.c.unit)))

    def _in_use(self, connection: Connection, user_id: str, now: datetime) -> int:
        mine = and_(tokens.c.user == user_id, _state(now) == "active")
        found: int = connection.execute(select(func.count()).select_from(tokens).where(mine)).scalar_one()
        return found

    def _one(self, connection: Connection, condition: ColumnElement[bool], token_id: str = "") -> Token:
        row = connection.execute(_QUERY.where(condition)).one_or_none()
        if row is None:
            raise NotFound(N_("There is no token %(id)s."), id=token_id[:80])
        return _token(row)


def revoke_all(connection: Connection, user_id: str, now: datetime) -> int:
    """End all tokens of a user whose account begins anew; how many there were."""
    mine = and_(tokens.c.user == user_id, tokens.c.revoked_at.is_(None))
    return connection.execute(update(tokens).where(mine).values(revoked_at=now)).rowcount


def state_of(token: Token, now: datetime) -> str:
    """ "active", "expired" or "revoked"."""
    if token.revoked_at is not None:
        return "revoked"
    return "active" if token.expires_at > now else "expired"


# built once: each request asks it
_BY_HASHES = select(tokens).where(tokens.c.token_hash.in_(bindparam("hashes", expanding=True)))
_PERMISSIONS = {str(one): one for one in Permission}
_QUERY = select(tokens, users.c.login).select_from(tokens.join(users, users.c.id == tokens.c.user))


def _state(now: datetime) -> ColumnElement[str]:
    """What ``state_of`` says, as a column."""
    ended = (tokens.c.revoked_at.is_not(None), "revoked")
    return case(ended, (tokens.c.expires_at <= now, "expired"), else_="active")


def _listing(now: datetime) -> Listing[Token]:
    state = _state(now)
    return replace(_LISTING, filters={**_LISTING.filters, "state": equals(state)}, facets={"state": state})


def _token(row: Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__dataclass_fields__ if name != "scope"}
    return Token(**values, scope=_scope(row))


def _scope(row: Row[Any]) -> frozenset[Permission]:
    """Permissions that a later release no longer knows allow nothing."""
    return frozenset(_PERMISSIONS[one] for one in row.scope if one in _PERMISSIONS)


def _principal(user: User, row: Row[Any]) -> Principal:
    return Principal(user.id, user.name, user.roles, row.unit, "token", _scope(row), row.id)


def _signs_in(user: User, now: datetime) -> bool:
    return can_sign_in(replace(user, locked_until=None), now)  # a lock-out is about passwords


def _unknown() -> Unauthenticated:
    return Unauthenticated(
        N_("This token is not valid."), mend=N_("Make a new one if it has ended or was revoked.")
    )


_LISTING: Listing[Token] = Listing(
    query=_QUERY,
    key=tokens.c.id,
    orders={"created": tokens.c.created_at, "expires": tokens.c.expires_at, "name": tokens.c.name},
    default="-created",
    row=_token,
    text=(tokens.c.name, users.c.login),
    filters={"user": equals(tokens.c.user), "login": equals(users.c.login)},
)
