"""Claiming, running and finishing jobs.

A claim is a lease with a token. A worker that dies loses its lease and the job is queued again; a worker that comes back late
can finish nothing, because finishing demands the token. What a handler writes in ``finish()`` and the job's completion are one
transaction: killed before it, nothing happened; killed after it, everything did.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, WeichengError
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.lists import JOBS
from kernel.jobs.model import Job, JobRequest, JobState, LogKind, LogLine
from kernel.jobs.store import OPEN, insert_line, job_of, jobs, read_lines, schedules
from kernel.store import Database, UnitOfWork, insert_if_absent
from kernel.store.listing import Ask, Page

SCHEDULE = "system:schedule"  # who asks for what is due by the clock
LEASE = timedelta(seconds=60)
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(hours=1)


class LeaseLost(Conflict):
    """The job was given to another worker, or cancelled, in the meantime: nothing of this attempt may be kept."""

    def __init__(self, job_id: str) -> None:
        super().__init__(N_("Job %(id)s is no longer held by this worker."), id=job_id)


class JobContext:
    """What a handler gets: its payload, progress, cancellation, and the one transaction that ends the job."""

    def __init__(self, queue: "JobQueue", job: Job) -> None:
        self._queue = queue
        self.job = job
        self.payload = job.payload
        self.principal = Principal.system("worker")
        self.finished = False

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the job is, for its log too; raises LeaseLost when another worker has it."""
        self._queue.heartbeat(self.job, message, done=done, total=total, message=message)

    def cancelled(self) -> bool:
        """Whether somebody asked to stop; a handler that sees True returns without finishing."""
        return self._queue.cancel_requested(self.job.id)

    @contextmanager
    def finish(self, result: Mapping[str, Any] | None = None) -> Iterator[UnitOfWork]:
        """The transaction in which the handler writes its results; the job is complete when it commits."""
        with self._queue.database.begin() as uow:
            yield uow
            self._queue.complete(uow, self.job, result)
        self.finished = True


Handler = Callable[[JobContext], None]


