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
    """A job as stored. ``done``/``total`` are the handler's own units of progress."""

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
    lease_token: str | None = None
    cancel_requested: bool = False
