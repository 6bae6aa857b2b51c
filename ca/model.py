"""Requests and certificates, their states, and what may follow what. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from kernel.errors import Conflict
from kernel.i18n import N_


class State(StrEnum):
    """One life: an application becomes a certificate, and the certificate ends."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    GIVEN_UP = "given_up"
    ISSUED = "issued"
    HELD = "held"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.APPROVED, State.REJECTED}),
    # approved = intent stored; signing is repeated after a crash, until an officer gives up what the signer refuses
    State.APPROVED: frozenset({State.ISSUED, State.GIVEN_UP}),
    State.GIVEN_UP: frozenset(),
    State.REJECTED: frozenset(),
    State.ISSUED: frozenset({State.HELD, State.REVOKED, State.SUPERSEDED, State.EXPIRED}),
    State.HELD: frozenset({State.ISSUED, State.REVOKED, State.EXPIRED}),
    State.REVOKED: frozenset(),
    State.SUPERSEDED: frozenset({State.REVOKED, State.EXPIRED}),
    State.EXPIRED: frozenset(),
}


class Reason(IntEnum):
    """CRLReason, RFC 5280 section 5.3.1 (7 is unused there)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8  # no revocation: a suspension ends
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10


class IllegalMove(Conflict):
    """A request or certificate is not in a state that allows this."""


def move(place: str, current: State, wanted: State) -> State:
    """``wanted`` if the table allows it; IllegalMove otherwise."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalMove(
            N_("It is %(current)s and can not become %(wanted)s."),
            place=place,
            current=current,
            wanted=wanted,
        )
    return wanted


class AuthorityKind(StrEnum):
    """Where a CA stands: at the top, below it, or outside (a foreign CA above ours, without a key of ours)."""

    ROOT = "root"
    ISSUING = "issuing"
    SUPERIOR = "superior"


class AuthorityState(StrEnum):
    """What a CA's key still signs: everything, status alone (CRLs, its OCSP responder), or nothing."""

    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


ANY_PROFILE = "*"  # in an authority's list of profiles: whatever no other CA names


@dataclass(frozen=True)
class Authority:
    """A CA: its name, its key in the signer, its newest certificate. ``parent`` is None for a root.

    ``profiles`` are the ids of those that it issues, or ANY_PROFILE. The key of an ``offline`` one is on another machine.
    ``predecessor`` is the CA of the same purpose whose key was rolled over to this one, the next ``generation``.
    """

    id: str
    name: str
    key: str
    algorithm: str
    certificate: bytes
    subject: bytes
    spki: bytes
    parent: str | None
    kind: AuthorityKind
    profiles: tuple[str, ...] = ()
    state: AuthorityState = AuthorityState.ACTIVE
    offline: bool = False
    generation: int = 1
    predecessor: str | None = None

    @property
    def signs_here(self) -> bool:
        """Whether the signer has its key and may use it: for a CRL, at least."""
        ours = self.kind is not AuthorityKind.SUPERIOR and not self.offline
        return ours and self.state is not AuthorityState.RETIRED


@dataclass(frozen=True)
class Request:
    """An application for a certificate. ``subject`` maps attribute names of the profile to values."""

    id: str
    profile: str
    profile_version: str
    subject: Mapping[str, str]
    names: tuple[str, ...]
    unit: str
    spki: bytes
    state: State
    requested_by: str
    approval: str
    evidence: str
    filed_at: datetime
    own_key: bool  # True: the applicant's CSR; False: a key made here, handed over once
    replaces: str | None = None
    requester: str = ""  # the name of ``requested_by``, where it has an account
    unit_name: str = ""
    key_waiting: bool = False  # a key made here is still to be handed over


@dataclass(frozen=True)
class Certificate:
    """A certificate of ours; ``serial`` is lower-case hex, ``der`` empty only between intent and signature."""

    serial: str
    authority: str
    request: str | None
    profile: str
    profile_version: str
    subject: str
    unit: str
    not_before: datetime
    not_after: datetime
    state: State
    der: bytes
    fingerprint: str
    intent_at: datetime  # when it was prepared for its signature
    revoked_at: datetime | None = None
    reason: Reason | None = None
    unit_name: str = ""
    authority_name: str = ""


class ProposalState(StrEnum):
    """What one officer proposes, another performs or turns down."""

    PROPOSED = "proposed"
    PERFORMED = "performed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Revocation:
    """The proposed revocation of a CA's certificate; with REMOVE_FROM_CRL the end of its suspension."""

    id: str
    serial: str
    subject: str
    reason: Reason
    note: str
    invalid_since: datetime | None
    state: ProposalState
    approval: str
    proposed_by: str
    proposed_at: datetime
    decided_at: datetime | None = None
    proposer: str = ""  # the name of ``proposed_by``, where it has an account


class Freshness(StrEnum):
    """How a CRL or a service's certificate stands in its time."""

    GOOD = "good"
    DUE = "due"  # to be renewed, and the worker has not done so yet
    ENDED = "ended"
    MISSING = "missing"


@dataclass(frozen=True)
class AuthorityStatus:
    """A CA and how its own certificate stands. ``certificates`` counts the living ones that it has issued."""

    authority: Authority
    serial: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    state: State
    certificates: int


@dataclass(frozen=True)
class ServiceStatus:
    """A service of the suite's own (ocsp, timestamp, evidence) and the certificate it works with.

    ``id`` is its role, and for a responder "ocsp-" and the CA that it speaks for.
    """

    id: str
    role: str
    state: Freshness
    authority: str = ""
    serial: str = ""
    subject: str = ""
    algorithm: str = ""
    not_after: datetime | None = None
    certificate: bytes = b""


@dataclass(frozen=True)
class ChainLink:
    """A certificate on the way from the root to the leaf; ``authority`` is the CA that it belongs to, if to one."""

    serial: str
    subject: str
    state: State
    not_after: datetime
    authority: str | None


@dataclass(frozen=True)
class Standing:
    """What relying parties are told of a certificate now, as an OCSP client and a reader of the CRL understand it.

    ``ocsp`` is good, revoked, unknown, "elsewhere" when the responder does not speak for that CA, or "" when there is no
    answer; ``crl`` is whether the newest CRL names it, None before the first CRL.
    """

    ocsp: str
    ocsp_revoked_at: datetime | None = None
    ocsp_reason: str = ""
    crl: bool | None = None
    crl_number: int | None = None
    crl_this_update: datetime | None = None
    crl_next_update: datetime | None = None


@dataclass(frozen=True)
class Span:
    """How many certificates end, or were issued, from ``start`` until ``end``."""

    start: datetime
    end: datetime
    certificates: int


@dataclass(frozen=True)
class CertificateStatus:
    """What a relying party is told of a serial: good, revoked (with time and reason) or unknown."""

    known: bool
    revoked_at: datetime | None = None
    reason: Reason | None = field(default=None)
