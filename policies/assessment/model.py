"""Results of items on objects, who may still change them, and what an assessment is made of. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.errors import Conflict
from kernel.i18n import N_
from policies.catalogue.model import ObjectKind


class Outcome(StrEnum):
    """符合, 部分符合, 不符合, 不适用 (GB/T 28448-2019), and 证据不足 while nothing proves either."""

    CONFORMS = "conforms"
    PARTLY = "partly"
    FAILS = "fails"
    NOT_APPLICABLE = "not_applicable"
    UNPROVEN = "unproven"


OUTCOME_TEXTS: Mapping[Outcome, str] = {
    Outcome.CONFORMS: N_("conforms"),
    Outcome.PARTLY: N_("partly conforms"),
    Outcome.FAILS: N_("does not conform"),
    Outcome.NOT_APPLICABLE: N_("not applicable"),
    Outcome.UNPROVEN: N_("not enough evidence"),
}


class ResultState(StrEnum):
    """OPEN: nothing known; PROPOSED: evidence suggests, a person decides; DECIDED by evidence; CONFIRMED by a person."""

    OPEN = "open"
    PROPOSED = "proposed"
    DECIDED = "decided"
    CONFIRMED = "confirmed"


class RemediationState(StrEnum):
    """``done``: its owner says so; ``accepted``: the security officer agrees."""

    OPEN = "open"
    DONE = "done"
    ACCEPTED = "accepted"


REMEDIATION_TRANSITIONS: Mapping[RemediationState, frozenset[RemediationState]] = {
    RemediationState.OPEN: frozenset({RemediationState.DONE}),
    RemediationState.DONE: frozenset({RemediationState.ACCEPTED, RemediationState.OPEN}),
    RemediationState.ACCEPTED: frozenset(),
}


def remediation_moved(state: RemediationState, to: RemediationState) -> RemediationState:
    """``to``, or Conflict when the table does not allow the move."""
    if to not in REMEDIATION_TRANSITIONS[state]:
        raise Conflict(N_("A remediation that is %(state)s can not become %(to)s."), state=state, to=to)
    return to


@dataclass(frozen=True)
class AssessedObject:
    """A device of the system, or the system itself. ``subjects`` are the names under which evidence speaks of it."""

    kind: ObjectKind
    id: str
    name: str
    subjects: frozenset[str] = frozenset()
    platform: str = ""


@dataclass(frozen=True)
class Reason:
    """Why: one evidence record read one way. ``message`` is a message id with ``params``."""

    message: str
    params: Mapping[str, object]
    evidence: str = ""


@dataclass(frozen=True)
class Judgement:
    """What the evidence says of one item on one object."""

    item: str
    object: AssessedObject
    outcome: Outcome
    state: ResultState
    reasons: tuple[Reason, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reason.evidence for reason in self.reasons if reason.evidence))


@dataclass(frozen=True)
class Result:
    """A judgement as kept, with what a person made of it. ``proposed`` is what the evidence said."""

    id: str
    assessment: str
    item: str
    unit_id: str
    object_kind: ObjectKind
    object_id: str
    object_name: str
    outcome: Outcome
    proposed: Outcome
    state: ResultState
    reasons: tuple[Reason, ...]
    evidence: tuple[str, ...]
    note: str = ""
    confirmed_by: str = ""
    confirmed_at: datetime | None = None


@dataclass(frozen=True)
class Assessment:
    """One assessment of one system at one time, under one version of the policy data."""

    id: str
    system: str
    edition: str
    policy_version: str
    made_at: datetime
    made_by: str
    unit: str


@dataclass(frozen=True)
class Remediation:
    """Something that is to be mended: by whom (name) and until when."""

    id: str
    result: str
    owner: str
    due: datetime
    action: str
    state: RemediationState
    opened_at: datetime
    closed_at: datetime | None = None
