"""Accounts, sessions and approvals as people look through them; whose rows one sees is added by the services."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, not_, or_, select

from kernel.identity.model import Approval, ApprovalState, Role, Session, Unit, User, UserState
from kernel.identity.store import approval_votes, approvals, sessions, units, user_roles, users
from kernel.store.listing import Condition, Listing, equals, since, until


# --- accounts
def account_state(now: datetime) -> ColumnElement[str]:
    """ "disabled", "expired", "locked", "first" (the first password was never changed) or "active"."""
    return case(
        (users.c.state == str(UserState.DISABLED), "disabled"),
        (and_(users.c.expires_at.is_not(None), users.c.expires_at <= now), "expired"),
        (and_(users.c.locked_until.is_not(None), users.c.locked_until > now), "locked"),
        (users.c.must_change, "first"),
        else_="active",
    )


@dataclass(frozen=True)
class Account:
    """An account in a list, with the state that counts now (see ``account_state``)."""

    user: User
    state: str
    unit_name: str
    created_at: datetime
    last_signed_in_at: datetime | None
    reviewed_at: datetime | None


def accounts_at(now: datetime) -> Listing[Account]:
    """The list of accounts as it stands at ``now``."""
    state = account_state(now)
    roles = select(func.aggregate_strings(user_roles.c.role, ",")).where(user_roles.c.user == users.c.id)
    return Listing(
        query=select(
            users, units.c.name.label("unit_name"), state.label("now"), roles.scalar_subquery().label("held")
        ).select_from(users.join(units, units.c.id == users.c.unit)),
        key=users.c.id,
        orders={"login": users.c.login, "name": users.c.name, "created": users.c.created_at},
        default="login",
        row=_account,
        text=(users.c.login, users.c.name),
        filters={
            "state": equals(state),
            "role": _with_role,
            "unit": equals(users.c.unit),
            "unused_since": until(func.coalesce(users.c.last_signed_in_at, users.c.created_at)),
            "unreviewed_since": until(func.coalesce(users.c.reviewed_at, users.c.created_at)),
        },
        facets={"state": state},
    )


def _with_role(values: tuple[str, ...]) -> ColumnElement[bool]:
    """Who holds one of the roles; "" stands for nobody's."""
    held = select(user_roles.c.user)
    found = users.c.id.in_(held.where(user_roles.c.role.in_(values)))
    return or_(found, users.c.id.not_in(held)) if "" in values else found


def _account(row: Row[Any]) -> Account:
    roles = frozenset(Role(role) for role in (row.held or "").split(",") if role)
    user = User(
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
    times = row.created_at, row.last_signed_in_at, row.reviewed_at
    return Account(user, row.now, row.unit_name, *times)


# --- units
UNITS: Listing[Unit] = Listing(
    query=select(units),
    key=units.c.id,
    orders={"path": units.c.path, "name": units.c.name},
    default="path",
    row=lambda row: Unit(row.id, row.parent, row.name, row.path),
    text=(units.c.id, units.c.name),
    filters={"parent": equals(units.c.parent)},
)


# --- sessions
@dataclass(frozen=True)
class OpenSession:
    """A session in a list, and whose it is."""

    session: Session
    login: str
    name: str
    unit: str


def _open_session(row: Row[Any]) -> OpenSession:
    values = {name: getattr(row, name) for name in Session.__dataclass_fields__}
    return OpenSession(Session(**values), row.login, row.person, row.unit)


SESSIONS: Listing[OpenSession] = Listing(
    query=select(sessions, users.c.login, users.c.name.label("person"), users.c.unit).select_from(
        sessions.join(users, users.c.id == sessions.c.user)
    ),
    key=sessions.c.id,
    orders={"seen": sessions.c.last_seen_at, "opened": sessions.c.created_at},
    default="-seen",
    row=_open_session,
    text=(users.c.login, users.c.name, sessions.c.origin),
    filters={
        "user": equals(sessions.c.user),
        "method": equals(sessions.c.method),
        "unit": equals(users.c.unit),
    },
    facets={"method": sessions.c.method},
)


# --- approvals
@dataclass(frozen=True)
class Vote:
    """One person's decision."""

    name: str
    approve: bool
    reason: str
    at: datetime


@dataclass(frozen=True)
class Case:
    """An approval in a list: who asked and who decided how, by name."""

    approval: Approval
    opened_at: datetime
    decided_at: datetime | None
    requester: str
    votes: tuple[Vote, ...] = ()
    who_may: tuple[str, ...] = ()  # names, while it waits; of a single one only


def _case(row: Row[Any]) -> Case:
    names = ("id", "kind", "subject", "title", "digest", "requested_by", "permission", "unit", "needed")
    approval = Approval(**{name: getattr(row, name) for name in names}, state=ApprovalState(row.state))
    return Case(approval, row.opened_at, row.decided_at, row.requester or row.requested_by)


_CASES: Listing[Case] = Listing(
    query=select(approvals, users.c.name.label("requester")).select_from(
        approvals.outerjoin(users, users.c.id == approvals.c.requested_by)
    ),
    key=approvals.c.id,
    orders={"opened": approvals.c.opened_at},
    default="-opened",
    row=_case,
    text=(approvals.c.title, approvals.c.subject, approvals.c.id, users.c.name),
    filters={
        "state": equals(approvals.c.state),
        "kind": equals(approvals.c.kind),
        "subject": equals(approvals.c.subject),
        "since": since(approvals.c.opened_at),
        "until": until(approvals.c.opened_at),
    },
    facets={"state": approvals.c.state},
)


def cases_of(person: str, may_decide: ColumnElement[bool]) -> Listing[Case]:
    """Approvals with the filter ``mine`` of one person: "decide" waits for them, "asked" and "decided" are theirs."""
    voted = select(approval_votes.c.approval).where(approval_votes.c.person == person)
    asked, decided = approvals.c.requested_by == person, approvals.c.id.in_(voted)
    pending = approvals.c.state == str(ApprovalState.PENDING)
    groups = {
        "decide": and_(pending, may_decide, not_(asked), not_(decided)),
        "asked": asked,
        "decided": decided,
    }

    def mine(values: tuple[str, ...]) -> ColumnElement[bool]:
        return or_(*(groups[value] for value in values if value in groups), approvals.c.id == "")

    filters: dict[str, Condition] = {**_CASES.filters, "mine": mine}
    return replace(_CASES, filters=filters)
