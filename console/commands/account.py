"""Users, roles and units."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from kernel.edges.cli import group, pass_app, reason_option
from kernel.i18n import N_, translate
from kernel.identity.model import Role, UserState
from kernel.store.listing import Ask, every, moment

commands = group("account", N_("Users, roles and units."))


@commands.command("list", help=N_("Accounts of your units."))
@click.option("--unused-since", help=N_("Only those not signed in since this ISO 8601 time."))
@click.option("--unreviewed-since", help=N_("Only those not reviewed since this ISO 8601 time."))
@pass_app
def list_accounts(app: Any, unused_since: str | None, unreviewed_since: str | None) -> None:
    columns = (N_("login"), N_("name"), N_("unit"), N_("roles"), N_("state"), N_("last_signed_in_at"))
    ask = Ask().narrowed(unused_since=unused_since, unreviewed_since=unreviewed_since)
    rows = [
        {
            **asdict(one.user),
            "roles": sorted(one.user.roles),
            "state": one.state,
            "last_signed_in_at": one.last_signed_in_at,
            "reviewed_at": one.reviewed_at,
        }
        for one in every(partial(app.identity.page, app.principal), ask)
    ]
    app.out.rows(rows, columns, of="identity.accounts")


@commands.command("units", help=N_("Your unit and those below it."))
@pass_app
def list_units(app: Any) -> None:
    app.out.rows(
        [asdict(unit) for unit in app.identity.units(app.principal)], (N_("id"), N_("parent"), N_("name"))
    )


@commands.command("add-unit", help=N_("Add a unit below another."))
@click.argument("unit_id")
@click.option("--parent", required=True, help=N_("Id of the superior unit."))
@click.option("--name", required=True, help=N_("Name of the unit."))
@pass_app
def add_unit(app: Any, unit_id: str, parent: str, name: str) -> None:
    app.out.record(asdict(app.identity.create_unit(app.principal, unit_id, parent, name)))


@commands.command("add", help=N_("Add an account without roles; its first password is shown once."))
@click.argument("login")
@click.option("--name", required=True, help=N_("The person's name."))
@click.option("--unit", required=True, help=N_("Id of the unit."))
@pass_app
def add(app: Any, login: str, name: str, unit: str) -> None:
    account = app.identity.create_user(app.principal, login, name, unit)
    app.out.record({"login": login, "password": account.password, "totp": account.totp_uri})


@commands.command("grant", help=N_("Set a user's roles; those not named are taken away."))
@click.argument("login")
@click.argument("roles", nargs=-1, type=click.Choice([str(role) for role in Role]))
@pass_app
def grant(app: Any, login: str, roles: tuple[str, ...]) -> None:
    user = app.identity.grant_roles(app.principal, login, [Role(role) for role in roles])
    app.out.record({"login": user.login, "roles": sorted(user.roles)})


@commands.command("disable", help=N_("Disable an account and end its sessions."))
@click.argument("login")
@reason_option
@pass_app
def disable(app: Any, login: str, reason: str) -> None:
    app.identity.set_state(app.principal, login, UserState.DISABLED, reason)


@commands.command("enable", help=N_("Enable a disabled account."))
@click.argument("login")
@reason_option
@pass_app
def enable(app: Any, login: str, reason: str) -> None:
    app.identity.set_state(app.principal, login, UserState.ACTIVE, reason)


@commands.command("unlock", help=N_("Let a locked-out user try again."))
@click.argument("login")
@pass_app
def unlock(app: Any, login: str) -> None:
    app.identity.unlock(app.principal, login)


@commands.command(
    "reset", help=N_("New first secrets, shown once; sessions, tokens and roles of the account end.")
)
@click.argument("login")
@reason_option
@pass_app
def reset(app: Any, login: str, reason: str) -> None:
    account = app.identity.reset(app.principal, login, reason)
    app.out.record({"login": login, "password": account.password, "totp": account.totp_uri})


@commands.command("review", help=N_("Confirm that a person still needs the account and exactly its roles."))
@click.argument("login")
@reason_option
@pass_app
def review(app: Any, login: str, reason: str) -> None:
    app.identity.review(app.principal, login, reason)


@commands.command(
    "end", help=N_("Set the time from which the account can do nothing; without --at it has no end.")
)
@click.argument("login")
@click.option("--at", "moment_text", help=N_("ISO 8601 time, such as 2027-01-01T00:00+08:00."))
@reason_option
@pass_app
def set_end(app: Any, login: str, moment_text: str | None, reason: str) -> None:
    app.identity.set_end(app.principal, login, moment(moment_text) if moment_text else None, reason)


@commands.command("bind-certificate", help=N_("Let a user sign in with a certificate (PEM or DER file)."))
@click.argument("login")
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_app
def bind_certificate(app: Any, login: str, certificate: Path) -> None:
    from kernel.pki.pem import certificate_der

    app.identity.bind_certificate(
        app.principal, login, certificate_der(certificate.read_bytes(), str(certificate))
    )
    app.out.note(N_("From now on %(login)s signs in with this certificate too."), login=login)


@commands.command("sessions", help=N_("Open sessions: your own, or everybody's."))
@click.option("--all", "everyone", is_flag=True, help=N_("Everybody's."))
@pass_app
def list_sessions(app: Any, everyone: bool) -> None:
    columns = (N_("id"), N_("login"), N_("method"), N_("origin"), N_("created_at"), N_("last_seen_at"))
    ask = Ask() if everyone else Ask(filters={"user": (app.principal.id,)})
    found = every(partial(app.floor.sessions.page, app.principal), ask)
    app.out.rows([asdict(one.session) | {"login": one.login} for one in found], columns)


@commands.command("end-session", help=N_("End a session."))
@click.argument("session_id")
@reason_option
@pass_app
def end_session(app: Any, session_id: str, reason: str) -> None:
    app.floor.sessions.end(app.principal, session_id, reason)


@commands.command("password", help=N_("Change your own password; your other sessions end."))
@click.option(
    "--from",
    "file",
    type=click.File("r", encoding="utf-8"),
    help=N_("File with the old and the new password on a line each, - for standard input."),
)
@pass_app
def password(app: Any, file: Any) -> None:
    if file:
        old, new = (file.readline().rstrip("\n") for _ in range(2))
    else:
        old = click.prompt(translate(N_("Old password")), hide_input=True, err=True)
        new = click.prompt(
            translate(N_("New password")),
            hide_input=True,
            confirmation_prompt=translate(N_("Once more")),
            err=True,
        )
    app.floor.sign_in.change_password(app.person, old, new)
    app.out.note(N_("Your password is changed."))
