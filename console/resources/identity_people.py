"""Accounts and units as pages and API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from console.web.labels import ROLE_NAMES
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    Label,
    Labels,
    Link,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, unit_names
from kernel.i18n import N_, translate
from kernel.identity.lists import Account
from kernel.identity.model import Principal, Role, Unit, UserState
from kernel.identity.permissions import Permission
from kernel.identity.service import NewAccount
from kernel.store.listing import Ask, Page

ROLES: Labels = {str(role): Label(name) for role, name in ROLE_NAMES.items()}
STATES: Labels = {
    "active": Label(N_("in use"), Tone.GOOD),
    "first": Label(N_("first password not changed yet"), Tone.WARN),
    "locked": Label(N_("locked for a while"), Tone.WARN),
    "expired": Label(N_("past its end"), Tone.QUIET),
    "disabled": Label(N_("disabled"), Tone.QUIET),
}


# --- accounts
class AccountView(Record):
    """An account without its secrets; ``state`` is what counts now."""

    moving = frozenset({"last_signed_in_at"})

    login: str
    name: str
    unit: str
    unit_name: str
    roles: tuple[str, ...]
    state: str
    disabled: bool
    created_at: datetime
    locked_until: datetime | None
    expires_at: datetime | None
    last_signed_in_at: datetime | None
    reviewed_at: datetime | None
    user_id: str


class NewPerson(Input):
    login: str = Field(
        title=N_("Login"), description=N_("Letters, digits, - and . only."), min_length=1, max_length=60
    )
    name: str = Field(title=N_("The person's name"), min_length=1, max_length=200)
    unit: str = Field(title=N_("Unit"), max_length=80)


class Roles(Reason):
    roles: tuple[Role, ...] = Field(
        default=(),
        title=N_("Roles"),
        description=N_("Those not chosen are taken away."),
        max_length=len(Role),
    )


class End(Reason):
    expires_at: datetime | None = Field(
        default=None, title=N_("End"), description=N_("Empty: the account has no end.")
    )


class OwnCertificate(Input):
    certificate: Base64Bytes = Field(
        title=N_("Certificate"),
        description=N_("PEM or DER, issued by our CA, with the login as UID in its subject."),
        max_length=20_000,
        json_schema_extra={"widget": "file"},
    )


def _account(found: Account) -> AccountView:
    user = found.user
    return AccountView(
        login=user.login,
        name=user.name,
        unit=user.unit,
        unit_name=found.unit_name,
        roles=tuple(sorted(user.roles)),
        state=found.state,
        disabled=user.state is UserState.DISABLED,
        created_at=found.created_at,
        locked_until=user.locked_until,
        expires_at=user.expires_at,
        last_signed_in_at=found.last_signed_in_at,
        reviewed_at=found.reviewed_at,
        user_id=user.id,
    )


def _accounts(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    found: Page[Account] = app.identity.page(principal, ask)
    return found.map(_account)


def _one(app: Any, principal: Principal, login: str) -> AccountView:
    return _account(app.identity.account(principal, login))


def _secrets(account: NewAccount) -> dict[str, str]:
    return {
        N_("First password"): account.password,
        N_("Key for the authenticator app"): account.totp_uri,
    }


def _add(app: Any, principal: Principal, _id: str, given: NewPerson) -> Done:
    made = app.identity.create_user(principal, given.login, given.name, given.unit)
    message = N_("The account of %(name)s is made. A security officer grants its roles.")
    shown = _one(app, principal, given.login)
    return Done(message, {"name": given.name}, shown, given.login, secrets=_secrets(made))


def _grant(app: Any, principal: Principal, login: str, given: Roles) -> Done:
    app.identity.grant_roles(principal, login, given.roles, given.reason)
    return Done(N_("The roles are set."), record=_one(app, principal, login))


def _review(app: Any, principal: Principal, login: str, given: Reason) -> Done:
    app.identity.review(principal, login, given.reason)
    return Done(N_("The review is on record."), record=_one(app, principal, login))


def _disable(app: Any, principal: Principal, login: str, given: Reason) -> Done:
    app.identity.set_state(principal, login, UserState.DISABLED, given.reason)
    return Done(
        N_("The account is disabled and its sessions have ended."), record=_one(app, principal, login)
    )


def _enable(app: Any, principal: Principal, login: str, given: Reason) -> Done:
    app.identity.set_state(principal, login, UserState.ACTIVE, given.reason)
    return Done(N_("The account can be used again."), record=_one(app, principal, login))


def _unlock(app: Any, principal: Principal, login: str, given: Reason) -> Done:
    app.identity.unlock(principal, login, given.reason)
    return Done(N_("The person can try again at once."), record=_one(app, principal, login))


def _reset(app: Any, principal: Principal, login: str, given: Reason) -> Done:
    made = app.identity.reset(principal, login, given.reason)
    message = N_("The account begins anew. A security officer grants its roles again.")
    return Done(message, record=_one(app, principal, login), secrets=_secrets(made))


def _set_end(app: Any, principal: Principal, login: str, given: End) -> Done:
    app.identity.set_end(principal, login, given.expires_at, given.reason)
    return Done(N_("The end of the account is set."), record=_one(app, principal, login))


def _bind(app: Any, principal: Principal, login: str, given: OwnCertificate) -> Done:
    from kernel.pki.pem import certificate_der

    app.identity.bind_certificate(principal, login, certificate_der(given.certificate, "certificate"))
    return Done(N_("The person can sign in with this certificate."), record=_one(app, principal, login))


def _role_choices(_app: Any, _principal: Principal) -> Mapping[str, str]:
    return {str(role): translate(name) for role, name in ROLE_NAMES.items()}


def _what_ends(app: Any, principal: Principal, login: str) -> list[str]:
    user = app.identity.account(principal, login).user
    mine = Ask(limit=1).narrowed(user=user.id)
    sessions = app.floor.sessions.page(principal, mine)
    tokens = app.floor.tokens.page(principal, mine.narrowed(state="active"))
    ended = ((N_("Sessions that end: %(count)s"), sessions), (N_("Tokens that end: %(count)s"), tokens))
    return [translate(text, count=found.total) for text, found in ended if found.total]


def _what_a_reset_ends(app: Any, principal: Principal, login: str) -> list[str]:
    held = sorted(app.identity.account(principal, login).user.roles)
    names = translate(N_(", ")).join(translate(ROLE_NAMES[role]) for role in held)
    roles = [translate(N_("Roles that are taken away: %(roles)s"), roles=names)] if held else []
    return [*_what_ends(app, principal, login), *roles]


ACCOUNTS = Resource(
    name="identity.accounts",
    title=N_("Accounts"),
    one=N_("Account"),
    permission=Permission.IDENTITY_READ,
    record=AccountView,
    page=_accounts,
    item=_one,
    key="login",
    headline="name",
    columns=(
        Column("login", N_("Login"), Cell.CODE, sort="login"),
        Column("name", N_("The person's name"), sort="name"),
        Column("state", N_("State"), Cell.STATE, labels=STATES),
        Column("roles", N_("Roles"), Cell.LIST, labels=ROLES),
        Column("unit_name", N_("Unit"), link=Link("identity.units", "unit")),
        Column("last_signed_in_at", N_("Last signed in"), Cell.TIME),
        Column("reviewed_at", N_("Last reviewed"), Cell.TIME),
        Column("created_at", N_("Made"), Cell.TIME, sort="created", shown=False),
        Column("locked_until", N_("Locked until"), Cell.TIME, shown=False),
        Column("expires_at", N_("End"), Cell.TIME, shown=False),
        Column("user_id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=STATES),
        Filter("role", N_("Role"), labels=ROLES),
        UNIT,
        Filter("unused_since", N_("Not signed in since"), FilterKind.TIME),
        Filter("unreviewed_since", N_("Not reviewed since"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "add",
            N_("Make an account"),
            Permission.IDENTITY_USER_WRITE,
            _add,
            NewPerson,
            on=On.NEW,
            explain=N_(
                "First password and key are shown once. The account can do nothing before a security officer grants it roles."
            ),
            choices={"unit": unit_names},
            initial=lambda _app, principal, _id: {"unit": principal.unit},
        ),
        Verb(
            "grant",
            N_("Set roles"),
            Permission.IDENTITY_ROLE_GRANT,
            _grant,
            Roles,
            danger=True,
            choices={"roles": _role_choices},
            initial=lambda app, principal, login: {"roles": _one(app, principal, login).roles},
        ),
        Verb(
            "review",
            N_("Confirm as reviewed"),
            Permission.IDENTITY_ROLE_GRANT,
            _review,
            Reason,
            bulk=True,
            explain=N_("The person still needs the account and exactly these roles."),
        ),
        Verb(
            "unlock",
            N_("Unlock"),
            Permission.IDENTITY_USER_WRITE,
            _unlock,
            Reason,
            when=lambda account: account.state == "locked",
            bulk=True,
        ),
        Verb(
            "disable",
            N_("Disable"),
            Permission.IDENTITY_USER_WRITE,
            _disable,
            Reason,
            when=lambda account: not account.disabled,
            danger=True,
            bulk=True,
            preview=_what_ends,
        ),
        Verb(
            "enable",
            N_("Enable"),
            Permission.IDENTITY_USER_WRITE,
            _enable,
            Reason,
            when=lambda account: account.disabled,
        ),
        Verb(
            "reset",
            N_("Reset password and key"),
            Permission.IDENTITY_USER_WRITE,
            _reset,
            Reason,
            danger=True,
            preview=_what_a_reset_ends,
            explain=N_("For who lost password or authenticator. The new ones are shown once."),
        ),
        Verb(
            "set-end",
            N_("Set the end"),
            Permission.IDENTITY_USER_WRITE,
            _set_end,
            End,
            initial=lambda app, principal, login: {"expires_at": _one(app, principal, login).expires_at},
        ),
        Verb(
            "bind-certificate",
            N_("Bind a certificate"),
            Permission.IDENTITY_USER_WRITE,
            _bind,
            OwnCertificate,
        ),
    ),
    related=(
        Related(N_("Sessions"), "identity.sessions", lambda account: {"user": account.user_id}),
        Related(N_("API tokens"), "identity.tokens", lambda account: {"user": account.user_id}),
    ),
    sort="login",
    facet="state",
    empty=N_("No account fits these filters."),
    searched=True,
)


# --- units
class UnitView(Record):
    id: str
    name: str
    parent: str | None
    path: str


class NewUnit(Input):
    id: str = Field(
        title=N_("Id"),
        description=N_("Letters, digits, - and _ only; it stays."),
        min_length=1,
        max_length=80,
    )
    parent: str = Field(title=N_("Superior unit"), max_length=80)
    name: str = Field(title=N_("Name"), min_length=1, max_length=200)


def _unit(unit: Unit) -> UnitView:
    return UnitView(id=unit.id, name=unit.name, parent=unit.parent, path=unit.path)


def _units(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    found: Page[Unit] = app.identity.units_page(principal, ask)
    return found.map(_unit)


def _create(app: Any, principal: Principal, _id: str, given: NewUnit) -> Done:
    made = app.identity.create_unit(principal, given.id, given.parent, given.name)
    return Done(N_("The unit %(name)s is made."), {"name": made.name}, _unit(made), made.id)


UNITS = Resource(
    name="identity.units",
    title=N_("Units"),
    one=N_("Unit"),
    permission=Permission.IDENTITY_READ,
    record=UnitView,
    page=_units,
    item=lambda app, principal, unit_id: _unit(app.identity.unit(principal, unit_id)),
    headline="name",
    columns=(
        Column("name", N_("Name"), sort="name"),
        Column("id", N_("Id"), Cell.CODE),
        Column("parent", N_("Superior unit"), Cell.UNIT, link=Link("identity.units")),
        Column("path", N_("Place in the hierarchy"), Cell.CODE, sort="path"),
    ),
    filters=(Filter("parent", N_("Superior unit"), choices=unit_names),),
    verbs=(
        Verb(
            "create",
            N_("Make a unit"),
            Permission.IDENTITY_USER_WRITE,
            _create,
            NewUnit,
            on=On.NEW,
            choices={"parent": unit_names},
        ),
    ),
    related=(
        Related(N_("Accounts"), "identity.accounts", lambda unit: {"unit": unit.id}),
        Related(N_("Units below"), "identity.units", lambda unit: {"parent": unit.id}),
    ),
    sort="path",
    empty=N_("There is no unit below yours."),
)
