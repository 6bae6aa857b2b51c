"""`weicheng ca`: founding, authorities, the keys of services."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, authority_row, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_
from kernel.pki.names import respelled


@commands.command("authorities", help=N_("Root and issuing CAs."))
@click.option("--pem", type=NEW_FILE, help=N_("Also write their certificates to this file."))
@pass_app
def authorities(app: Any, pem: Path | None) -> None:
    found = app.ca.authorities()
    columns = (N_("id"), N_("name"), N_("kind"), N_("state"), N_("profiles"), N_("parent"), N_("sha256"))
    app.out.rows([authority_row(one) for one in found], columns)
    if pem is not None:
        from kernel.pki.pem import certificate_pem

        pem.write_bytes(b"".join(certificate_pem(one.certificate) for one in found))


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
