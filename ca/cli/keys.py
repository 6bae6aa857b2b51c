"""`weicheng ca blocklist`: lists of compromised keys that no request may bear."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import OLD_FILE, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_

_COLUMNS = (N_("name"), N_("kind"), N_("keys"), N_("sha256"), N_("loaded_at"), N_("reason"))


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
    app.out.record(
        asdict(app.ca.blocklists.load(app.principal, name, file.read_bytes(), reason)), of="ca.blocklists"
    )


@blocklist.command("list", help=N_("The lists in use."))
@list_options
@pass_app
def list_blocklists(app: Any, ask: Any) -> None:
    app.out.page(app.ca.blocklists.page(app.principal, ask).map(asdict), _COLUMNS, of="ca.blocklists")
