"""`weicheng ca`: what relying parties are told."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_


@commands.command("crl", help=N_("Write the newest CRL to a file; with --publish make a new one first."))
@click.argument("authority")
@click.argument("file", type=NEW_FILE)
@click.option("--publish", is_flag=True, help=N_("Sign a new list now."))
@pass_app
def crl(app: Any, authority: str, file: Path, publish: bool) -> None:
    publication = app.ca.publication
    data = publication.publish(authority, app.principal) if publish else publication.crl(authority)
    file.write_bytes(data)
    app.out.record({"file": str(file), "bytes": len(data)})
