"""Tokens by which programs use the API."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from kernel.edges.cli import group, pass_app, reason_option
from kernel.i18n import N_
from kernel.identity.permissions import Permission

commands = group("token", N_("Tokens by which programs use the API."))


@commands.command("list", help=N_("Your tokens; with the permission to end sessions, those of your units."))
@pass_app
def list_tokens(app: Any) -> None:
    from kernel.identity.tokens import state_of
    from kernel.store.listing import MOST, Ask

    now, found = app.clock.now(), app.floor.tokens.page(app.principal, Ask(limit=MOST)).items
    rows = [asdict(token) | {"scope": sorted(token.scope), "state": state_of(token, now)} for token in found]
    columns = (
        N_("id"),
        N_("login"),
        N_("name"),
        N_("state"),
        N_("unit"),
        N_("expires_at"),
        N_("last_used_at"),
    )
    app.out.rows(rows, (*columns, N_("scope")), of="identity.tokens")


@commands.command("create", help=N_("Make a token of your own; it is shown once."))
@click.argument("name")
@click.option(
    "--may",
    "scope",
    required=True,
    multiple=True,
    type=click.Choice([str(permission) for permission in Permission]),
    help=N_("A permission that the token has; may be given several times."),
)
@click.option("--unit", help=N_("Id of the unit that it is bound to; your own if not given."))
@click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, help=N_("Days until it ends.")
)
@pass_app
def create(app: Any, name: str, scope: tuple[str, ...], unit: str | None, days: int) -> None:
    me = app.principal
    until = app.clock.now() + timedelta(days=days)
    made = app.floor.tokens.create(me, name, [Permission(text) for text in scope], unit or me.unit, until)
    app.out.record({"id": made.token.id, "token": made.secret, "expires_at": made.token.expires_at})


@commands.command("revoke", help=N_("End a token at once."))
@click.argument("token_id")
@reason_option
@pass_app
def revoke(app: Any, token_id: str, reason: str) -> None:
    app.floor.tokens.revoke(app.principal, token_id, reason)
