"""The job table and the schedule table."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    select,
    text,
)

from kernel.ids import new_id
from kernel.jobs.model import Job, JobRequest, JobState, LogKind, LogLine
from kernel.store.base import Json, UtcDateTime, insert_if_absent, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(80), nullable=False),
    Column("payload", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("key", String(200)),
    Column("run_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("max_attempts", Integer, nullable=False),
    Column("lease_token", String(60)),
    Column("lease_until", UtcDateTime),
    Column("worker", String(120)),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("message", Text, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("result", Json),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("unit", String(80)),
    Column("requested_by", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index("ix_jobs_claim", "state", "run_at"),
    # what a list is narrowed by, in the order of the ids, which is that of time
    *(Index(None, name, "id") for name in ("state", "kind", "unit", "requested_by")),
    # one open job a key: the database itself refuses a second one
    Index(
        "uq_jobs_open_key",
        "key",
        unique=True,
        sqlite_where=text("key IS NOT NULL AND state IN ('queued', 'running')"),
        postgresql_where=text("key IS NOT NULL AND state IN ('queued', 'running')"),
    ),
)

jobs_log = Table(
    "jobs_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job", String(60), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Index(None, "job", "id"),
)

schedules = Table(
    "job_schedules",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("cron", String(120), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("payload", Json, nullable=False),
    Column("next_run_at", UtcDateTime, nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

LOG_LINES = 500  # of progress kept for each job
OPEN = (str(JobState.QUEUED), str(JobState.RUNNING))


def insert_job(connection: Connection, request: JobRequest, now: datetime) -> str:
    """Queue the job, or return the id of the open one with the same key."""
    row = _new_row(request, now)
    same = select(jobs.c.id).where(jobs.c.key == request.key, jobs.c.state.in_(OPEN))
    while not insert_if_absent(connection, jobs, row):
        existing: str | None = connection.execute(same).scalar_one_or_none()
        if existing is not None:
            return existing  # else the open one has just ended: try again
    return str(row["id"])


def open_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys whose job has not ended."""
    query = select(jobs.c.key).where(jobs.c.key.in_(keys), jobs.c.state.in_(OPEN))
    return set(connection.execute(query).scalars())


def insert_line(connection: Connection, job: str, line: LogLine) -> None:
    """Write a line of a job's log; of its progress the newest are kept."""
    row = {"job": job, "at": line.at, "kind": str(line.kind), "attempt": line.attempt}
    connection.execute(jobs_log.insert().values(**row, message=line.message[:2000]))
    if line.kind is LogKind.PROGRESS:
        progress = and_(jobs_log.c.job == job, jobs_log.c.kind == str(LogKind.PROGRESS))
        oldest = select(jobs_log.c.id).where(progress).order_by(jobs_log.c.id.desc())
        last = oldest.offset(LOG_LINES).limit(1).scalar_subquery()
        connection.execute(jobs_log.delete().where(progress, jobs_log.c.id <= last))


def read_lines(connection: Connection, job: str) -> list[LogLine]:
    """A job's log, oldest first."""
    query = select(jobs_log).where(jobs_log.c.job == job).order_by(jobs_log.c.id)
    return [LogLine(row.at, LogKind(row.kind), row.attempt, row.message) for row in connection.execute(query)]


def _new_row(request: JobRequest, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id("job"),
        "kind": request.kind,
        "payload": dict(request.payload),
        "state": str(JobState.QUEUED),
        "key": request.key,
        "run_at": request.run_at or now,
        "max_attempts": request.max_attempts,
        "unit": request.unit,
        "requested_by": request.requested_by,
        "created_at": now,
    }


def job_of(row: Row[Any], asker: str | None = None) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        payload=row.payload,
        state=JobState(row.state),
        run_at=row.run_at,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        done=row.done,
        total=row.total,
        message=row.message,
        error=row.error,
        result=row.result,
        unit=row.unit,
        requested_by=row.requested_by,
        key=row.key,
        created_at=row.created_at,
        finished_at=row.finished_at,
        worker=row.worker,
        lease_until=row.lease_until,
        lease_token=row.lease_token,
        cancel_requested=row.cancel_requested,
        asker=asker or "",
    )
