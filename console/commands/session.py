"""Signing in to the command line. The session's token is kept in a file that only its owner can read."""

import os
from pathlib import Path
from typing import Any

import click

from kernel.edges.cli import Command, pass_app
from kernel.errors import NotFound, Unauthenticated
from kernel.i18n import N_, translate
from kernel.secrets import write_private

SESSION_VARIABLE = "WEICHENG_SESSION_FILE"
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def session_file() -> Path:
    """Where the token lies: WEICHENG_SESSION_FILE, or a file in the home folder."""
    return Path(os.environ.get(SESSION_VARIABLE) or Path.home() / ".weicheng" / "session")


def read_token() -> str:
    """The token of the last sign-in; Unauthenticated when there is none."""
    path = session_file()
    if not path.is_file():
        raise Unauthenticated(N_("You are not signed in."), mend=N_("Sign in with: weicheng login."))
    return path.read_text().strip()


@click.command(cls=Command, help=N_("Sign in to the command line."))
@click.option("--user", help=N_("Login."))
@click.option(
    "--password-file", type=click.File("r"), help=N_("File with the password, - for standard input.")
)
@click.option("--code", help=N_("One-time code of the authenticator app."))
@click.option("--demo", is_flag=True, help=N_("Take both from the demo's private accounts file."))
@click.option("--certificate", type=_FILE, help=N_("Sign in with this certificate instead (PEM or DER)."))
@click.option("--sign-with", "key", type=_FILE, help=N_("Its private key (PEM)."))
@click.option("--token", metavar="PKCS11-URI", help=N_("Its private key on a token (RFC 7512)."))
@pass_app
def login(
    app: Any,
    user: str | None,
    password_file: Any,
    code: str | None,
    demo: bool,
    certificate: Path | None,
    key: Path | None,
    token: str | None,
) -> None:
    if (user is None) == (certificate is None) or bool(certificate) != bool(key or token):
        raise click.UsageError(translate(N_("Give --user, or --certificate with --sign-with or --token.")))
    if certificate is not None:
        signed_in = app.floor.sign_in.with_certificate(
            _proven(certificate, key, token), origin="command line"
        )
    else:
        signed_in = _by_password(app, str(user), password_file, code, demo)
    write_private(session_file(), signed_in.token.encode())
    app.out.note(N_("Signed in as %(name)s."), name=signed_in.principal.name)
    if signed_in.principal.must_change:
        app.out.note(N_("Set a password of your own before anything else: weicheng account password."))


def _proven(certificate: Path, key: Path | None, token: str | None) -> bytes:
    """The certificate (DER), once its key has signed something new, as it does in a TLS handshake."""
    from ca.cli.approving import own_key

    own = own_key(certificate, key, token)
    own.sign(os.urandom(32))
    return bytes(own.certificate_der)


def _by_password(app: Any, user: str, password_file: Any, code: str | None, demo: bool) -> Any:
    if demo:
        password, code = demo_secrets(app.settings.data_dir, user)
    elif password_file:
        password = password_file.readline().rstrip("\n")
    else:
        password = click.prompt(translate(N_("Password")), hide_input=True, err=True)
    code = code or click.prompt(translate(N_("One-time code")), err=True)
    return app.floor.sign_in.with_password(user, password, code, origin="command line")


@click.command(
    cls=Command, help=N_("Password and present one-time code of a demo account, to sign in with a browser.")
)
@click.argument("user")
@pass_app
def code(app: Any, user: str) -> None:
    password, shown = demo_secrets(app.settings.data_dir, user)
    app.out.record({"login": user, "password": password, "code": shown})


def demo_secrets(data_dir: Path, login: str) -> tuple[str, str]:
    """(password, one-time code of now) of an account of the demo whose data lies in ``data_dir``; NotFound otherwise."""
    import json
    import time
    from urllib.parse import parse_qs, urlsplit

    from kernel.identity.passwords import totp_code

    path = data_dir.parent / "people" / "accounts.json"
    accounts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    for account in accounts:
        if account["login"] == login:
            secret = parse_qs(urlsplit(account["totp"]).query)["secret"][0]
            return account["password"], totp_code(secret, time.time())
    raise NotFound(
        N_("The demo has no account %(login)s."),
        mend=N_("Run make demo first."),
        place=str(path),
        login=login,
    )


@click.command(cls=Command, help=N_("Sign out."))
@pass_app
def logout(app: Any) -> None:
    app.floor.sign_in.sign_out(read_token())
    session_file().unlink(missing_ok=True)
    app.out.note(N_("Signed out."))


@click.command(cls=Command, help=N_("Show who is signed in and what they may do."))
@pass_app
def whoami(app: Any) -> None:
    me = app.principal
    permissions = sorted(app.floor.access.permissions(me))
    told = {"id": me.id, "name": me.name, "unit": me.unit, "roles": sorted(me.roles)}
    app.out.record(told | {N_("permissions"): permissions})
