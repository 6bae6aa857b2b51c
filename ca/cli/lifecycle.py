"""`weicheng ca`: certificates from their issuing to their end."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ca.cli.base import (
    COLUMNS,
    NEW_FILE,
    STATES,
    certificate_row,
    code_option,
    commands,
    in_utc,
    invalid_since_option,
    revocation_row,
)
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_


@commands.command(
    "list",
    help=N_(
        "Certificates of your units, newest first; --find: beginning of serial, SHA-256 or a word of the names."
    ),
)
@click.option("--state", type=click.Choice(STATES), help=N_("Only those in this state."))
@click.option("--profile", help=N_("Only those of this profile."))
@click.option(
    "--expires-within", type=click.IntRange(1, 3650), metavar="DAYS", help=N_("Only those that end soon.")
)
@list_options
@pass_app
def list_certificates(
    app: Any, ask: Any, state: str | None, profile: str | None, expires_within: int | None
) -> None:
    before = (app.clock.now() + timedelta(days=expires_within)).isoformat() if expires_within else None
    asked = ask.narrowed(state=state, profile=profile, expires_before=before)
    app.out.page(
        app.ca.lifecycle.page(app.principal, asked).map(certificate_row), COLUMNS, of="ca.certificates"
    )


@commands.command("show", help=N_("One certificate; with --pem or --chain also to a file."))
@click.argument("serial")
@click.option("--pem", type=NEW_FILE, help=N_("Write the certificate to this file."))
@click.option(
    "--chain",
    type=NEW_FILE,
    help=N_("Write the certificate and those above it to this file, as servers need it."),
)
@pass_app
def show(app: Any, serial: str, pem: Path | None, chain: Path | None) -> None:
    from kernel.pki.pem import certificate_pem

    found = app.ca.lifecycle.show(app.principal, serial)
    app.out.record(certificate_row(found), of="ca.certificates")
    if pem is not None:
        pem.write_bytes(certificate_pem(found.der))
    if chain is not None:
        above = app.ca.overview.chain_certificates(app.principal, serial)
        chain.write_bytes(b"".join(map(certificate_pem, above)))


@commands.command("hold", help=N_("Suspend a certificate."))
@click.argument("serial")
@reason_option
@pass_app
def hold(app: Any, serial: str, reason: str) -> None:
    app.out.record(
        certificate_row(app.ca.lifecycle.hold(app.principal, serial, reason)), of="ca.certificates"
    )


@commands.command("release", help=N_("End a suspension."))
@click.argument("serial")
@reason_option
@pass_app
def release(app: Any, serial: str, reason: str) -> None:
    app.out.record(
        certificate_row(app.ca.lifecycle.release(app.principal, serial, reason)), of="ca.certificates"
    )


@commands.command("revoke", help=N_("Revoke a certificate for good; a new CRL is published at once."))
@click.argument("serial")
@code_option
@invalid_since_option
@reason_option
@pass_app
def revoke(app: Any, serial: str, code: str, invalid_since: datetime | None, reason: str) -> None:
    from ca.model import Reason

    why = Reason[code.upper()]
    since = in_utc(invalid_since)
    app.out.record(
        certificate_row(app.ca.lifecycle.revoke(app.principal, serial, why, reason, invalid_since=since))
    )


@commands.group(
    "revocation", help=N_("Revoke or release a CA's certificate: one officer proposes, another performs.")
)
def revocation() -> None:
    """Proposing, performing, rejecting."""


@revocation.command(
    "propose", help=N_("Propose to revoke the certificate of a CA; prints the revocation's id.")
)
@click.argument("serial")
@code_option
@invalid_since_option
@reason_option
@pass_app
def propose_revocation(app: Any, serial: str, code: str, invalid_since: datetime | None, reason: str) -> None:
    from ca.model import Reason

    why = Reason[code.upper()]
    since = in_utc(invalid_since)
    made = app.ca.revocations.propose(app.principal, serial, why, reason, invalid_since=since)
    app.out.record(revocation_row(made), of="ca.revocations")


@revocation.command("propose-release", help=N_("Propose to end the suspension of a CA's certificate."))
@click.argument("serial")
@reason_option
@pass_app
def propose_release(app: Any, serial: str, reason: str) -> None:
    app.out.record(
        revocation_row(app.ca.revocations.propose_release(app.principal, serial, reason)), of="ca.revocations"
    )


@revocation.command(
    "perform", help=N_("Revoke or release as the second officer; a new CRL is published at once.")
)
@click.argument("revocation_id")
@pass_app
def perform_revocation(app: Any, revocation_id: str) -> None:
    app.out.record(
        certificate_row(app.ca.revocations.perform(app.principal, revocation_id)), of="ca.certificates"
    )


@revocation.command("reject", help=N_("Turn the proposal down."))
@click.argument("revocation_id")
@reason_option
@pass_app
def reject_revocation(app: Any, revocation_id: str, reason: str) -> None:
    app.out.record(
        revocation_row(app.ca.revocations.reject(app.principal, revocation_id, reason)), of="ca.revocations"
    )


@revocation.command("list", help=N_("Proposed revocations of CA certificates, newest first."))
@list_options
@pass_app
def list_revocations(app: Any, ask: Any) -> None:
    columns = (N_("id"), N_("serial"), N_("subject"), N_("state"), N_("proposed_by"), N_("proposed_at"))
    app.out.page(
        app.ca.revocations.page(app.principal, ask).map(revocation_row), columns, of="ca.revocations"
    )
