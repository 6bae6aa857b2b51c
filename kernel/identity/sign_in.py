"""Signing in, sessions and lock-out (ID-2)."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid, Unauthenticated
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal, Session, User, UserState, can_sign_in
from kernel.identity.origins import Origins
from kernel.identity.passwords import Passwords, matching_step
from kernel.identity.permissions import Permission
from kernel.identity.ports import AccountStore, CertificateCheck
from kernel.ids import new_id
from kernel.secrets import SecretBox
from kernel.store import Database, UnitOfWork


@dataclass(frozen=True)
class SignInRules:
    """When accounts lock and sessions end."""

    lock_after: int = 5
    lock_for: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(minutes=15)
    longest: timedelta = timedelta(hours=10)
    origin_failures: int = 30

    def ends_at(self, session: Session) -> datetime:
        """When the session ends unless its holder does something before."""
        return min(session.expires_at, session.last_seen_at + self.idle)


@dataclass(frozen=True, repr=False)
class SignedIn:
    """A session and its token, which is shown to the client once and stored only as a hash."""

    principal: Principal
    session: Session
    token: str


class SignIn:
    """Opens, finds and ends sessions. One message for every failure, so that nobody learns which accounts exist."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        accounts: AccountStore,
        passwords: Passwords,
        box: SecretBox,
        certificates: CertificateCheck,
        rules: SignInRules,
        origins: Origins,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._accounts = accounts
        self._passwords = passwords
        self._box = box
        self._certificates = certificates
        self.rules = rules
        self._origins = origins

    def with_password(self, login: str, password: str, code: str, origin: str = "") -> SignedIn:
        """Sign in with password and TOTP code; Unauthenticated otherwise, whatever was wrong.

        LimitExceeded when too many attempts from ``origin`` failed. The password is checked before the transaction: argon2 is
        slow on purpose, and a flood of sign-ins must not keep every other writer waiting.
        """
        with self._database.read() as connection:
            self._origins.check(connection, origin)
            known = self._accounts.password_hash(connection, login)
        checked = known if self._passwords.verify(known, password) else None
        renewed = self._passwords.hash(password) if checked and self._passwords.outdated(checked) else None
        with self._database.begin() as uow:
            signed_in = self._try_password(uow, login, checked, code, origin)
            if signed_in is not None and renewed is not None:
                self._accounts.renew_hash(uow.connection, signed_in.principal.id, renewed)
        if signed_in is None:
            raise _failed()
        return signed_in

    def with_certificate(self, certificate: bytes, origin: str = "") -> SignedIn:
        """Sign in with a client certificate (DER) that TLS has proven possession of; errors as with a password."""
        good = self._certificates.good(certificate)
        with self._database.begin() as uow:
            self._origins.check(uow.connection, origin)
            user = self._accounts.user_of_certificate(uow.connection, certificate) if good else None
            if user is None or not can_sign_in(user, self._clock.now()):
                self._record_failure(uow, f"certificate:{sha256_hex(certificate)}", origin)
                signed_in = None
            else:
                signed_in = self._open(uow, user, "certificate", origin, sha256_hex(certificate))
        if signed_in is None:
            raise _failed()
        return signed_in

    def principal(self, token: str) -> Principal:
        """Who holds this session; errors as ``resume``."""
        return self.resume(token).principal

    def resume(self, token: str, *, active: bool = True) -> SignedIn:
        """The session of this token; Unauthenticated when it is unknown, idle too long, or its certificate was revoked.

        What its holder does renews it; what a page does by itself (not ``active``) does not.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            session = self._accounts.session(connection, sha256_hex(token.encode()))
            if session is None:
                raise Unauthenticated(N_("You are not signed in."), mend=N_("Sign in again."))
            user = self._accounts.user_by_id(connection, session.user)
            certificate = None
            if session.method == "certificate":
                certificate = self._accounts.session_certificate(connection, session.id)
        if not self._alive(session, user, certificate):
            with self._database.begin() as uow:
                self._accounts.end_session(uow.connection, session.id)
                uow.audit(_principal(user, session), AuditAction.SESSION_END, f"session:{session.id}")
            raise Unauthenticated(N_("Your session has ended."), mend=N_("Sign in again."))
        if active and now - session.last_seen_at > timedelta(seconds=30):
            with self._database.begin() as uow:
                self._accounts.touch(uow.connection, session.id, now)
            session = replace(session, last_seen_at=now)
        return SignedIn(_principal(user, session), session, token)

    def sign_out(self, token: str) -> None:
        """End the session; signing out twice is no error."""
        with self._database.begin() as uow:
            session = self._accounts.session(uow.connection, sha256_hex(token.encode()))
            if session is None:
                return
            user = self._accounts.user_by_id(uow.connection, session.user)
            self._accounts.end_session(uow.connection, session.id)
            uow.audit(_principal(user, session), AuditAction.SIGN_OUT, f"session:{session.id}")

    def change_password(self, principal: Principal, old: str, new: str) -> None:
        """Set one's own password; one's other sessions end. A wrong old one counts like a failed sign-in."""
        self._access.require_person(principal, AuditAction.USER_PASSWORD)
        with self._database.read() as connection:
            user = self._accounts.user_by_id(connection, principal.id)
            known = self._accounts.password_hash(connection, user.login)
        right = self._passwords.verify(known, old) and can_sign_in(user, self._clock.now())
        if right:
            self._passwords.check_rules(new, user.login)
            if new == old:
                raise Invalid(N_("The new password is the old one."), place="new")
        renewed = self._passwords.hash(new) if right else ""
        with self._database.begin() as uow:
            row = self._accounts.secrets_of(uow.connection, user.login)
            right = right and row.password_hash == known
            if right:
                self._accounts.set_password(uow.connection, user.id, renewed)
                self._accounts.end_sessions(uow.connection, user.id, but=principal.via)
            elif can_sign_in(user, self._clock.now()):
                self._lock_out(uow, user, row.failures + 1)
            outcome = "success" if right else "failure"
            uow.audit(principal, AuditAction.USER_PASSWORD, f"user:{user.login}", outcome=outcome)
        if not right:
            raise Invalid(N_("The old password is wrong."), place="old")

    # --- how
    def _try_password(
        self, uow: UnitOfWork, login: str, checked: str | None, code: str, origin: str
    ) -> SignedIn | None:
        """``checked`` is the hash that the password matched; one that was changed meanwhile does not count."""
        row = self._accounts.secrets_of(uow.connection, login)
        if row is None:
            self._record_failure(uow, f"user:{login[:80]}", origin)
            return None
        user = self._accounts.user(uow.connection, login)
        if not can_sign_in(user, self._clock.now()):
            self._record_failure(uow, f"user:{login}", origin, user)
            return None
        secret = self._box.open(row.totp_sealed, context=f"totp:{login}").decode()
        step = matching_step(secret, code, self._clock.now().timestamp())
        if (
            checked != row.password_hash
            or step is None
            or not self._accounts.succeeded(uow.connection, user.id, step)
        ):
            self._lock_out(uow, user, row.failures + 1)
            self._record_failure(uow, f"user:{login}", origin, user)
            return None
        return self._open(uow, user, "password", origin, None)

    def _lock_out(self, uow: UnitOfWork, user: User, failures: int) -> None:
        locked = self._clock.now() + self.rules.lock_for if failures >= self.rules.lock_after else None
        self._accounts.count_failure(uow.connection, user.id, 0 if locked else failures, locked)
        if locked:
            uow.emit(
                Event(
                    EventKind.USER_LOCKED,
                    f"user:{user.login}",
                    {"until": locked.isoformat()},
                    user.unit,
                    "medium",
                )
            )

    def _record_failure(self, uow: UnitOfWork, target: str, origin: str, user: User | None = None) -> None:
        anybody = Principal.system("sign-in")
        unit = user.unit if user else None
        uow.audit(
            anybody, AuditAction.SIGN_IN, target, unit=unit, outcome="failure", details={"origin": origin}
        )
        uow.emit(Event(EventKind.SIGN_IN_FAILED, target, {"origin": origin}, unit, "low"))
        if self._origins.count(uow.connection, origin):
            uow.emit(Event(EventKind.ORIGIN_CLOSED, f"origin:{origin}", {"origin": origin}, None, "medium"))

    def _open(
        self, uow: UnitOfWork, user: User, method: str, origin: str, fingerprint: str | None
    ) -> SignedIn:
        now, token = self._clock.now(), secrets.token_urlsafe(32)
        session = Session(new_id("ses"), user.id, method, now, now, now + self.rules.longest, origin[:200])
        self._accounts.add_session(uow.connection, session, sha256_hex(token.encode()), fingerprint)
        principal = _principal(user, session)
        uow.audit(
            principal,
            AuditAction.SIGN_IN,
            f"session:{session.id}",
            unit=user.unit,
            details={"method": method},
        )
        uow.emit(
            Event(EventKind.SIGNED_IN, f"user:{user.login}", {"method": method, "origin": origin}, user.unit)
        )
        return SignedIn(principal, session, token)

    def _alive(self, session: Session, user: User, certificate: bytes | None) -> bool:
        now = self._clock.now()
        fresh = session.expires_at > now and now - session.last_seen_at <= self.rules.idle
        trusted = session.method != "certificate" or (
            certificate is not None and self._certificates.good(certificate)
        )
        expired = user.expires_at is not None and user.expires_at <= now
        return fresh and trusted and not expired and user.state is UserState.ACTIVE


def _principal(user: User, session: Session) -> Principal:
    scope = frozenset[Permission]() if user.must_change else None
    return Principal(
        user.id, user.name, user.roles, user.unit, session.method, scope, session.id, user.must_change
    )


def _failed() -> Unauthenticated:
    return Unauthenticated(
        N_("Sign-in failed."),
        mend=N_(
            "Check login, password and one-time code; after several failures the account is locked for a while."
        ),
    )
