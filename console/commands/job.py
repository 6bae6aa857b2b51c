"""Background jobs."""

from dataclasses import asdict
from typing import Any

import click

from kernel.edges.cli import group, list_options, pass_app, reason_option
from kernel.i18n import N_
from kernel.jobs.model import JobState

commands = group("job", N_("Background jobs: list, show, log, cancel, retry."))

_COLUMNS = (
    N_("id"),
    N_("kind"),
    N_("state"),
    N_("run_at"),
    N_("attempts"),
    N_("done"),
    N_("total"),
    N_("message"),
    N_("error"),
)
FIELDS = (  # of a job that is told whole: named here so that they have names in each language
    N_("payload"),
    N_("max_attempts"),
    N_("worker"),
    N_("lease_until"),
    N_("cancel_requested"),
    N_("asker"),
)


@commands.command("list", help=N_("Jobs, newest first."))
@click.option(
    "--state", type=click.Choice([str(state) for state in JobState]), help=N_("Only those in this state.")
)
@click.option("--kind", help=N_("Only this kind."))
@click.option("--unit", help=N_("Only this unit."))
@list_options
@pass_app
def list_jobs(app: Any, ask: Any, **filters: str | None) -> None:
    app.out.page(app.jobs.page(app.principal, ask.narrowed(**filters)).map(_row), _COLUMNS, of="jobs.jobs")


@commands.command("show", help=N_("One job whole."))
@click.argument("job_id")
@pass_app
def show(app: Any, job_id: str) -> None:
    app.out.record(_row(app.jobs.get(app.principal, job_id)), of="jobs.jobs")


@commands.command("log", help=N_("What became of a job, oldest line first."))
@click.argument("job_id")
@pass_app
def log(app: Any, job_id: str) -> None:
    lines = app.jobs.log(app.principal, job_id)
    app.out.rows(map(vars, lines), (N_("at"), N_("kind"), N_("attempt"), N_("message")))


@commands.command("cancel", help=N_("Cancel a queued job, or ask a running one to stop."))
@click.argument("job_id")
@reason_option
@pass_app
def cancel(app: Any, job_id: str, reason: str) -> None:
    app.jobs.cancel(app.principal, job_id, reason)


@commands.command("retry", help=N_("Have a failed job done again."))
@click.argument("job_id")
@reason_option
@pass_app
def retry(app: Any, job_id: str, reason: str) -> None:
    app.out.note(N_("Queued again: %(id)s"), id=app.jobs.retry(app.principal, job_id, reason))


def _row(job: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(job).items() if name != "lease_token"}
