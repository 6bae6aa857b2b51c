"""`weicheng ca cross`: superior CAs, and foreign CAs below our root."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_


@commands.group("cross", help=N_("Cross-certificates: of superior CAs for ours, of ours for foreign CAs."))
def cross() -> None:
    """Requests and certificates."""


@cross.command("request", help=N_("Write a PKCS#10 request of a CA for a superior CA."))
@click.argument("authority")
@click.argument("file", type=NEW_FILE)
@pass_app
def request(app: Any, authority: str, file: Path) -> None:
    data = app.ca.hierarchy.cross.request(app.principal, authority)
    file.write_bytes(data)
    app.out.record({"file": str(file), "bytes": len(data)})


@cross.command(
    "adopt", help=N_("Propose to take over what a superior CA gave: our certificate and those above.")
)
@click.argument("authority")
@click.argument("file", type=OLD_FILE)
@pass_app
def adopt(app: Any, authority: str, file: Path) -> None:
    made = app.ca.hierarchy.proposals.adopt(app.principal, authority, file.read_bytes())
    app.out.record({"ceremony": made})


@cross.command("certify", help=N_("Propose a certificate of our root for a foreign CA."))
@click.argument("csr", type=OLD_FILE)
@click.option("--years", default=5, type=click.IntRange(1, 30), help=N_("Years of validity."))
@click.option(
    "--permit",
    "permitted",
    multiple=True,
    required=True,
    help=N_("Names that it may certify: dns:suffix, email:host or ip:prefix; may be repeated."),
)
@pass_app
def certify(app: Any, csr: Path, years: int, permitted: tuple[str, ...]) -> None:
    made = app.ca.hierarchy.proposals.certify(app.principal, csr.read_bytes(), years, permitted)
    app.out.record({"ceremony": made})


@cross.command("certificates", help=N_("Every certificate of a CA: its own, links, those of superior CAs."))
@click.argument("authority")
@click.option("--bundle", type=NEW_FILE, help=N_("Write them with those above to this file (PKCS#7)."))
@pass_app
def certificates(app: Any, authority: str, bundle: Path | None) -> None:
    found = app.ca.hierarchy.cross.certificates(app.principal, authority)
    rows = [
        {
            "sha256": one.fingerprint,
            "kind": str(one.kind),
            "authority": one.authority,
            "added_at": one.added_at,
        }
        for one in found
    ]
    app.out.rows(rows, (N_("sha256"), N_("kind"), N_("authority"), N_("added_at")))
    if bundle is not None:
        bundle.write_bytes(app.ca.hierarchy.cross.bundle(authority))
