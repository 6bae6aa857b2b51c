"""Background jobs as pages and API."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from console.resources.job_names import JOB_KINDS
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Label,
    Labels,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import Job, JobState
from kernel.jobs.queue import SCHEDULE
from kernel.store.listing import Ask, Page

STATES: Labels = {
    JobState.QUEUED: Label(N_("queued"), Tone.QUIET),
    JobState.RUNNING: Label(N_("running"), Tone.BUSY),
    JobState.SUCCEEDED: Label(N_("succeeded"), Tone.GOOD),
    JobState.FAILED: Label(N_("job failed"), Tone.BAD),
    JobState.CANCELLED: Label(N_("cancelled"), Tone.WARN),
}


class JobView(Record):
    """A job; ``done`` of ``total`` are its own units of progress, ``lease_until`` is how long its worker has it."""

    id: str
    kind: str
    state: str
    unit: str | None
    unit_name: str
    requested_by: str
    asker: str
    created_at: datetime
    run_at: datetime
    finished_at: datetime | None
    attempts: int
    max_attempts: int
    done: int
    total: int
    message: str
    error: str
    payload: Mapping[str, Any]
    result: Mapping[str, Any] | None
    worker: str | None
    lease_until: datetime | None
    cancel_requested: bool


def _shown(job: Job, units: Mapping[str, str]) -> JobView:
    values = {name: value for name, value in asdict(job).items() if name in JobView.model_fields}
    by_clock = translate(N_("the schedule")) if job.requested_by == SCHEDULE else job.requested_by
    named = {"unit_name": units.get(job.unit or "", job.unit or ""), "asker": job.asker or by_clock}
    held = {"lease_until": job.lease_until if job.state is JobState.RUNNING else None}
    return JobView(**(values | named | held))


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Job] = app.jobs.page(principal, ask)
    units = unit_names(app, principal)
    return page.map(lambda job: _shown(job, units))


def _item(app: Any, principal: Principal, job_id: str) -> JobView:
    return _shown(app.jobs.get(principal, job_id), unit_names(app, principal))


def _cancel(app: Any, principal: Principal, job_id: str, given: Reason) -> Done:
    app.jobs.cancel(principal, job_id, given.reason)
    return Done(N_("Cancelled, or asked to stop if it was running."), record=_item(app, principal, job_id))


def _retry(app: Any, principal: Principal, job_id: str, given: Reason) -> Done:
    return Done(N_("The work is queued again."), job=app.jobs.retry(principal, job_id, given.reason))


def _kinds(_app: Any, _principal: Principal) -> Mapping[str, str]:
    return {kind: translate(label.text) for kind, label in JOB_KINDS.items()}


def _open(job: JobView) -> bool:
    return job.state in (JobState.QUEUED, JobState.RUNNING) and not job.cancel_requested


JOBS = Resource(
    name="jobs.jobs",
    title=N_("Background jobs"),
    one=N_("Background job"),
    permission=Permission.JOB_READ,
    record=JobView,
    page=_page,
    item=_item,
    headline="kind",
    underway=lambda job: job.state in (JobState.QUEUED, JobState.RUNNING),
    columns=(
        Column("kind", N_("Kind"), labels=JOB_KINDS, choices=_kinds),
        Column("state", N_("State"), Cell.STATE, labels=STATES),
        Column("unit_name", N_("Unit")),
        Column("asker", N_("Asked for by")),
        Column("created_at", N_("Asked for"), Cell.TIME, sort="created"),
        Column("finished_at", N_("Ended"), Cell.TIME),
        Column("done", N_("Units done"), Cell.NUMBER),
        Column("total", N_("Units in all"), Cell.NUMBER),
        Column("attempts", N_("Attempts"), Cell.NUMBER),
        Column("message", N_("Latest message"), shown=False),
        Column("error", N_("Error"), Cell.LONG),
        Column("id", N_("Id"), Cell.CODE, shown=False),
        Column("run_at", N_("Not before"), Cell.TIME, shown=False),
        Column("max_attempts", N_("Attempts at most"), Cell.NUMBER, shown=False),
        Column("cancel_requested", N_("Asked to stop"), Cell.FLAG, shown=False),
        Column("worker", N_("Worker"), Cell.CODE, shown=False),
        Column("lease_until", N_("Held by the worker until"), Cell.TIME, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=STATES),
        Filter("kind", N_("Kind"), labels=JOB_KINDS),
        UNIT,
        Filter("requested_by", N_("Id of who asked"), FilterKind.TEXT),
        Filter("since", N_("Asked for from"), FilterKind.TIME),
        Filter("until", N_("Asked for before"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "cancel", N_("Cancel"), Permission.JOB_CANCEL, _cancel, Reason, when=_open, danger=True, bulk=True
        ),
        Verb(
            "retry",
            N_("Do it again"),
            Permission.JOB_RETRY,
            _retry,
            Reason,
            when=lambda job: job.state == JobState.FAILED,
            bulk=True,
            explain=N_("Queues a new job with what this one was asked for."),
        ),
    ),
    sort="-created",
    facet="state",
    empty=N_("No job fits these filters."),
    live=True,
)

RESOURCES = (JOBS,)
