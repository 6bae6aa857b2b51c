"""Sessions, API tokens and approvals as pages and API: everybody sees their own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import Field

from console.resources.permission_names import PERMISSION_NAMES
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
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, unit_names
from kernel.i18n import N_, translate
from kernel.identity.lists import Case, OpenSession
from kernel.identity.model import Principal, Token
from kernel.identity.permissions import APPROVING, Permission
from kernel.identity.tokens import LONGEST, state_of
from kernel.store.listing import Ask, Page

METHODS: Labels = {
    "password": Label(N_("password and one-time code"), Tone.QUIET),
    "certificate": Label(N_("certificate"), Tone.QUIET),
}
TOKEN_STATES: Labels = {
    "active": Label(N_("valid"), Tone.GOOD),
    "expired": Label(N_("past its end"), Tone.QUIET),
    "revoked": Label(N_("revoked"), Tone.BAD),
}
PERMISSIONS: Labels = {str(permission): Label(name) for permission, name in PERMISSION_NAMES.items()}


# --- sessions
class SessionView(Record):
    """An open session; ``this`` is the one that asks. It ends at ``ends_at`` unless its holder does something before."""

    id: str
    person: str
    login: str
    unit: str
    method: str
    origin: str
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    this: bool


def _session(app: Any, principal: Principal, found: OpenSession) -> SessionView:
    session = found.session
    return SessionView(
        id=session.id,
        person=found.name,
        login=found.login,
        unit=found.unit,
        method=session.method,
        origin=session.origin,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        ends_at=app.floor.sign_in.rules.ends_at(session),
        this=session.id == principal.via,
    )


def _sessions(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    found: Page[OpenSession] = app.floor.sessions.page(principal, ask)
    return found.map(partial(_session, app, principal))


def _one_session(app: Any, principal: Principal, session_id: str) -> SessionView:
    return _session(app, principal, app.floor.sessions.get(principal, session_id))


def _end(app: Any, principal: Principal, session_id: str, given: Reason) -> Done:
    ended = app.floor.sessions.end(principal, session_id, given.reason)
    return Done(N_("The session of %(name)s has ended."), {"name": ended.name})


SESSIONS = Resource(
    name="identity.sessions",
    title=N_("Sessions"),
    one=N_("Session"),
    permission=None,
    record=SessionView,
    page=_sessions,
    item=_one_session,
    headline="person",
    columns=(
        Column("person", N_("The person's name")),
        Column("login", N_("Login"), Cell.CODE),
        Column("method", N_("Signed in by"), Cell.STATE, labels=METHODS),
        Column("origin", N_("Signed in from"), Cell.CODE),
        Column("last_seen_at", N_("Last used"), Cell.TIME, sort="seen"),
        Column("created_at", N_("Signed in at"), Cell.TIME, sort="opened"),
        Column("ends_at", N_("Ends unless used"), Cell.TIME),
        Column("this", N_("This one"), Cell.FLAG),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("method", N_("Signed in by"), labels=METHODS),
        UNIT,
        Filter("user", N_("Id of the person"), FilterKind.TEXT),
    ),
    verbs=(Verb("end", N_("End the session"), None, _end, Reason, danger=True, bulk=True),),
    sort="-seen",
    facet="method",
    empty=N_("No session fits these filters."),
)


# --- tokens
class TokenView(Record):
    id: str
    name: str
    login: str
    state: str
    scope: tuple[str, ...]
    unit: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenInput(Input):
    name: str = Field(
        title=N_("Name"), description=N_("What uses it, and where."), min_length=1, max_length=100
    )
    scope: tuple[Permission, ...] = Field(
        title=N_("What it may do"), min_length=1, max_length=len(Permission)
    )
    unit: str = Field(
        title=N_("Unit"), description=N_("It sees this unit and those below it."), max_length=80
    )
    days: int = Field(default=90, title=N_("Days until it ends"), ge=1, le=LONGEST.days)


def _token(app: Any, token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        login=token.login,
        state=state_of(token, app.clock.now()),
        scope=tuple(sorted(token.scope)),
        unit=token.unit,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
    )


def _tokens(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    found: Page[Token] = app.floor.tokens.page(principal, ask)
    return found.map(partial(_token, app))


def _create(app: Any, principal: Principal, _id: str, given: NewTokenInput) -> Done:
    until = app.clock.now() + timedelta(days=given.days)
    made = app.floor.tokens.create(principal, given.name, frozenset(given.scope), given.unit, until)
    message = N_("The token %(name)s is made. Programs send it as Authorization: Bearer.")
    secret = {N_("Token"): made.secret}
    return Done(message, {"name": made.token.name}, _token(app, made.token), made.token.id, secrets=secret)


def _revoke(app: Any, principal: Principal, token_id: str, given: Reason) -> Done:
    revoked = app.floor.tokens.revoke(principal, token_id, given.reason)
    return Done(N_("The token %(name)s is revoked."), {"name": revoked.name}, _token(app, revoked))


def _grantable(app: Any, principal: Principal) -> Mapping[str, str]:
    """What the person could give to a token: what they hold, without what approves."""
    held = app.floor.access.permissions(principal) - APPROVING
    return {str(one): translate(PERMISSION_NAMES[one]) for one in PERMISSION_NAMES if one in held}


TOKENS = Resource(
    name="identity.tokens",
    title=N_("API tokens"),
    one=N_("API token"),
    permission=None,
    record=TokenView,
    page=_tokens,
    item=lambda app, principal, token_id: _token(app, app.floor.tokens.get(principal, token_id)),
    headline="name",
    columns=(
        Column("name", N_("Name"), sort="name"),
        Column("state", N_("State"), Cell.STATE, labels=TOKEN_STATES),
        Column("login", N_("Whose it is"), Cell.CODE),
        Column("scope", N_("What it may do"), Cell.LIST, labels=PERMISSIONS),
        Column("unit", N_("Unit"), Cell.UNIT),
        Column("expires_at", N_("Ends"), Cell.TIME, sort="expires"),
        Column("last_used_at", N_("Last used"), Cell.TIME),
        Column("created_at", N_("Made"), Cell.TIME, sort="created", shown=False),
        Column("revoked_at", N_("Revoked"), Cell.TIME, shown=False),
        Column("id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=TOKEN_STATES),
        Filter("login", N_("Login"), FilterKind.TEXT),
        Filter("user", N_("Id of the person"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "create",
            N_("Make a token"),
            None,
            _create,
            NewTokenInput,
            on=On.NEW,
            explain=N_("A program with it acts in your name, within what you choose here. It is shown once."),
            choices={"scope": _grantable, "unit": unit_names},
            initial=lambda _app, principal, _id: {"unit": principal.unit},
        ),
        Verb(
            "revoke",
            N_("Revoke"),
            None,
            _revoke,
            Reason,
            when=lambda token: token.state == "active",
            danger=True,
            bulk=True,
        ),
    ),
    sort="-created",
    facet="state",
    empty=N_("You have no token yet. Make one for a program that uses the API in your name."),
)


# --- approvals
KINDS: Labels = {
    "ca:request": Label(N_("Certificate request")),
    "ca:batch": Label(N_("Batch of certificate requests")),
    "ca:ceremony": Label(N_("Key ceremony")),
    "ca:profile": Label(N_("Version of a certificate profile")),
    "ca:resumption": Label(N_("Signing again after a clock that was ahead")),
    "ca:log-restart": Label(N_("Beginning the transparency log anew")),
    "ca:revocation": Label(N_("Revocation of a CA's certificate")),
    "ca:anchor": Label(N_("Trust anchor")),
    "ca:bulk": Label(N_("Revocation of many certificates")),
}
OBJECTS: Mapping[str, str] = {
    "request": "ca.requests",
    "batch": "ca.batches",
    "ceremony": "ca.ceremonies",
    "revocation": "ca.revocations",
    "profile-version": "ca.profile-versions",
    "anchor": "ca.anchors",
    "log-restart": "ca.log-restarts",
    "bulk": "ca.bulk-revocations",
    "resumption": "ca.resumptions",
}
APPROVAL_STATES: Labels = {
    "pending": Label(N_("waits for a decision"), Tone.WARN),
    "approved": Label(N_("approved"), Tone.GOOD),
    "rejected": Label(N_("rejected"), Tone.BAD),
}
MINE: Labels = {
    "decide": Label(N_("waits for me")),
    "asked": Label(N_("I asked for it")),
    "decided": Label(N_("I decided")),
}


class ApprovalView(Record):
    """A four-eyes case. ``object`` is what is decided on, of the resource ``object_kind``; lists leave ``who_may`` out."""

    id: str
    kind: str
    title: str
    object: str
    object_kind: str
    digest: str
    permission: str
    requester: str
    unit: str | None
    state: str
    needed: int
    approved: int
    decided_by: tuple[str, ...]
    remarks: str
    who_may: tuple[str, ...]
    opened_at: datetime
    decided_at: datetime | None


def _approval(case: Case) -> ApprovalView:
    approval = case.approval
    kind, _, object_id = approval.subject.partition(":")
    return ApprovalView(
        id=approval.id,
        kind=approval.kind,
        title=approval.title,
        object=object_id or approval.subject,
        object_kind=OBJECTS.get(kind, ""),
        digest=approval.digest,
        permission=approval.permission,
        requester=case.requester,
        unit=approval.unit,
        state=approval.state,
        needed=approval.needed,
        approved=sum(vote.approve for vote in case.votes),
        decided_by=tuple(vote.name for vote in case.votes),
        remarks="\n".join(f"{vote.name}: {vote.reason}" for vote in case.votes if vote.reason),
        who_may=case.who_may,
        opened_at=case.opened_at,
        decided_at=case.decided_at,
    )


def _approvals(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    found: Page[Case] = app.floor.four_eyes.page(principal, ask)
    return found.map(_approval)


def _one_approval(app: Any, principal: Principal, approval_id: str) -> ApprovalView:
    return _approval(app.floor.four_eyes.get(principal, approval_id))


APPROVALS = Resource(
    name="identity.approvals",
    title=N_("Approvals"),
    one=N_("Approval"),
    permission=None,
    record=ApprovalView,
    page=_approvals,
    item=_one_approval,
    headline="title",
    columns=(
        Column("kind", N_("Kind of approval"), Cell.STATE, labels=KINDS),
        Column("state", N_("State"), Cell.STATE, labels=APPROVAL_STATES),
        Column("title", N_("What is decided on"), link=Link("", "object", "object_kind")),
        Column("requester", N_("Asked for by")),
        Column("opened_at", N_("Asked for"), Cell.TIME, sort="opened"),
        Column("approved", N_("Approved by so many"), Cell.NUMBER),
        Column("needed", N_("Needed"), Cell.NUMBER),
        Column("decided_by", N_("Who decided"), Cell.LIST),
        Column("who_may", N_("May decide"), Cell.LIST, shown=False),
        Column("remarks", N_("Reasons given"), Cell.LONG, shown=False),
        Column("decided_at", N_("Decided"), Cell.TIME, shown=False),
        Column("permission", N_("Permission needed"), Cell.STATE, labels=PERMISSIONS, shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("digest", N_("Digest of what is decided on"), Cell.CODE, shown=False),
        Column("object", N_("Its id"), Cell.CODE, shown=False),
        Column("id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("mine", N_("Mine"), labels=MINE),
        Filter("state", N_("State"), labels=APPROVAL_STATES),
        Filter("kind", N_("Kind of approval"), labels=KINDS),
        Filter("since", N_("Asked for from"), FilterKind.TIME),
        Filter("until", N_("Asked for before"), FilterKind.TIME),
    ),
    sort="-opened",
    facet="state",
    empty=N_("Nothing waits for your decision, and you asked for none."),
    live=True,
)
