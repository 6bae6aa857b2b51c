"""Device credentials."""

import json
from typing import Any

import click

from kernel.credentials import Credential
from kernel.edges.cli import group, pass_app
from kernel.errors import Invalid
from kernel.i18n import N_

commands = group("credential", N_("Device credentials, kept sealed."))


@commands.command("list", help=N_("Names of the credentials; their content is never shown."))
@pass_app
def list_credentials(app: Any) -> None:
    app.out.rows([{"name": name} for name in app.floor.credentials.names()], (N_("name"),))


@commands.command(
    "set", help=N_("Store a credential from a JSON file (- for standard input), never from arguments.")
)
@click.argument("name")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@pass_app
def set_credential(app: Any, name: str, file: Any) -> None:
    try:
        credential = Credential(**json.load(file))
    except (ValueError, TypeError) as error:
        raise Invalid(
            N_("This is no credential."),
            mend=N_("Write a JSON object with some of: %(fields)s."),
            place=getattr(file, "name", ""),
            fields=", ".join(Credential.__dataclass_fields__),
        ) from error
    app.floor.credentials.put(app.principal, name, credential)
