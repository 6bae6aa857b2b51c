"""Jobs and their states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


# What may follow what. RUNNING goes back to QUEUED when an attempt fails or its worker dies.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}


@dataclass(frozen=True)
class JobRequest:
    """Work to be done. ``key`` makes it idempotent: while a job with that key is open, asking again returns it."""

    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_at: datetime | None = None
    key: str | None = None
    max_attempts: int = 3
    unit: str | None = None
    requested_by: str = ""


@dataclass(frozen=True)
class Job:
    """A job as stored. ``done``/``total`` are the handler's own units of progress.

    ``requested_by`` is the id of who asked for it, ``asker`` their name ("" for parts of the suite, and while it runs).
    """

    id: str
    kind: str
    payload: Mapping[str, Any]
    state: JobState
    run_at: datetime
    attempts: int
    max_attempts: int
    done: int
    total: int
    message: str
    error: str
    result: Mapping[str, Any] | None
    unit: str | None
    requested_by: str
    key: str | None
    created_at: datetime
    finished_at: datetime | None = None
    worker: str | None = None
    lease_until: datetime | None = None
    lease_token: str | None = None
    cancel_requested: bool = False
    asker: str = ""


class LogKind(StrEnum):
    """What a line of a job's log tells."""

    STARTED = "started"  # by which worker
    PROGRESS = "progress"  # in the handler's words
    POSTPONED = "postponed"  # why the attempt failed; there will be another
    STOPPING = "stopping"  # who asked it to stop, and why
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REPEATS = "repeats"  # which failed job it does again


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log; ``attempt`` counts from 1, 0 is before the first."""

    at: datetime
    kind: LogKind
    attempt: int
    message: str
