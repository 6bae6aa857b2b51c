"""`weicheng ca`: founding, authorities, profiles, the keys of services."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, authority_row, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_, current_language


@commands.group("ceremony", help=N_("Found the CA: one officer proposes, another performs."))
def ceremony() -> None:
    """Proposing and performing."""


@ceremony.command("propose", help=N_("Propose a root and issuing CAs; prints the ceremony's id."))
@click.option("--organisation", required=True, help=N_("Name of the organisation (O)."))
@click.option(
    "--hierarchy", default="government", show_default=True, help=N_("A hierarchy of the policies, by its id.")
)
@click.option("--plan", type=OLD_FILE, help=N_("A hierarchy of your own instead, a YAML file."))
@click.option(
    "--witness", "witnesses", multiple=True, required=True, help=N_("Name of a witness; may be repeated.")
)
@pass_app
def propose(
    app: Any, organisation: str, hierarchy: str, plan: Path | None, witnesses: tuple[str, ...]
) -> None:
    ceremonies, document = app.ca.ceremonies, plan.read_bytes() if plan else None
    planned = ceremonies.plan(app.principal, organisation, witnesses, hierarchy, document)
    app.out.record({"ceremony": ceremonies.propose(app.principal, planned)})


@ceremony.command("perform", help=N_("Perform a proposed ceremony as the second officer."))
@click.argument("ceremony_id")
@pass_app
def perform(app: Any, ceremony_id: str) -> None:
    made = app.ca.ceremonies.perform(app.principal, ceremony_id)
    app.out.rows(
        [authority_row(found) for found in made], (N_("id"), N_("name"), N_("algorithm"), N_("sha256"))
    )


@commands.command("authorities", help=N_("Root and issuing CAs."))
@click.option("--pem", type=NEW_FILE, help=N_("Also write their certificates to this file."))
@pass_app
def authorities(app: Any, pem: Path | None) -> None:
    found = app.ca.authorities()
    app.out.rows([authority_row(one) for one in found], (N_("id"), N_("name"), N_("algorithm"), N_("sha256")))
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
    rows = [{"authority": one.authority, "serial": one.serial, "subject": one.subject} for one in made]
    app.out.rows(rows, (N_("authority"), N_("serial"), N_("subject")))


@commands.command("profiles", help=N_("Kinds of certificates and what they hold."))
@pass_app
def profiles(app: Any) -> None:
    language = "en" if current_language() == "en" else "zh"
    rows = [
        {
            "id": profile.id,
            "title": profile.title[language],
            "subject": list(profile.subject),
            "keys": sorted(profile.keys),
            "days": profile.validity.days,
            "approvals": profile.approvals,
            "version": profile.version,
        }
        for profile in app.ca.profiles.all()
    ]
    app.out.rows(
        rows, (N_("id"), N_("title"), N_("subject"), N_("keys"), N_("days"), N_("approvals"), N_("version"))
    )
