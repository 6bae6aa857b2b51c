"""Alerts and cases: their states as tables, severity and risk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from kernel.errors import Conflict
from kernel.i18n import N_


class AlertState(StrEnum):
    """Where an alert stands; while it is not closed, what its rule finds for the same group adds to it."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    IN_CASE = "in_case"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What an alert or case turned out to be; ``benign`` is a true match that does no harm."""

    TRUE = "true"
    FALSE = "false"
    BENIGN = "benign"


class CaseState(StrEnum):
    """Phases of handling an incident (NIST SP 800-61)."""

    OPEN = "open"
    CONTAINED = "contained"
    RECOVERED = "recovered"
    CLOSED = "closed"


class TaskState(StrEnum):
    """A task of a case is open or done."""

    OPEN = "open"
    DONE = "done"


ALERT_TRANSITIONS: Mapping[AlertState, frozenset[AlertState]] = {
    AlertState.NEW: frozenset({AlertState.ACKNOWLEDGED, AlertState.IN_CASE, AlertState.CLOSED}),
    AlertState.ACKNOWLEDGED: frozenset({AlertState.IN_CASE, AlertState.CLOSED}),
    AlertState.IN_CASE: frozenset({AlertState.CLOSED}),
    AlertState.CLOSED: frozenset({AlertState.ACKNOWLEDGED}),
}
CASE_TRANSITIONS: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: frozenset({CaseState.CONTAINED, CaseState.CLOSED}),
    CaseState.CONTAINED: frozenset({CaseState.OPEN, CaseState.RECOVERED}),
    CaseState.RECOVERED: frozenset({CaseState.OPEN, CaseState.CLOSED}),
    CaseState.CLOSED: frozenset({CaseState.OPEN}),
}

# a rule's level as points, and how much an asset's protection level (GB/T 22240) weighs; 0 is an unknown asset
SEVERITY: Mapping[str, int] = {"informational": 5, "low": 25, "medium": 50, "high": 75, "critical": 100}
WEIGHT: Mapping[int, float] = {0: 0.5, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1.0}


def risk(level: str, asset_level: int) -> int:
    """Risk from 0 to 100: the rule's severity times the weight of the asset's protection level."""
    return round(SEVERITY[level] * WEIGHT[asset_level])


# what is open comes before what is done, whatever its risk: added to the risk
_FIRST: Mapping[AlertState, int] = {
    AlertState.NEW: 2_000,
    AlertState.ACKNOWLEDGED: 1_000,
    AlertState.IN_CASE: 1_000,
    AlertState.CLOSED: 0,
}


def urgency(state: AlertState, risk: int) -> int:
    """Where an alert stands in the list of work: untouched ones first, then those in work, the closed last; by risk."""
    return _FIRST[state] + risk


def event_severity(level: str) -> str:
    """A rule's level as the severity of a kernel event."""
    return "info" if level == "informational" else level


class IllegalMove(Conflict):
    """An alert or case can't go from its state to that one."""


def move_alert(now: AlertState, to: AlertState) -> AlertState:
    """The new state; IllegalMove when the table does not allow it."""
    if to not in ALERT_TRANSITIONS[now]:
        raise _illegal(now, to, ALERT_TRANSITIONS[now])
    return to


def move_case(now: CaseState, to: CaseState) -> CaseState:
    """The new state; IllegalMove when the table does not allow it."""
    if to not in CASE_TRANSITIONS[now]:
        raise _illegal(now, to, CASE_TRANSITIONS[now])
    return to


def _illegal(now: StrEnum, to: StrEnum, allowed: frozenset[Any]) -> IllegalMove:
    return IllegalMove(
        N_("It is %(now)s and can't become %(to)s."),
        mend=N_("Possible from here: %(allowed)s."),
        now=str(now),
        to=str(to),
        allowed=", ".join(sorted(allowed)),
    )


@dataclass(frozen=True)
class Alert:
    """One alert: all that a rule found for one group of values while the alert was open.

    ``count`` is the number of events, ``titles`` by language, ``risk`` 0 to 100, ``unit`` whose asset it concerns;
    names are "" where there is none.
    """

    id: str
    key: str
    rule_id: str
    rule_name: str
    titles: Mapping[str, str]
    level: str
    risk: int
    state: AlertState
    count: int
    first_seen: datetime
    last_seen: datetime
    raised_at: datetime
    group: Mapping[str, str]
    tags: tuple[str, ...]
    unit: str
    asset: str = ""
    verdict: Verdict | None = None
    case_id: str | None = None
    assignee: str = ""
    version: int = 1
    asset_name: str = ""
    assignee_name: str = ""
    unit_name: str = ""


@dataclass(frozen=True)
class Case:
    """An incident under work; ``owner`` is an account's id."""

    id: str
    title: str
    level: str
    state: CaseState
    unit: str
    owner: str
    opened_at: datetime
    contained_at: datetime | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    verdict: Verdict | None = None
    summary: str = ""
    version: int = 1
    owner_name: str = ""
    unit_name: str = ""


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened with an alert or in a case.

    ``kind`` of an alert's: acknowledged, assigned, closed, reopened, case; of a case's: opened, state, owner, alert, event,
    note, task, observable.
    """

    at: datetime
    actor: str
    kind: str
    text: str


@dataclass(frozen=True)
class Task:
    """Work to be done for a case; ``assignee`` is an account's id or empty."""

    id: str
    title: str
    state: TaskState
    assignee: str = ""
    due_at: datetime | None = None
    done_at: datetime | None = None
    assignee_name: str = ""


@dataclass(frozen=True)
class Observable:
    """A value worth looking for elsewhere: ``kind`` ip, user or host."""

    kind: str
    value: str
    id: str = ""


@dataclass(frozen=True)
class OfCase:
    """A task or an observable with the case it belongs to."""

    part: Task | Observable
    case: str
    case_title: str
    unit: str


@dataclass(frozen=True)
class CaseFile:
    """A case with all that belongs to it."""

    case: Case
    alerts: tuple[Alert, ...]
    timeline: tuple[TimelineEntry, ...]
    tasks: tuple[Task, ...]
    observables: tuple[Observable, ...]
    events: tuple[str, ...] = ()  # ids of events put into the case one by one


@dataclass(frozen=True)
class Person:
    """Somebody who may be given work."""

    id: str
    name: str
    unit: str


@dataclass(frozen=True)
class SourceHealth:
    """What came from one sender: lines received, of these not understood or cut, first and last time."""

    source: str
    received: int
    malformed: int
    truncated: int
    first_at: datetime
    last_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)
