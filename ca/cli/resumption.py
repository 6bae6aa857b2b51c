"""`weicheng ca clock`: a CA signs again after a clock that was ahead."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from ca.cli.base import commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_

_COLUMNS = (N_("id"), N_("authority"), N_("state"), N_("moment"), N_("ahead_until"), N_("certificates"))


@commands.group(
    "clock", help=N_("Sign again after a clock that was ahead: one officer proposes, another performs.")
)
def clock() -> None:
    """Proposing, performing, turning down."""


@clock.command("ahead", help=N_("CAs that sign nothing because they have signed for times to come."))
@pass_app
def ahead(app: Any) -> None:
    columns = (N_("authority"), N_("name"), N_("until"), N_("certificates"))
    app.out.rows([asdict(one) for one in app.ca.resumptions.ahead(app.principal)], columns)


@clock.command(
    "propose", help=N_("Propose that a CA signs again, from now on or from the moment that is named.")
)
@click.argument("authority")
@click.option(
    "--from",
    "moment",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help=N_("The true time from which it signs again (UTC); now, unless given."),
)
@reason_option
@pass_app
def propose(app: Any, authority: str, moment: datetime | None, reason: str) -> None:
    since = moment.replace(tzinfo=UTC) if moment else None
    app.out.record(
        asdict(app.ca.resumptions.propose(app.principal, authority, reason, since)), of="ca.resumptions"
    )


@clock.command(
    "perform", help=N_("Let the CA sign again, as the second officer; new lists are signed at once.")
)
@click.argument("resumption_id")
@pass_app
def perform(app: Any, resumption_id: str) -> None:
    app.out.record(asdict(app.ca.resumptions.perform(app.principal, resumption_id)), of="ca.resumptions")


@clock.command("reject", help=N_("Turn the proposal down."))
@click.argument("resumption_id")
@reason_option
@pass_app
def reject(app: Any, resumption_id: str, reason: str) -> None:
    app.out.record(
        asdict(app.ca.resumptions.reject(app.principal, resumption_id, reason)), of="ca.resumptions"
    )


@clock.command("list", help=N_("What was proposed, newest first."))
@list_options
@pass_app
def list_resumptions(app: Any, ask: Any) -> None:
    app.out.page(app.ca.resumptions.page(app.principal, ask).map(asdict), _COLUMNS, of="ca.resumptions")
