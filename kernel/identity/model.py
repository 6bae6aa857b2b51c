"""People, their units and roles; which roles exclude one another."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernel.identity.permissions import Permission


class Role(StrEnum):
    """The roles of the suite's users."""

    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
    REGISTRAR = "registrar"
    NETWORK_ADMINISTRATOR = "network_administrator"
    SOC_ANALYST = "soc_analyst"
    DR_ADMINISTRATOR = "dr_administrator"
    ASSESSOR = "assessor"


def _pairs() -> frozenset[frozenset[Role]]:
    three = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER, Role.AUDITOR)
    pairs = {frozenset((a, b)) for a in three for b in three if a != b}
    for alone in (Role.AUDITOR, Role.ASSESSOR):  # both judge the others' work, so they do none of it
        pairs |= {frozenset((alone, other)) for other in Role if other != alone}
    # who registers does not approve, and who runs the machines does neither
    pairs.add(frozenset((Role.SECURITY_OFFICER, Role.REGISTRAR)))
    pairs.add(frozenset((Role.SYSTEM_ADMINISTRATOR, Role.REGISTRAR)))
    return frozenset(pairs)


INCOMPATIBLE = _pairs()


def clashes(roles: frozenset[Role]) -> list[tuple[Role, Role]]:
    """Every pair among ``roles`` that nobody may hold together (三员分立), in a fixed order."""
    found = [tuple(sorted(pair)) for pair in INCOMPATIBLE if pair <= roles]
    return sorted((a, b) for a, b in found)


class UserState(StrEnum):
    """Whether an account may sign in; a lock-out is a time of its own, not a state."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Principal:
    """Whoever acts: a signed-in user, a program with a token of theirs, or a part of the suite itself.

    ``method`` is "password", "certificate", "token" or "system". ``scope`` bounds what the roles would allow; None: all of
    it. ``via`` is the id of the session or token through which the user acts. Who ``must_change`` a password that somebody else
    set can do nothing else before: their scope is empty.
    """

    id: str
    name: str
    roles: frozenset[Role]
    unit: str
    method: str
    scope: "frozenset[Permission] | None" = None
    via: str = ""
    must_change: bool = False

    @classmethod
    def system(cls, part: str) -> "Principal":
        """An internal actor such as the worker: holds every permission except those that approve."""
        return cls(f"system:{part}", part, frozenset(), "", "system")

    @property
    def is_system(self) -> bool:
        return self.method == "system"

    @property
    def is_person(self) -> bool:
        """Whether a person is signed in: neither a part of the suite nor a program with a token."""
        return self.method not in ("system", "token")


@dataclass(frozen=True)
class Unit:
    """An organisation unit; ``path`` is ``/root/.../id/`` and makes subtrees a prefix test."""

    id: str
    parent: str | None
    name: str
    path: str


@dataclass(frozen=True)
class User:
    """An account, without its secrets."""

    id: str
    login: str
    name: str
    unit: str
    state: UserState
    roles: frozenset[Role]
    locked_until: datetime | None = None
    expires_at: datetime | None = None
    has_totp: bool = False
    must_change: bool = False


def can_sign_in(user: User, now: datetime) -> bool:
    """Whether the account is in use: neither disabled, nor past its end, nor locked at ``now``."""
    locked = user.locked_until is not None and user.locked_until > now
    expired = user.expires_at is not None and user.expires_at <= now
    return user.state is UserState.ACTIVE and not locked and not expired


@dataclass(frozen=True)
class Session:
    """A signed-in browser, API client or terminal; its token exists only on the client's side."""

    id: str
    user: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    origin: str = ""


@dataclass(frozen=True)
class Token:
    """What a program signs in with instead of a person: less than its owner may do, and for a time."""

    id: str
    user: str
    login: str
    name: str
    scope: "frozenset[Permission]"
    unit: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class ApprovalState(StrEnum):
    """Pending until enough people approved or one rejected."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Approval:
    """A four-eyes case: what is to be approved (kind, subject, digest of it), by how many, and how far it is.

    ``title`` is what people call the subject: whom a certificate is for, which CA is founded.
    """

    id: str
    kind: str
    subject: str
    title: str
    digest: str
    requested_by: str
    permission: str
    unit: str | None
    needed: int
    state: ApprovalState
    approved_by: tuple[str, ...] = field(default=())


DOCUMENT_FORMAT = "weicheng approval 1"  # of what is signed to approve


@dataclass(frozen=True)
class SignedDecision:
    """What somebody signed to approve (canonical JSON), and the detached CMS (DER) by which they did."""

    document: bytes
    signature: bytes
