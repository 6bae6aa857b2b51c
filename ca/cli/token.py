"""`weicheng ca token`: keys on an applicant's USB token or card."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands, handed_in, hidden, request_row, subject_of
from kernel.edges.cli import group, pass_app
from kernel.i18n import N_

tokens = group("token", N_("Keys on an applicant's USB token or card, by PKCS#11."))
commands.add_command(tokens)

KINDS = ("p256", "rsa2048")
_module = click.option(
    "--module", type=OLD_FILE, required=True, help=N_("PKCS#11 library of the token's maker.")
)
_label = click.option("--label", required=True, help=N_("Label of the token."))
_pin_file = click.option(
    "--pin-file", type=OLD_FILE, help=N_("File with the holder's PIN; otherwise it is asked for.")
)
_kind = click.option("--kind", type=click.Choice(KINDS), default="p256", help=N_("Kind of the key."))
_subject = click.option(
    "--subject",
    "-s",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help=N_("Part of the name, such as CN=…"),
)


def _place(module: Path, label: str, pin_file: Path | None) -> Any:
    from ca.registration.token import Place

    return Place(module, label, pin_file.read_text().strip() if pin_file else hidden(N_("PIN of the token")))


@tokens.command(
    "csr", help=N_("Make a key on the token and write the CSR it signed, for the console's form.")
)
@_module
@_label
@_pin_file
@_kind
@_subject
@click.argument("file", type=NEW_FILE)
@pass_app
def csr(
    app: Any, module: Path, label: str, pin_file: Path | None, kind: str, subject: tuple[str, ...], file: Path
) -> None:
    from asn1crypto import pem

    from ca.registration import token

    made = token.make_key(_place(module, label, pin_file), subject_of(subject), kind)
    file.write_bytes(pem.armor("CERTIFICATE REQUEST", made.csr))  # what other programs expect of such a file
    app.out.record({"key": made.id, "file": str(file)})


@tokens.command("enroll", help=N_("Make a key on the token and file a request for it."))
@click.argument("profile")
@_module
@_label
@_pin_file
@_kind
@_subject
@click.option(
    "--name", "-n", "names", multiple=True, help=N_("Alternative name: dns:, ip: or email: and the value.")
)
@click.option("--unit", required=True, help=N_("Id of the unit."))
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option(
    "--paper", "papers", multiple=True, type=OLD_FILE, help=N_("Identity paper: PDF, PNG or JPEG; several.")
)
@pass_app
def enroll(
    app: Any,
    profile: str,
    module: Path,
    label: str,
    pin_file: Path | None,
    kind: str,
    subject: tuple[str, ...],
    names: tuple[str, ...],
    unit: str,
    evidence: str,
    papers: tuple[Path, ...],
) -> None:
    from ca.registration import token
    from kernel.errors import WeichengError

    place, named = _place(module, label, pin_file), subject_of(subject)
    made = token.make_key(place, named, kind)
    try:
        filed = app.ca.registration.file(
            app.principal,
            profile=profile,
            subject=named,
            names=names,
            unit=unit,
            evidence=evidence,
            csr=made.csr,
            papers=handed_in(papers),
        )
    except WeichengError:
        token.remove_key(place, made.id)
        raise
    stored = app.ca.registration.show(app.principal, filed.id)
    app.out.record(request_row(stored) | {"key": made.id}, of="ca.requests")


@tokens.command("install", help=N_("Write the issued certificate onto the token that holds its key."))
@click.argument("request_id", required=False)
@click.option(
    "--certificate", type=OLD_FILE, help=N_("The certificate as a file (DER or PEM), instead of a request.")
)
@_module
@_label
@_pin_file
@pass_app
def install(
    app: Any,
    request_id: str | None,
    certificate: Path | None,
    module: Path,
    label: str,
    pin_file: Path | None,
) -> None:
    from ca.registration import token

    if (request_id is None) == (certificate is None):
        raise click.UsageError("REQUEST_ID | --certificate")
    der = _der(certificate) if certificate is not None else _issued(app, str(request_id))
    app.out.record({"key": token.install(_place(module, label, pin_file), der)})


def _issued(app: Any, request_id: str) -> bytes:
    from kernel.errors import Conflict
    from kernel.store.listing import Ask

    found = app.ca.lifecycle.page(app.principal, Ask().narrowed(request=request_id)).items
    if not found:
        raise Conflict(N_("The certificate is not issued yet."), place=request_id)
    return bytes(found[0].der)


def _der(file: Path) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from kernel.errors import Invalid

    data = file.read_bytes()
    try:
        read = (
            x509.load_pem_x509_certificate
            if data.lstrip().startswith(b"-----")
            else x509.load_der_x509_certificate
        )
        return read(data).public_bytes(Encoding.DER)
    except ValueError as error:
        raise Invalid(N_("This is no certificate."), place=file.name) from error
