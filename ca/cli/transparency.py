"""`weicheng ca log`: what the transparency log publishes, and its check, which needs neither database nor network."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_

_TYPES = ("issued", "held", "released", "revoked")
out_option = click.option("--out", type=NEW_FILE, help=N_("Write it to this file."))


@commands.group("log", help=N_("The transparency log: heads, entries, proofs, checks."))
def log() -> None:
    """What is published, and its check."""


@log.command("head", help=N_("The newest signed tree head; auditors keep it."))
@out_option
@pass_app
def head(app: Any, out: Path | None) -> None:
    from ca.transparency import public

    signed = app.ca.log.head()
    _write(out, public.head_json(app.ca.log, signed))
    app.out.record(_head_row(signed))


@log.command("heads", help=N_("Signed tree heads, newest first."))
@list_options
@pass_app
def heads(app: Any, ask: Any) -> None:
    columns = (N_("head"), N_("at"), N_("size"), N_("root_hash"), N_("log"))
    app.out.page(app.ca.log.heads(app.principal, ask).map(_head_row), columns)


@log.command("entries", help=N_("Entries of the log, newest first."))
@click.option("--serial", help=N_("Only those of this certificate."))
@click.option("--type", "kind", type=click.Choice(_TYPES), help=N_("Only those of this kind."))
@list_options
@pass_app
def entries(app: Any, ask: Any, serial: str | None, kind: str | None) -> None:
    page = app.ca.log.page(app.principal, ask.narrowed(serial=serial, type=kind))
    app.out.page(page.map(_entry_row), (N_("entry"), N_("type"), N_("serial"), N_("at")), of="ca.log-entries")


def _entry_row(one: Any) -> dict[str, Any]:
    return {"entry": one.number, "type": str(one.type), "serial": one.serial, "at": one.at}


@log.command("download", help=N_("Write all entries that the newest head covers to a file, one a line."))
@click.argument("file", type=NEW_FILE)
@pass_app
def download(app: Any, file: Path) -> None:
    count = 0
    with file.open("wb") as stream:
        for line in app.ca.log.everything():
            stream.write(line)
            count += 1
    app.out.record({"file": str(file), "entries": count})


@log.command("proof", help=N_("Write the proof that an entry is in the log, with the head that covers it."))
@click.argument("number", type=click.IntRange(0))
@click.option("--out", type=NEW_FILE, required=True, help=N_("Write it to this file."))
@pass_app
def proof(app: Any, number: int, out: Path) -> None:
    from ca.resources.transparency import proof_json

    found = app.ca.log.prove(app.principal, str(number))
    _write(out, proof_json(app, found))
    app.out.record({"file": str(out), "entry": number, "size": found.head.head.size})


@log.command("consistency", help=N_("Write the proof that the log only grew since it had this size."))
@click.argument("size", type=click.IntRange(1))
@click.option("--out", type=NEW_FILE, required=True, help=N_("Write it to this file."))
@pass_app
def consistency(app: Any, size: int, out: Path) -> None:
    second = app.ca.log.head().head.size
    path = app.ca.log.consistency(size, second)
    _write(out, {"first": size, "second": second, "path": [one.hex() for one in path]})
    app.out.record({"file": str(out), "first": size, "second": second})


@log.command("state", help=N_("How the log stands: its entries, and whether something is wrong with it."))
@pass_app
def state(app: Any) -> None:
    found = app.ca.log.state(app.principal)
    row = {"log": found.log, "entries": found.size, "fault": str(found.fault), "since": found.fault_at}
    app.out.record(row)


@log.command("check", help=N_("Have the worker compare the log with itself and with the register."))
@pass_app
def check(app: Any) -> None:
    app.out.record({"job": app.ca.log.queue_check(app.principal)})


@log.group("restart", help=N_("Begin the log anew after a fault: one officer proposes, another performs."))
def restart() -> None:
    """Proposing, performing, turning down."""


@restart.command("propose", help=N_("Propose to begin the log anew over the entries that are there."))
@reason_option
@pass_app
def propose(app: Any, reason: str) -> None:
    app.out.record(_restart_row(app.ca.log.restarts.propose(app.principal, reason)))


@restart.command("perform", help=N_("Begin the log anew, as the second officer."))
@click.argument("restart_id")
@pass_app
def perform(app: Any, restart_id: str) -> None:
    app.out.record(_restart_row(app.ca.log.restarts.perform(app.principal, restart_id)))


@restart.command("reject", help=N_("Turn the proposal down; the log goes on signing nothing."))
@click.argument("restart_id")
@reason_option
@pass_app
def reject(app: Any, restart_id: str, reason: str) -> None:
    app.out.record(_restart_row(app.ca.log.restarts.reject(app.principal, restart_id, reason)))


@restart.command("list", help=N_("What was proposed, newest first."))
@list_options
@pass_app
def list_restarts(app: Any, ask: Any) -> None:
    columns = (N_("id"), N_("log"), N_("fault"), N_("state"), N_("entries"), N_("proposed_at"))
    app.out.page(app.ca.log.restarts.page(app.principal, ask).map(_restart_row), columns)


@log.command("verify", help=N_("Check a downloaded head (and entries, proofs) without database or network."))
@click.argument("head_file", metavar="HEAD", type=OLD_FILE)
@click.option(
    "--root", type=OLD_FILE, required=True, help=N_("The CA's root certificates (PEM), obtained otherwise.")
)
@click.option("--entries", "entries_file", type=OLD_FILE, help=N_("All entries, one a line."))
@click.option("--earlier", type=OLD_FILE, help=N_("A head that was kept earlier."))
@click.option(
    "--consistency", "consistency_file", type=OLD_FILE, help=N_("Proof from the earlier head to this one.")
)
@click.option("--proof", "proof_file", type=OLD_FILE, help=N_("Proof that an entry is in the log."))
@pass_app
def verify(
    app: Any,
    head_file: Path,
    root: Path,
    entries_file: Path | None,
    earlier: Path | None,
    consistency_file: Path | None,
    proof_file: Path | None,
) -> None:
    from ca.transparency import offline
    from kernel.pki.pem import certificates_der

    if earlier is not None and entries_file is None and consistency_file is None:
        raise click.UsageError("--earlier: --entries | --consistency")
    anchors = certificates_der(root.read_bytes(), str(root))
    found = offline.verify_head(offline.read_head_file(head_file.read_bytes()), anchors)
    known = None
    if earlier is not None:
        known = offline.verify_head(offline.read_head_file(earlier.read_bytes()), anchors)
    if entries_file is not None:
        with entries_file.open("rb") as lines:
            offline.verify_entries(lines, found, known)
    if consistency_file is not None and known is not None:
        offline.verify_consistency(known, found, offline.read_proof(consistency_file.read_bytes()))
    if proof_file is not None:
        leaf, path = offline.read_inclusion(proof_file.read_bytes())
        offline.verify_inclusion(leaf, found, path)
    app.out.record(
        {"log": found.log, "size": found.size, "root_hash": found.root, "at": found.at, "verdict": "intact"}
    )


def _restart_row(one: Any) -> dict[str, Any]:
    return asdict(one) | {"lost": one.lost}


def _head_row(signed: Any) -> dict[str, Any]:
    head = signed.head
    return {"head": signed.number, "at": head.at, "size": head.size, "root_hash": head.root, "log": head.log}


def _write(out: Path | None, value: Any) -> None:
    if out is not None:
        out.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