class JobQueue:
    """The transactional job table."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self.database = database
        self._clock = clock
        self._access = access
        self._handlers: dict[str, Handler] = {}

    # --- asking for work
    def register(self, handlers: Mapping[str, Handler]) -> None:
        """Say who does which kind of job; two handlers for one kind are a programming error."""
        twice = self._handlers.keys() & handlers.keys()
        if twice:
            raise ValueError(f"job kinds registered twice: {sorted(twice)}")
        self._handlers.update(handlers)

    def kinds(self) -> frozenset[str]:
        """The kinds of jobs that somebody does here."""
        return frozenset(self._handlers)

    def enqueue(self, principal: Principal, request: JobRequest) -> str:
        """Queue a job in a transaction of its own and audit who asked; services check the permission for what it does."""
        request = replace(request, requested_by=request.requested_by or principal.id)
        with self.database.begin() as uow:
            job_id = uow.enqueue(request)
            uow.audit(
                principal, AuditAction.JOB_ENQUEUE, job_id, unit=request.unit, details={"kind": request.kind}
            )
        return job_id

    def get(self, principal: Principal, job_id: str) -> Job:
        """One job; one of a unit the principal does not see is NotFound."""
        self._access.require(principal, Permission.JOB_READ)
        wanted = JOBS.query.where(jobs.c.id == job_id, *self._seen(principal))
        with self.database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise _no_job(job_id)
        return JOBS.row(row)

    def page(self, principal: Principal, ask: Ask) -> Page[Job]:
        """Those of the principal's units and of the suite, newest first."""
        self._access.require(principal, Permission.JOB_READ)
        scope = self._seen(principal)
        with self.database.read() as connection:
            return JOBS.page(connection, ask, *scope)

    def log(self, principal: Principal, job_id: str) -> list[LogLine]:
        """What became of the job, oldest line first; of its progress the newest lines."""
        self.get(principal, job_id)
        with self.database.read() as connection:
            return read_lines(connection, job_id)

    def cancel(self, principal: Principal, job_id: str, reason: str) -> None:
        """A queued job is cancelled at once; a running one is asked to stop."""
        self._access.require(principal, Permission.JOB_CANCEL)
        seen = self._seen(principal)
        with self.database.begin() as uow:
            job = self._of_theirs(uow, principal, seen, job_id)
            if job.state not in OPEN:
                raise Conflict(N_("Job %(id)s has ended (%(state)s)."), id=job_id, state=job.state)
            queued = job.state is JobState.QUEUED
            values: dict[str, Any] = {"cancel_requested": True}
            if queued:
                values |= {"state": str(JobState.CANCELLED), "finished_at": self._clock.now()}
            uow.execute(jobs.update().where(jobs.c.id == job_id).values(values))
            told = f"{principal.name}: {reason}"
            self._tell(uow, job, LogKind.CANCELLED if queued else LogKind.STOPPING, told)
            uow.audit(principal, AuditAction.JOB_CANCEL, job_id, unit=job.unit, reason=reason)

    def retry(self, principal: Principal, job_id: str, reason: str) -> str:
        """Have a failed job done again, as a new job whose id is returned."""
        self._access.require(principal, Permission.JOB_RETRY)
        seen = self._seen(principal)
        with self.database.begin() as uow:
            job = self._of_theirs(uow, principal, seen, job_id)
            if job.state is not JobState.FAILED:
                raise Conflict(N_("Job %(id)s has not failed (%(state)s)."), id=job_id, state=job.state)
            again = JobRequest(
                job.kind,
                job.payload,
                key=job.key,
                max_attempts=job.max_attempts,
                unit=job.unit,
                requested_by=principal.id,
            )
            made = uow.enqueue(again)
            line = LogLine(self._clock.now(), LogKind.REPEATS, 0, job_id)
            insert_line(uow.connection, made, line)
            uow.audit(
                principal, AuditAction.JOB_RETRY, job_id, unit=job.unit, reason=reason, details={"job": made}
            )
        return made

    def _of_theirs(
        self, uow: UnitOfWork, principal: Principal, seen: Sequence[ColumnElement[bool]], job_id: str
    ) -> Job:
        """The job, locked. One of no unit is for who asked for it and for who runs the suite."""
        row = uow.execute(select(jobs).where(jobs.c.id == job_id, *seen).with_for_update()).one_or_none()
        if row is None:
            raise _no_job(job_id)
        if row.unit is None and row.requested_by != principal.id:
            self._access.require(principal, Permission.JOB_SUITE)
        return job_of(row)

    def _seen(self, principal: Principal) -> tuple[ColumnElement[bool], ...]:
        return self._access.seen(principal, jobs.c.unit, suite=True)

    # --- schedules
    def schedule(self, name: str, cron: str, kind: str, payload: Mapping[str, Any] | None = None) -> None:
        """Have a job of ``kind`` queued by a five-field cron expression (UTC); the same name replaces."""
        next_run = next_cron_time(cron, self._clock.now())
        with self.database.begin() as uow:
            values = {"cron": cron, "kind": kind, "payload": dict(payload or {}), "enabled": True}
            if not insert_if_absent(
                uow.connection, schedules, {"name": name, "next_run_at": next_run, **values}
            ):
                moved = case((schedules.c.cron == cron, schedules.c.next_run_at), else_=next_run)
                same = schedules.update().where(schedules.c.name == name)
                uow.execute(same.values(**values, next_run_at=moved))

    def run_schedules(self) -> int:
        """Queue what is due; missed runs are made up once, not once each. Returns how many were queued."""
        now = self._clock.now()
        with self.database.begin() as uow:
            due = select(schedules).where(schedules.c.next_run_at <= now, schedules.c.enabled.is_(True))
            rows = uow.execute(due.with_for_update(skip_locked=True)).all()
            for row in rows:
                key = f"schedule:{row.name}"
                uow.enqueue(JobRequest(row.kind, row.payload, key=key, requested_by=SCHEDULE))
                moved = schedules.update().where(schedules.c.name == row.name)
                uow.execute(moved.values(next_run_at=next_cron_time(row.cron, now)))
        return len(rows)

    # --- doing it
    def claim(self, worker: str) -> Job | None:
        """Take the oldest due job this process has a handler for; also one whose worker's lease ran out."""
        now = self._clock.now()
        due = or_(
            and_(jobs.c.state == str(JobState.QUEUED), jobs.c.run_at <= now),
            and_(jobs.c.state == str(JobState.RUNNING), jobs.c.lease_until < now),
        )
        oldest = (
            select(jobs.c.id)
            .where(due, jobs.c.kind.in_(sorted(self._handlers)))
            .order_by(jobs.c.run_at, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(jobs)
            .where(jobs.c.id == oldest)
            .values(
                state=str(JobState.RUNNING),
                attempts=jobs.c.attempts + 1,
                lease_token=new_id("lease"),
                lease_until=now + LEASE,
                worker=worker,
            )
            .returning(jobs)
        )
        with self.database.begin() as uow:
            row = uow.execute(taken).one_or_none()
            job = job_of(row) if row else None
            if job is not None:
                self._tell(uow, job, LogKind.STARTED, worker)
        return job

    def run_next(self, worker: str) -> bool:
        """Claim one job and run it to its end; False when nothing is due."""
        job = self.claim(worker)
        if job is None:
            return False
        if job.cancel_requested:
            self._end(job, JobState.CANCELLED, "")
        elif job.attempts > job.max_attempts:
            self._end(job, JobState.FAILED, N_("every attempt's worker died"))
        else:
            self._run(job)
        return True

    def heartbeat(self, job: Job, line: str = "", **progress: Any) -> None:
        """Extend the lease (store progress, and a line of the log); LeaseLost when the token is no longer the job's."""
        with self.database.begin() as uow:
            held = uow.execute(_held(job).values(lease_until=self._clock.now() + LEASE, **progress))
            if held.rowcount != 1:
                raise LeaseLost(job.id)
            if line:
                self._tell(uow, job, LogKind.PROGRESS, line)

    def cancel_requested(self, job_id: str) -> bool:
        with self.database.read() as connection:
            return bool(
                connection.execute(select(jobs.c.cancel_requested).where(jobs.c.id == job_id)).scalar()
            )

    def complete(self, uow: UnitOfWork, job: Job, result: Mapping[str, Any] | None) -> None:
        """Mark the job succeeded in the handler's own transaction; LeaseLost rolls all of it back."""
        values = {"state": str(JobState.SUCCEEDED), "finished_at": self._clock.now(), "error": ""}
        done = uow.execute(_held(job).values(**values, result=dict(result) if result is not None else None))
        if done.rowcount != 1:
            raise LeaseLost(job.id)
        self._tell(uow, job, LogKind.SUCCEEDED, "")

    def _tell(self, uow: UnitOfWork, job: Job, kind: LogKind, message: str) -> None:
        insert_line(uow.connection, job.id, LogLine(self._clock.now(), kind, job.attempts, message))

    def _run(self, job: Job) -> None:
        context = JobContext(self, job)
        try:
            with _beating(self, job):
                self._handlers[job.kind](context)
            if not context.finished:
                if context.cancelled():
                    self._end(job, JobState.CANCELLED, "")
                else:
                    with context.finish():
                        pass
        except LeaseLost:
            return
        except WeichengError as error:
            self._failed(job, error.text("en"))
        except Exception as error:  # noqa: BLE001 - a handler's fault must not end the worker
            self._failed(job, f"{type(error).__name__}")
            log_fault(error, job)

    def _failed(self, job: Job, error: str) -> None:
        if job.attempts >= job.max_attempts:
            self._end(job, JobState.FAILED, error)
            return
        wait = min(FIRST_RETRY * 2 ** (job.attempts - 1), LAST_RETRY)
        with self.database.begin() as uow:
            again = {"state": str(JobState.QUEUED), "run_at": self._clock.now() + wait, "lease_token": None}
            if uow.execute(_held(job).values(**again, error=error)).rowcount:
                self._tell(uow, job, LogKind.POSTPONED, error)

    def _end(self, job: Job, state: JobState, error: str) -> None:
        with self.database.begin() as uow:
            ended = uow.execute(
                _held(job).values(state=str(state), error=error, finished_at=self._clock.now())
            )
            if ended.rowcount:
                self._tell(uow, job, LogKind(str(state)), error)
            if ended.rowcount and state is JobState.FAILED:
                worker = Principal.system("worker")
                uow.audit(
                    worker, AuditAction.JOB_FAIL, job.id, unit=job.unit, outcome="failure", reason=error
                )
                uow.emit(
                    Event(
                        EventKind.JOB_FAILED, job.id, {"kind": job.kind, "error": error}, job.unit, "medium"
                    )
                )


def _no_job(job_id: str) -> NotFound:
    return NotFound(N_("There is no job %(id)s."), id=job_id)


def next_cron_time(cron: str, after: datetime) -> datetime:
    """The first moment after ``after`` that the five-field cron expression names; Invalid if it is not one."""
    from croniter import CroniterBadCronError, croniter

    try:
        moment: datetime = croniter(cron, after).get_next(datetime)
    except (CroniterBadCronError, ValueError) as error:
        raise Invalid(
            N_("%(cron)s is no cron expression."),
            mend=N_("Write five fields, such as 0 2 * * *."),
            cron=repr(cron),
        ) from error
    return moment


def log_fault(error: Exception, job: Job) -> None:
    """Log an unexpected fault with its traceback; the job keeps only the type's name, since text could hold secrets."""
    import structlog

    structlog.get_logger("jobs").error("job failed", job=job.id, kind=job.kind, exc_info=error)


def _held(job: Job) -> Any:
    mine = and_(
        jobs.c.id == job.id, jobs.c.lease_token == job.lease_token, jobs.c.state == str(JobState.RUNNING)
    )
    return update(jobs).where(mine)


@contextmanager
def _beating(queue: JobQueue, job: Job) -> Iterator[None]:
    """Extend the lease every third of its length while the handler runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE.total_seconds() / 3):
            try:
                queue.heartbeat(job)
            except LeaseLost:
                return
            except SQLAlchemyError:
                continue  # the database is away for a while: the next beat may still be in time

    thread = threading.Thread(target=beat, name=f"lease-{job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
