"""Ceremonies, their steps, requests to offline CAs, and the certificates of a CA. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kernel.canonical import canonical_json, sha256_hex
from kernel.i18n import N_


class CeremonyKind(StrEnum):
    """What two officers do to the hierarchy."""

    FOUNDING = "founding"
    EXTENSION = "extension"  # one more issuing CA
    RENEWAL = "renewal"  # a new certificate for the same key
    ROLLOVER = "rollover"  # a new key, the next generation
    CROSS = "cross"  # a certificate for a foreign CA
    ADOPTION = "adoption"  # a superior CA's certificate for a CA of ours
    ASSIGNMENT = "assignment"  # which profiles a CA issues
    RETIREMENT = "retirement"  # a CA issues no more


# what an offline CA is asked to sign: for a ceremony, or besides one
PURPOSES: Mapping[str, str] = {
    CeremonyKind.FOUNDING: N_("founding of the CA"),
    CeremonyKind.EXTENSION: N_("one more issuing CA"),
    CeremonyKind.RENEWAL: N_("renewal of a CA's certificate"),
    CeremonyKind.ROLLOVER: N_("roll-over of a CA's key"),
    CeremonyKind.CROSS: N_("certificate for a foreign CA"),
    CeremonyKind.ADOPTION: N_("superior CA's certificate taken over"),
    CeremonyKind.ASSIGNMENT: N_("assignment of profiles"),
    CeremonyKind.RETIREMENT: N_("retirement of a CA"),
    "crl": N_("revocation list"),
    "request": N_("request to a superior CA"),
}


class CeremonyState(StrEnum):
    """Waiting for the second officer, being done step by step, done, turned down."""

    PROPOSED = "proposed"
    RUNNING = "running"
    PERFORMED = "performed"
    REJECTED = "rejected"


class Act(StrEnum):
    """What a step is: confirmed by a person, or done by the system."""

    CONFIRM = "confirm"
    READ = "read"  # the digest of a CA's certificate is read aloud and compared
    ROOT = "root"
    ISSUING = "issuing"
    RENEW = "renew"
    SUCCESSOR = "successor"
    LINKS = "links"
    CERTIFY = "certify"
    ADOPT = "adopt"
    ASSIGN = "assign"
    RETIRE = "retire"


BY_HAND = frozenset({Act.CONFIRM, Act.READ})


class OwnKind(StrEnum):
    """How a CA came by a certificate: the first and renewed ones, links between its generations, one of a superior CA."""

    OWN = "own"
    NEW_WITH_OLD = "new-with-old"  # RFC 4210 section 4.4
    OLD_WITH_NEW = "old-with-new"
    CROSS = "cross"


class OfflineState(StrEnum):
    """A carried request: out, its answer taken in, or worth nothing any more."""

    WAITING = "waiting"
    ANSWERED = "answered"
    VOID = "void"


@dataclass(frozen=True)
class Step:
    """``title`` by language; ``work`` and ``result`` as the act keeps them; ``done_at`` is None until it is done."""

    number: int
    act: Act
    title: Mapping[str, str]
    about: str = ""
    work: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    person: str = ""
    remark: str = ""
    done_by: str = ""
    done_at: datetime | None = None

    @property
    def by_hand(self) -> bool:
        return self.act in BY_HAND


@dataclass(frozen=True)
class Ceremony:
    """What two officers do to the hierarchy, step by step. ``plan`` as its kind keeps it; its digest is what is approved."""

    id: str
    kind: CeremonyKind
    plan: Mapping[str, Any]
    state: CeremonyState
    approval: str
    proposed_by: str
    proposed_at: datetime
    performed_by: str = ""
    performed_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    minutes: str = ""
    seal: bytes = b""
    stamp: bytes = b""
    proposer: str = ""  # the name of ``proposed_by``, where it has an account
    performer: str = ""

    @property
    def title(self) -> str:
        return str(self.plan["root"]["name"] if self.kind is CeremonyKind.FOUNDING else self.plan["title"])

    @property
    def witnesses(self) -> tuple[str, ...]:
        return tuple(self.plan.get("witnesses", ()))

    @property
    def digest(self) -> str:
        """SHA-256 of kind and plan."""
        return plan_digest(self.kind, self.plan)

    @property
    def next(self) -> Step | None:
        """The first step that is not done."""
        return next((step for step in self.steps if step.done_at is None), None)


def plan_digest(kind: CeremonyKind, plan: Mapping[str, Any]) -> str:
    return sha256_hex(canonical_json({"kind": str(kind), "plan": plan}))


@dataclass(frozen=True)
class Carried:
    """A request to an offline CA as it stands: exported as a file, answered, or void."""

    id: str
    ceremony: str | None
    purpose: str
    authority: str
    title: str
    state: OfflineState
    file: str
    digest: str
    work: Mapping[str, Any]
    made_by: str
    made_at: datetime
    number: int | None = None
    exported_at: datetime | None = None
    answer: str = ""
    signed_by: str = ""
    signed_at: datetime | None = None
    decided_by: str = ""
    decided_at: datetime | None = None
    maker: str = ""  # the name of ``made_by``, where it has an account


@dataclass(frozen=True)
class OwnCertificate:
    """A certificate of a CA of ours."""

    fingerprint: str
    authority: str
    kind: OwnKind
    der: bytes
    added_at: datetime
