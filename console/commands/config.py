"""The settings, checked and shown; secrets never are."""

from typing import Any

from kernel.config import load_settings
from kernel.edges.cli import group, pass_app
from kernel.i18n import N_

commands = group("config", N_("Check and show the settings."))


@commands.command("check", help=N_("Validate the settings file, the variables and the secret files."))
@pass_app
def check(app: Any) -> None:
    load_settings()
    app.out.note(N_("The settings are right."))


@commands.command("show", help=N_("The settings in force; secrets are hidden."))
@pass_app
def show(app: Any) -> None:
    app.out.record(load_settings().model_dump(mode="json"))
