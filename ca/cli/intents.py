"""`weicheng ca intent`: what is approved and not signed."""

from typing import Any

import click

from ca.cli.base import certificate_row, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_

_COLUMNS = (
    N_("serial"),
    N_("subject"),
    N_("state"),
    N_("refusal"),
    N_("refused_at"),
    N_("attempts"),
    N_("request"),
)


@commands.group(
    "intent", help=N_("Certificates that are approved and not signed: see why, try again, give up.")
)
def intent() -> None:
    """Looking, trying again, giving up."""


@intent.command("list", help=N_("What is not signed, newest first, with what the signer said."))
@click.option(
    "--state", type=click.Choice(["waiting", "refused", "given_up"]), help=N_("Only those in this state.")
)
@list_options
@pass_app
def list_intents(app: Any, ask: Any, state: str | None) -> None:
    app.out.page(
        app.ca.intents.page(app.principal, ask.narrowed(state=state)).map(_row), _COLUMNS, of="ca.intents"
    )


@intent.command("show", help=N_("One certificate that is not signed."))
@click.argument("serial")
@pass_app
def show(app: Any, serial: str) -> None:
    app.out.record(_row(app.ca.intents.get(app.principal, serial)), of="ca.intents")


@intent.command("again", help=N_("Have the signer asked once more, now."))
@click.argument("serial")
@pass_app
def again(app: Any, serial: str) -> None:
    app.out.record(certificate_row(app.ca.intents.again(app.principal, serial)), of="ca.certificates")


@intent.command("give-up", help=N_("Sign nevermore what the signer refuses; the request may be filed anew."))
@click.argument("serial")
@reason_option
@pass_app
def give_up(app: Any, serial: str, reason: str) -> None:
    app.out.record(_row(app.ca.intents.give_up(app.principal, serial, reason)), of="ca.intents")


def _row(found: Any) -> dict[str, Any]:
    refusal = found.refusal
    values = {name: value for name, value in vars(found).items() if name != "refusal"}
    return values | {"state": str(found.state), "refusal": refusal.sentence() if refusal else ""}
