"""`weicheng ca`: what relying parties are told."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_

_LISTS = (
    N_("id"),
    N_("state"),
    N_("number"),
    N_("this_update"),
    N_("next_update"),
    N_("entries"),
    N_("size"),
)
_PROOFS = (
    N_("changed_at"),
    N_("revoked"),
    N_("state"),
    N_("seconds"),
    N_("crl_seen"),
    N_("delta_seen"),
    N_("ocsp_seen"),
)


@commands.command("crl", help=N_("Write the newest CRL to a file; with --publish make a new one first."))
@click.argument("authority")
@click.argument("file", type=NEW_FILE)
@click.option("--publish", is_flag=True, help=N_("Sign new lists now, full and delta, of every shard."))
@click.option("--delta", is_flag=True, help=N_("What changed since the full list."))
@click.option("--shard", type=click.IntRange(1, 9999), help=N_("The list of one shard of the CA."))
@pass_app
def crl(app: Any, authority: str, file: Path, publish: bool, delta: bool, shard: int | None) -> None:
    from ca.scopes import ListKind, Scope

    if publish:
        app.ca.publication.publish(authority, app.principal)
    kind = ListKind.DELTA if delta else ListKind.FULL
    data = app.ca.lists.octets(app.principal, Scope(authority, shard or 0).name(kind))
    file.write_bytes(data)
    app.out.record({"file": str(file), "bytes": len(data)})


@commands.command("crls", help=N_("The newest CRLs, full and delta, and how they stand."))
@pass_app
def crls(app: Any) -> None:
    from kernel.store.listing import Ask

    app.out.rows([asdict(one) for one in app.ca.lists.page(app.principal, Ask()).items], _LISTS, of="ca.crls")


@commands.command("proof", help=N_("What relying parties saw of a certificate's changes, and when."))
@click.argument("serial")
@click.option("--now", is_flag=True, help=N_("Look at once at what is not seen everywhere yet."))
@pass_app
def proof(app: Any, serial: str, now: bool) -> None:
    found = app.ca.proofs.check(app.principal, serial) if now else app.ca.proofs.of(app.principal, serial)
    app.out.rows([asdict(one) | {"seconds": one.seconds} for one in found], _PROOFS)


@commands.command(
    "prepare", help=N_("Prepare OCSP answers for all certificates now, instead of within the hour.")
)
@pass_app
def prepare(app: Any) -> None:
    app.out.record({"job": app.ca.preparation.request(app.principal)})
