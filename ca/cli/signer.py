"""`weicheng ca signer`: how the signer stands, officers' shares."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, commands
from kernel.edges.cli import pass_app
from kernel.i18n import N_, translate

_reason = click.option("--reason", required=True, help=N_("Why; it is recorded."))


@commands.group(
    "signer", help=N_("The process that holds the CA's keys: state, activation, officers' shares.")
)
def signer() -> None:
    """Looking, activating, deactivating."""


@signer.command("status", help=N_("Show how the signer stands, who holds shares and which are present."))
@pass_app
def status(app: Any) -> None:
    app.out.record(_row(app.ca.custody.status(app.principal)), of="ca.signers")


@signer.command("keys", help=N_("List the keys of an active signer."))
@pass_app
def keys(app: Any) -> None:
    from kernel.store.listing import Ask

    page = app.ca.custody.keys(app.principal, Ask(limit=500))
    columns = (N_("name"), N_("role"), N_("algorithm"), N_("place"), N_("fingerprint"))
    app.out.rows([vars(one) for one in page.items], columns, of="ca.keys")


@signer.command("activate", help=N_("Present your own share (a file, or - for standard input)."))
@click.argument("share", type=click.File())
@pass_app
def activate(app: Any, share: Any) -> None:
    from ca.signer.shares import unseal

    app.principal  # noqa: B018 - who is not signed in is told so before they type a pass-phrase
    text = share.read()
    found = unseal(text, _passphrase())
    app.out.record(_row(app.ca.custody.present(app.principal, found)), of="ca.signers")


@signer.command(
    "deactivate", help=N_("Make the signer forget its keys until enough shares are presented again.")
)
@_reason
@pass_app
def deactivate(app: Any, reason: str) -> None:
    app.out.record(_row(app.ca.custody.deactivate(app.principal, reason)), of="ca.signers")


@signer.group("shares", help=N_("Hand out new shares: begin, each officer collects, all at once in force."))
def shares() -> None:
    """A new set of shares."""


@shares.command("begin", help=N_("Begin a new set of shares for the officers named."))
@click.option("--threshold", type=int, required=True, help=N_("How many have to come together."))
@click.option(
    "--officer", "officers", multiple=True, required=True, help=N_("Login of an officer; repeat it.")
)
@_reason
@pass_app
def begin(app: Any, threshold: int, officers: tuple[str, ...], reason: str) -> None:
    app.out.record(_row(app.ca.custody.begin(app.principal, threshold, officers, reason)), of="ca.signers")


@shares.command(
    "collect", help=N_("Collect your own new share into a file under a pass-phrase, and confirm it.")
)
@click.argument("file", type=NEW_FILE)
@click.option("--qr", type=NEW_FILE, help=N_("Also write it as a QR code (SVG or PNG) for paper."))
@pass_app
def collect(app: Any, file: Path, qr: Path | None) -> None:
    from ca.signer.shares import seal, unseal
    from kernel.secrets import write_private

    share = app.ca.custody.collect(app.principal)
    passphrase = _passphrase(new=True)
    write_private(file, seal(share, passphrase).encode())
    if qr is not None:
        _write_qr(qr, file.read_text())
    kept = unseal(file.read_text(), passphrase)  # what stands in the file is what is confirmed
    app.out.record(_row(app.ca.custody.confirm(app.principal, kept)), of="ca.signers")


@shares.command("cancel", help=N_("Drop a new set of shares that is not in force yet."))
@_reason
@pass_app
def cancel(app: Any, reason: str) -> None:
    app.out.record(_row(app.ca.custody.cancel(app.principal, reason)), of="ca.signers")


def _passphrase(*, new: bool = False) -> str:
    """Typed unseen; without a terminal the last line of standard input."""
    label = translate(N_("Pass-phrase of your share"))
    typed: str = click.prompt(
        label, hide_input=True, confirmation_prompt=new and translate(N_("Once more")), err=True
    )
    return typed


def _write_qr(path: Path, text: str) -> None:
    import segno

    segno.make(text, error="m").save(str(path), scale=4)
    path.chmod(0o600)


def _row(found: Any) -> dict[str, Any]:
    shares = found.shares
    return {
        "state": found.state,
        "present": found.present,
        N_("shares_needed"): shares.threshold if shares else 0,
        N_("holders"): [_holder(one) for one in shares.shares] if shares else [],
        N_("new_shares"): [_holder(one) for one in found.new.shares] if found.new else [],
        N_("agreed"): found.new.agreed if found.new else None,
        N_("minutes_left"): None if found.seconds_left is None else int(found.seconds_left // 60),
        N_("places"): [_place(one) for one in found.places],
        N_("core_dumps"): not found.no_core_dump,
        N_("memory_locked"): found.memory_locked,
        "network": not found.no_network,
    }


def _holder(one: Any) -> str:
    return f"{one.number} {one.name}{' ✓' if one.there else ''}"


def _place(one: Any) -> str:
    return f"{one.place} {one.where}" if one.fault is None else f"{one.place} {one.where}: {one.fault.text()}"
