"""First run: the database and the three administrators. The CA is founded by its officers afterwards."""

from typing import Any

import click

from kernel.edges.cli import Command, pass_app
from kernel.i18n import N_
from kernel.identity.model import Role


@click.command(
    cls=Command,
    help=N_("First run: create the database and the three administrators; shows first passwords once."),
)
@click.option("--sysadmin", required=True, metavar="LOGIN:NAME", help=N_("System administrator."))
@click.option("--officer", required=True, metavar="LOGIN:NAME", help=N_("Security officer."))
@click.option("--auditor", required=True, metavar="LOGIN:NAME", help=N_("Auditor."))
@pass_app
def setup(app: Any, sysadmin: str, officer: str, auditor: str) -> None:
    from console.commands.db import upgrade_database

    people = {
        Role.SYSTEM_ADMINISTRATOR: _person(sysadmin),
        Role.SECURITY_OFFICER: _person(officer),
        Role.AUDITOR: _person(auditor),
    }
    upgrade_database(app.settings.database)
    made = app.identity.set_up(app.settings.organisation, people)
    rows = [
        {"login": a.user.login, "role": sorted(a.user.roles), "password": a.password, "totp": a.totp_uri}
        for a in made
    ]
    app.out.rows(rows, (N_("login"), N_("role"), N_("password"), N_("totp")))
    app.out.note(
        N_(
            "Hand each line to its person alone; it is not shown again. Next: weicheng login, then weicheng ca ceremony."
        )
    )


def _person(text: str) -> tuple[str, str]:
    login, _, name = text.partition(":")
    if not login or not name:
        raise click.BadParameter(f"{text!r}: LOGIN:NAME")
    return login, name
