"""Accounts, roles and first-run set-up (ID-1).

The system administrator makes accounts, the security officer grants roles, the auditor reads what both did: no one can
bring a new person into power alone.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.lists import UNITS, Account, accounts_at
from kernel.identity.model import Principal, Role, Unit, User, UserState, can_sign_in, clashes
from kernel.identity.passwords import Passwords, new_totp_secret, provisioning_uri
from kernel.identity.permissions import Permission, roles_with
from kernel.identity.ports import AccountStore
from kernel.identity.store import units, users
from kernel.identity.tokens import revoke_all
from kernel.secrets import SecretBox
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

THREE_ADMINISTRATORS = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER, Role.AUDITOR)


@dataclass(frozen=True, repr=False)
class NewAccount:
    """What is handed to a new user once: the first password and the key for the TOTP app (RFC 6238)."""

    user: User
    password: str
    totp_uri: str
    totp_secret: str


class IdentityService:
    """Use cases of accounts and roles."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        accounts: AccountStore,
        passwords: Passwords,
        box: SecretBox,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._accounts = accounts
        self._passwords = passwords
        self._box = box

    # --- set-up
    def set_up(self, organisation: str, logins: dict[Role, tuple[str, str]]) -> list[NewAccount]:
        """First run: make the root unit and the three administrators; Conflict when anyone exists already.

        ``logins`` maps each of the three roles to (login, name).
        """
        if set(logins) != set(THREE_ADMINISTRATORS):
            raise Invalid(N_("Set-up needs a system administrator, a security officer and an auditor."))
        for login, name in logins.values():
            _check_person(login, name)
        if not organisation.strip() or len(organisation) > 200:
            raise Invalid(N_("A name has 1 to 200 characters."), place=organisation[:80])
        actor = Principal.system("set-up")
        with self._database.begin() as uow:
            if self._accounts.any_user(uow.connection):
                raise Conflict(N_("The suite is set up already."), mend=N_("Sign in with weicheng login."))
            self._accounts.add_unit(uow.connection, Unit("u_city", None, organisation, "/u_city/"))
            made = [
                self._add(uow, actor, login, name, "u_city", frozenset({role}))
                for role, (login, name) in logins.items()
            ]
            uow.audit(
                actor,
                AuditAction.SETUP,
                "suite",
                details={"logins": [account.user.login for account in made]},
            )
        return made

    # --- units
    def create_unit(self, principal: Principal, unit_id: str, parent: str, name: str) -> Unit:
        """Add a unit below ``parent``, which must be the principal's own or lie below it."""
        self._access.require(principal, Permission.IDENTITY_USER_WRITE, unit=parent)
        if not unit_id.replace("_", "").replace("-", "").isalnum() or not unit_id.isascii():
            raise Invalid(N_("A unit's id has letters, digits, - and _ only."), place=unit_id)
        with self._database.begin() as uow:
            above = self._accounts.unit(uow.connection, parent)
            unit = Unit(unit_id, parent, name, f"{above.path}{unit_id}/")
            if self._accounts.unit_exists(uow.connection, unit_id):
                raise Conflict(N_("There is a unit %(id)s already."), id=unit_id)
            self._accounts.add_unit(uow.connection, unit)
            uow.audit(
                principal, AuditAction.UNIT_CREATE, f"unit:{unit_id}", unit=parent, details={"name": name}
            )
        return unit

    def units(self, principal: Principal) -> list[Unit]:
        """The units the principal sees, superior before inferior."""
        if not principal.is_system:
            return self._access.units(principal)
        with self._database.read() as connection:
            return list(self._accounts.units(connection))

    def units_page(self, principal: Principal, ask: Ask) -> Page[Unit]:
        """The same units as a list to look through."""
        self._access.require(principal, Permission.IDENTITY_READ)
        with self._database.read() as connection:
            return UNITS.page(connection, ask, *self._access.seen(principal, units.c.id))

    def unit(self, principal: Principal, unit_id: str) -> Unit:
        """One of them; NotFound for any other."""
        self._access.require(principal, Permission.IDENTITY_READ)
        with self._database.read() as connection:
            found = self._accounts.unit(connection, unit_id)
        if not self._access.covers(principal, unit_id):
            raise NotFound(N_("There is no unit %(id)s."), id=unit_id)
        return found

    # --- accounts
    def create_user(self, principal: Principal, login: str, name: str, unit: str) -> NewAccount:
        """Make an account without any role; its first password and TOTP key are returned once."""
        self._access.require(principal, Permission.IDENTITY_USER_WRITE, unit=unit)
        _check_person(login, name)
        with self._database.begin() as uow:
            self._accounts.unit(uow.connection, unit)
            return self._add(uow, principal, login, name, unit, frozenset())

    def grant_roles(self, principal: Principal, login: str, roles: Iterable[Role], reason: str = "") -> User:
        """Set a user's roles; Conflict when two of them exclude one another, NotPermitted for one's own account."""
        self._access.require(principal, Permission.IDENTITY_ROLE_GRANT)
        wanted = frozenset(roles)
        with self._database.read() as connection:
            user = self._accounts.user(connection, login)
        self._access.require(principal, Permission.IDENTITY_ROLE_GRANT, unit=user.unit)
        if principal.id == user.id:
            raise Conflict(
                N_("Nobody changes their own roles."), mend=N_("Another security officer has to do it.")
            )
        pairs = clashes(wanted)
        if pairs:
            raise Conflict(
                N_("%(login)s can not be %(first)s and %(second)s: these roles exclude one another."),
                mend=N_("Give one of them to another person."),
                login=login,
                first=pairs[0][0],
                second=pairs[0][1],
            )
        with self._database.begin() as uow:
            self._accounts.set_roles(uow.connection, user.id, wanted)
            uow.audit(
                principal,
                AuditAction.ROLE_GRANT,
                f"user:{login}",
                unit=user.unit,
                reason=reason or None,
                details={"before": sorted(user.roles), "after": sorted(wanted)},
            )
            return self._accounts.user(uow.connection, login)

    def set_state(self, principal: Principal, login: str, state: UserState, reason: str) -> None:
        """Disable or enable an account; disabling ends its sessions."""
        user = self._for_writing(principal, login)
        action = AuditAction.USER_DISABLE if state is UserState.DISABLED else AuditAction.USER_ENABLE
        with self._database.begin() as uow:
            self._accounts.set_state(uow.connection, user.id, state)
            if state is UserState.DISABLED:
                self._accounts.end_sessions(uow.connection, user.id)
            uow.audit(principal, action, f"user:{login}", unit=user.unit, reason=reason)

    def unlock(self, principal: Principal, login: str, reason: str = "") -> None:
        """Let a locked-out user try again at once."""
        user = self._for_writing(principal, login)
        with self._database.begin() as uow:
            self._accounts.unlock(uow.connection, user.id)
            uow.audit(
                principal,
                AuditAction.USER_UNLOCK,
                f"user:{login}",
                unit=user.unit,
                reason=reason or None,
            )

    def bind_certificate(self, principal: Principal, login: str, certificate: bytes) -> None:
        """Let the user sign in with this certificate (DER) of our own CA, whose subject must name the login as UID.

        Otherwise whoever makes accounts could sign in as anybody, with a certificate of their own.
        """
        user = self._for_writing(principal, login)
        if _named_in(certificate) != [login]:
            raise Invalid(
                N_("The certificate is not one of %(login)s's."),
                mend=N_("Have one issued whose subject holds UID=%(login)s."),
                place="certificate",
                login=login,
            )
        with self._database.begin() as uow:
            fingerprint = self._accounts.bind_certificate(
                uow.connection, user.id, certificate, self._clock.now()
            )
            details = {"fingerprint": fingerprint}
            uow.audit(
                principal, AuditAction.USER_CERTIFICATE, f"user:{login}", unit=user.unit, details=details
            )

    def reset(self, principal: Principal, login: str, reason: str) -> NewAccount:
        """New secrets for who lost the old ones; sessions, tokens and roles end, as with an account just made.

        Without roles it is no way to act as somebody else: a security officer has to grant them again. So there has to be one.
        """
        user = self._for_writing(principal, login)
        if principal.id == user.id:
            raise Conflict(N_("Nobody resets their own account."), mend=N_("Change your password instead."))
        password, totp = secrets.token_urlsafe(15), new_totp_secret()
        hashed, sealed = self._passwords.hash(password), self._seal(login, totp)
        with self._database.begin() as uow:
            if not self._others_grant(uow, user):
                raise Conflict(
                    N_("%(login)s is the only one who grants roles."),
                    mend=N_("Make another security officer first."),
                    login=login,
                )
            self._accounts.reset(uow.connection, user.id, hashed, sealed)
            self._accounts.set_roles(uow.connection, user.id, frozenset())
            ended = revoke_all(uow.connection, user.id, self._clock.now())
            details = {"roles": sorted(user.roles), "tokens": ended}
            uow.audit(
                principal,
                AuditAction.USER_RESET,
                f"user:{login}",
                unit=user.unit,
                reason=reason,
                details=details,
            )
            user = self._accounts.user(uow.connection, login)
        return NewAccount(user, password, provisioning_uri(login, totp), totp)

    def review(self, principal: Principal, login: str, reason: str) -> None:
        """Confirm, as who grants roles, that the account and its roles are still needed; nobody reviews their own."""
        self._access.require(principal, Permission.IDENTITY_ROLE_GRANT)
        with self._database.read() as connection:
            user = self._accounts.user(connection, login)
        self._access.require(principal, Permission.IDENTITY_ROLE_GRANT, unit=user.unit)
        if principal.id == user.id:
            raise Conflict(
                N_("Nobody reviews their own account."), mend=N_("Another security officer has to do it.")
            )
        with self._database.begin() as uow:
            self._accounts.set_reviewed(uow.connection, user.id, self._clock.now())
            details = {"roles": sorted(user.roles)}
            uow.audit(
                principal,
                AuditAction.USER_REVIEW,
                f"user:{login}",
                unit=user.unit,
                reason=reason,
                details=details,
            )

    def set_end(self, principal: Principal, login: str, expires_at: datetime | None, reason: str) -> None:
        """The time from which the account can do nothing; None takes the end away."""
        user = self._for_writing(principal, login)
        with self._database.begin() as uow:
            self._accounts.set_end(uow.connection, user.id, expires_at)
            details = {"until": expires_at.isoformat() if expires_at else None}
            uow.audit(
                principal,
                AuditAction.USER_END,
                f"user:{login}",
                unit=user.unit,
                reason=reason,
                details=details,
            )

    def page(self, principal: Principal, ask: Ask) -> Page[Account]:
        """Accounts of the principal's units."""
        self._access.require(principal, Permission.IDENTITY_READ)
        scope = self._access.seen(principal, users.c.unit)
        with self._database.read() as connection:
            return accounts_at(self._clock.now()).page(connection, ask, *scope)

    def account(self, principal: Principal, login: str) -> Account:
        """One of them; NotFound for any other."""
        self._access.require(principal, Permission.IDENTITY_READ)
        listing = accounts_at(self._clock.now())
        this = listing.query.where(users.c.login == login, *self._access.seen(principal, users.c.unit))
        with self._database.read() as connection:
            row = connection.execute(this).one_or_none()
        if row is None:
            raise NotFound(N_("There is no user %(login)s."), login=login[:80])
        return listing.row(row)

    def names(self, ids: Collection[str]) -> Mapping[str, str]:
        """Names of units and accounts by id, for pages that may show the ids; unknown ones are left out."""
        with self._database.read() as connection:
            return self._accounts.names(connection, ids)

    def holders(self, principal: Principal, permission: Permission, unit: str | None = None) -> list[str]:
        """Names of the others who hold the permission for the unit and can sign in: who may do, or approve, this.

        Nobody for a unit that the principal does not see.
        """
        if unit is not None and not self._access.covers(principal, unit):
            return []
        with self._database.read() as connection:
            above = None
            if unit is not None:
                above = self._accounts.unit(connection, unit).path.strip("/").split("/")
            found = self._accounts.with_roles(connection, roles_with(permission), above)
        return [
            user.name for user in found if user.id != principal.id and can_sign_in(user, self._clock.now())
        ]

    def _for_writing(self, principal: Principal, login: str) -> User:
        self._access.require(principal, Permission.IDENTITY_USER_WRITE)
        with self._database.read() as connection:
            user = self._accounts.user(connection, login)
        self._access.require(principal, Permission.IDENTITY_USER_WRITE, unit=user.unit)
        return user

    def _add(
        self, uow: UnitOfWork, actor: Principal, login: str, name: str, unit: str, roles: frozenset[Role]
    ) -> NewAccount:
        if self._accounts.login_exists(uow.connection, login):
            raise Conflict(N_("There is a user %(login)s already."), login=login)
        password, totp = secrets.token_urlsafe(15), new_totp_secret()
        user = self._accounts.add_user(
            uow.connection,
            login=login,
            name=name,
            unit=unit,
            password_hash=self._passwords.hash(password),
            totp_sealed=self._seal(login, totp),
            now=self._clock.now(),
        )
        self._accounts.set_roles(uow.connection, user.id, roles)
        uow.audit(
            actor, AuditAction.USER_CREATE, f"user:{login}", unit=unit, details={"roles": sorted(roles)}
        )
        return NewAccount(
            self._accounts.user(uow.connection, login), password, provisioning_uri(login, totp), totp
        )

    def _seal(self, login: str, totp: str) -> str:
        return self._box.seal(totp.encode(), context=f"totp:{login}")

    def _others_grant(self, uow: UnitOfWork, user: User) -> bool:
        """Whether somebody can give the user's roles back."""
        may_grant = roles_with(Permission.IDENTITY_ROLE_GRANT)
        officers = self._accounts.with_roles(uow.connection, may_grant, None)
        return any(one.id != user.id and can_sign_in(one, self._clock.now()) for one in officers)


def _check_person(login: str, name: str) -> None:
    if not login.isascii() or not login.replace("-", "").replace(".", "").isalnum() or len(login) > 60:
        raise Invalid(N_("A login has up to 60 ASCII letters, digits, - and . only."), place=login[:80])
    if not name.strip() or len(name) > 200:
        raise Invalid(N_("A name has 1 to 200 characters."), place=login)


def _named_in(certificate: bytes) -> list[str | bytes]:
    """The logins (UID, RFC 4519 section 2.39) in the subject of a DER certificate; none if it can not be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        subject = x509.load_der_x509_certificate(certificate).subject
    except ValueError:
        return []
    return [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.USER_ID)]
