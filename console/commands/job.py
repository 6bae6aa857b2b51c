"""Background jobs."""

from dataclasses import asdict
from typing import Any

import click

from kernel.edges.cli import group, pass_app, reason_option
from kernel.i18n import N_
from kernel.jobs.model import JobState

commands = group("job", N_("Background jobs: list, show, cancel."))


@commands.command("list", help=N_("Jobs, newest first."))
@click.option(
    "--state", type=click.Choice([str(state) for state in JobState]), help=N_("Only those in this state.")
)
@click.option("--limit", default=50, type=click.IntRange(1, 500), help=N_("How many."))
@pass_app
def list_jobs(app: Any, state: str | None, limit: int) -> None:
    found = app.jobs.find(app.principal, state=JobState(state) if state else None, limit=limit)
    columns = (
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
    app.out.rows([asdict(job) for job in found], columns)


@commands.command("show", help=N_("One job whole."))
@click.argument("job_id")
@pass_app
def show(app: Any, job_id: str) -> None:
    shown = asdict(app.jobs.get(app.principal, job_id))
    del shown["lease_token"]
    app.out.record(shown)


@commands.command("cancel", help=N_("Cancel a queued job, or ask a running one to stop."))
@click.argument("job_id")
@reason_option
@pass_app
def cancel(app: Any, job_id: str, reason: str) -> None:
    app.jobs.cancel(app.principal, job_id, reason)
