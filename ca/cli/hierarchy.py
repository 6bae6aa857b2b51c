"""`weicheng ca`: founding, authorities, the keys of services."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, authority_row, commands
from kernel.edges.cli import list_options, pass_app
from kernel.i18n import N_
from kernel.pki.names import respelled


@commands.command("authorities", help=N_("Root and issuing CAs."))
@click.option("--pem", type=NEW_FILE, help=N_("Also write their certificates to this file."))
@pass_app
def authorities(app: Any, pem: Path | None) -> None:
    found = app.ca.authorities()
    columns = (N_("id"), N_("name"), N_("kind"), N_("state"), N_("profiles"), N_("parent"), N_("sha256"))
    app.out.rows([authority_row(one) for one in found], columns, of="ca.authorities")
    if pem is not None:
        from kernel.pki.pem import certificate_pem

        pem.write_bytes(b"".join(certificate_pem(one.certificate) for one in found))


@commands.command(
    "ends", help=N_("CAs and services whose certificates are near their end: what has to be renewed.")
)
@list_options
@pass_app
def ends(app: Any, ask: Any) -> None:
    columns = (N_("id"), N_("kind"), N_("state"), N_("not_after"), N_("subject"))
    app.out.page(app.ca.ends.page(app.principal, ask).map(_ending_row), columns, of="ca.ends")


def _ending_row(found: Any) -> dict[str, Any]:
    return asdict(found) | {"state": str(found.state), "subject": respelled(found.subject)}


@commands.command("provision", help=N_("Give a service of the suite a new key and certificate."))
@click.argument("service", type=click.Choice(["ocsp", "timestamp", "evidence", "log"]))
@click.option("--authority", default="", help=N_("Only the OCSP responder of this CA."))
@click.option("--algorithm", default="", help=N_("Algorithm of the key; as before unless given."))
@pass_app
def provision(app: Any, service: str, authority: str, algorithm: str) -> None:
    from ca.signer.model import KeyRole

    made = app.ca.services.provision(app.principal, KeyRole(service), authority, algorithm=algorithm)
    rows = [
        {"authority": one.authority, "serial": one.serial, "subject": respelled(one.subject)} for one in made
    ]
    app.out.rows(rows, (N_("authority"), N_("serial"), N_("subject")))
