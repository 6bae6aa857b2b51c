"""`weicheng ca blocklist`: lists of compromised keys that no request may bear."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import OLD_FILE, commands
from kernel.edges.cli import pass_app, reason_option
from kernel.i18n import N_

_COLUMNS = (N_("name"), N_("kind"), N_("keys"), N_("sha256"))


@commands.group("blocklist", help=N_("Lists of compromised keys that are never certified."))
def blocklist() -> None:
    """Loading and listing."""


@blocklist.command(
    "load", help=N_("Take a list into use: badkeys' blocklist.dat, or a text of openssl-blacklist.")
)
@click.argument("name")
@click.argument("file", type=OLD_FILE)
@reason_option
@pass_app
def load(app: Any, name: str, file: Path, reason: str) -> None:
    app.out.record(asdict(app.ca.blocklists.load(app.principal, name, file.read_bytes(), reason)))


@blocklist.command("list", help=N_("The lists in use."))
@pass_app
def list_blocklists(app: Any) -> None:
    app.out.rows([asdict(one) for one in app.ca.blocklists.all(app.principal)], _COLUMNS)
