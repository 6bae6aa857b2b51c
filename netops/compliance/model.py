"""Findings and their states; the values that a check returns."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.errors import Conflict
from kernel.i18n import N_


class Severity(StrEnum):
    """How much a finding weighs, in the words of graded protection: 高 中 低."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class FindingState(StrEnum):
    """``fixed``: gone at a collection; ``verified``: a person confirmed it; ``excepted``: accepted until a date."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXCEPTED = "excepted"
    FIXED = "fixed"
    VERIFIED = "verified"


class Move(StrEnum):
    """What can happen to a finding; the last three are done by people, the others by collections and the calendar."""

    REAPPEAR = "reappear"
    DISAPPEAR = "disappear"
    EXPIRE = "expire"
    ACKNOWLEDGE = "acknowledge"
    EXCEPT = "except"
    VERIFY = "verify"


_S, _M = FindingState, Move
TRANSITIONS: Mapping[tuple[FindingState, Move], FindingState] = {
    (_S.OPEN, _M.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.OPEN, _M.EXCEPT): _S.EXCEPTED,
    (_S.OPEN, _M.DISAPPEAR): _S.FIXED,
    (_S.ACKNOWLEDGED, _M.EXCEPT): _S.EXCEPTED,
    (_S.ACKNOWLEDGED, _M.DISAPPEAR): _S.FIXED,
    (_S.EXCEPTED, _M.EXCEPT): _S.EXCEPTED,  # a new end date, owner or reason
    (_S.EXCEPTED, _M.EXPIRE): _S.OPEN,
    (_S.EXCEPTED, _M.DISAPPEAR): _S.FIXED,
    (_S.FIXED, _M.VERIFY): _S.VERIFIED,
    (_S.FIXED, _M.REAPPEAR): _S.OPEN,
    (_S.VERIFIED, _M.REAPPEAR): _S.OPEN,
}


def moved(state: FindingState, move: Move) -> FindingState:
    """The state after ``move``; Conflict when the table does not allow it."""
    after = TRANSITIONS.get((state, move))
    if after is None:
        raise Conflict(
            N_("A finding that is %(state)s can not be moved by %(move)s."),
            mend=N_("Look at the finding again; somebody else or a collection may have changed it."),
            state=state.value,
            move=move.value,
        )
    return after


PRESENT = frozenset({FindingState.OPEN, FindingState.ACKNOWLEDGED, FindingState.EXCEPTED})


@dataclass(frozen=True)
class Hit:
    """One thing a rule found in one configuration. ``line`` 0 and empty ``text`` mean that something is absent."""

    rule: str
    line: int
    text: str
    path: tuple[str, ...]
    mend: tuple[str, ...]
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """A hit that may be shown: secrets masked, with severity and control items."""

    rule: str
    severity: Severity
    controls: tuple[str, ...]
    line: int
    text: str
    path: tuple[str, ...]
    mend: tuple[str, ...]

    @property
    def identity(self) -> str:
        """The same across collections: rule, headers and text with blanks squeezed, but not the line number."""
        parts = [self.rule, *self.path, self.text]
        return hashlib.sha256("\n".join(" ".join(part.split()) for part in parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class CheckReport:
    """All deviations of one configuration, how much of it was understood, and the rules that did not run."""

    platform: str
    text: str  # the configuration with its secrets masked
    lines: int
    deviations: tuple[Deviation, ...]
    unread: tuple[tuple[int, str], ...]
    rules_run: int

    def at_least(self, severity: Severity) -> list[Deviation]:
        return [item for item in self.deviations if item.severity.rank >= severity.rank]


@dataclass(frozen=True)
class Finding:
    """A deviation of a device as kept: with its state and history marks."""

    id: str
    device_id: str
    device: str
    unit: str | None
    rule: str
    severity: Severity
    controls: tuple[str, ...]
    file: str
    line: int
    text: str
    path: tuple[str, ...]
    mend: tuple[str, ...]
    state: FindingState
    version: str
    first_seen: datetime
    last_seen: datetime
    owner: str = ""
    reason: str = ""
    until: datetime | None = None
    changed_by: str = ""

    @property
    def is_present(self) -> bool:
        return self.state in PRESENT
