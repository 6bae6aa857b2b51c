"""`weicheng ca approve`: deciding on requests, with the officer's own key where there is one."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, certificate_row, commands, request_row
from kernel.edges.cli import pass_app
from kernel.i18n import N_, translate

SIGN_IT = N_("Sign it: openssl cms -sign -binary -outform DER -in %(file)s -signer CERTIFICATE -inkey KEY")
Sign = Callable[[Any, Callable[[], bytes]], bytes | None]  # (app, what makes the document) -> signature


def signing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which an approval is signed; the command gets ``sign``, which asks for pass-phrase or PIN once."""

    @click.option(
        "--signature", type=OLD_FILE, help=N_("Your signature over what you approve: detached CMS, DER.")
    )
    @click.option("--sign-with", "key", type=OLD_FILE, help=N_("Your private key (PEM), which signs it now."))
    @click.option(
        "--token", metavar="PKCS11-URI", help=N_("Your key on a token, which signs it now (RFC 7512).")
    )
    @click.option(
        "--certificate", type=OLD_FILE, help=N_("Your officer's certificate, with --sign-with or --token.")
    )
    @wraps(command)
    def with_sign(
        *arguments: Any,
        signature: Path | None,
        key: Path | None,
        token: str | None,
        certificate: Path | None,
        **options: Any,
    ) -> Any:
        if sum(one is not None for one in (signature, key, token)) > 1:
            raise click.UsageError(translate(N_("Give one of --signature, --sign-with and --token.")))
        if (certificate is None) == bool(key or token):
            raise click.UsageError(translate(N_("Give --certificate with --sign-with or --token.")))
        if signature is not None and len(options.get("request_ids", ())) > 1:
            raise click.UsageError(translate(N_("A signature is over one request.")))
        return command(*arguments, sign=_signing(signature, certificate, key, token), **options)

    return with_sign


@commands.command("approve", help=N_("Approve requests; a certificate is issued when enough people have."))
@click.argument("request_ids", metavar="REQUEST…", nargs=-1, required=True)
@click.option("--reason", default="", help=N_("Remark for the audit trail."))
@signing_options
@pass_app
def approve(app: Any, request_ids: tuple[str, ...], reason: str, sign: Sign) -> None:
    registration = app.ca.registration
    for request_id in request_ids:
        signature = sign(app, lambda: registration.approval_document(app.principal, request_id))  # noqa: B023
        app.out.record(
            _row(registration.approve(app.principal, request_id, reason, signature)), of="ca.certificates"
        )


@commands.command("approval-document", help=N_("What you sign to approve a request, in a file."))
@click.argument("request_id")
@click.argument("file", type=NEW_FILE)
@pass_app
def approval_document(app: Any, request_id: str, file: Path) -> None:
    file.write_bytes(app.ca.registration.approval_document(app.principal, request_id))
    app.out.note(SIGN_IT, file=str(file))


def _row(result: Any) -> dict[str, Any]:
    from ca.model import Certificate

    return certificate_row(result) if isinstance(result, Certificate) else request_row(result)


def _signing(signature: Path | None, certificate: Path | None, key: Path | None, token: str | None) -> Sign:
    """How this command's approvals are signed: by what was signed elsewhere, by a key at hand, or not."""
    if certificate is None:
        given = signature.read_bytes() if signature else None
        return lambda _app, _document: given
    own = own_key(certificate, key, token)
    return lambda app, document: bytes(own.approve(document(), app.clock.now()))


def own_key(certificate: Path, key: Path | None, token: str | None) -> Any:
    """One's own key (OfficerKey); a pass-phrase or PIN is asked for, never given on the command line."""
    from ca.registration.officer_key import TokenUri, key_in_file, key_on_token
    from kernel.pki.pem import certificate_der

    der = certificate_der(certificate.read_bytes(), "--certificate")
    if key is not None:
        octets = key.read_bytes()
        passphrase = _ask(N_("Pass-phrase of your key")) if b"ENCRYPTED" in octets else None
        return key_in_file(der, octets, passphrase)
    return key_on_token(der, TokenUri.parse(token or ""), _ask(N_("PIN of your token")))


def _ask(prompt: str) -> str:
    return str(click.prompt(translate(prompt), hide_input=True, err=True))
