"""`weicheng ca offline`: CAs whose key is on another machine; ``sign`` is for that machine, which has but its key file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_, translate

_COLUMNS = (N_("id"), N_("purpose"), N_("title"), N_("state"), N_("digest"), N_("made_at"))
_PASSPHRASE = click.option(
    "--passphrase-file", type=OLD_FILE, help=N_("A file with the pass-phrase; asked for if left out.")
)


@commands.group("offline", help=N_("CAs whose key is on another machine: requests out, answers back."))
def offline() -> None:
    """Carrying."""


@offline.command("list", help=N_("Requests to offline CAs, newest first."))
@click.option(
    "--state", type=click.Choice(["waiting", "answered", "void"]), help=N_("Only those in this state.")
)
@list_options
@pass_app
def list_requests(app: Any, state: str | None, ask: Any) -> None:
    from dataclasses import replace

    wanted = replace(ask, filters={"state": (state,)}) if state else ask
    app.out.page(app.ca.hierarchy.offline.page(app.principal, wanted).map(_row), _COLUMNS, of="ca.offline")


@offline.command("show", help=N_("What a request has signed, as the other machine shows it."))
@click.argument("request_id")
@pass_app
def show(app: Any, request_id: str) -> None:
    app.out.text("\n".join(app.ca.hierarchy.offline.described(app.principal, request_id)))


@offline.command("export", help=N_("Write a request to a file that is carried to the other machine."))
@click.argument("request_id")
@click.argument("file", type=NEW_FILE)
@pass_app
def export(app: Any, request_id: str, file: Path) -> None:
    service = app.ca.hierarchy.offline
    file.write_bytes(service.export(app.principal, request_id))
    found = service.show(app.principal, request_id)
    app.out.record({"file": str(file), "digest": found.digest})


@offline.command("import", help=N_("Take in an answer of the other machine; what waits for it goes on."))
@click.argument("answer", type=OLD_FILE)
@pass_app
def take(app: Any, answer: Path) -> None:
    app.out.record(_row(app.ca.hierarchy.offline.take(app.principal, answer.read_bytes())), of="ca.offline")


@offline.command("resume", help=N_("Use an answer that was taken in, after a crash."))
@click.argument("request_id")
@pass_app
def resume(app: Any, request_id: str) -> None:
    app.ca.hierarchy.offline.resume(app.principal, request_id)
    app.out.record(_row(app.ca.hierarchy.offline.show(app.principal, request_id)), of="ca.offline")


@offline.command("crl", help=N_("Have a new revocation list of an offline CA signed."))
@click.argument("authority")
@click.option(
    "--days", default=365, type=click.IntRange(30, 400), show_default=True, help=N_("Days of validity.")
)
@pass_app
def crl(app: Any, authority: str, days: int) -> None:
    app.out.record(_row(app.ca.hierarchy.offline.order_list(app.principal, authority, days)), of="ca.offline")


@offline.command("void", help=N_("Take no answer to a request any more."))
@click.argument("request_id")
@reason_option
@pass_app
def void(app: Any, request_id: str, reason: str) -> None:
    app.out.record(_row(app.ca.hierarchy.offline.void(app.principal, request_id, reason)), of="ca.offline")


@offline.command("sign", help=N_("On the other machine: show a request, ask, and sign it with the key file."))
@click.argument("request", type=OLD_FILE)
@click.argument("answer", type=NEW_FILE)
@click.option(
    "--keys", type=NEW_FILE, required=True, help=N_("The key file; made with the first key of a root.")
)
@click.option("--by", required=True, help=N_("Who signs; goes into the answer."))
@_PASSPHRASE
@click.option("--yes", is_flag=True, help=N_("Sign without asking."))
@pass_app
def sign(
    app: Any, request: Path, answer: Path, keys: Path, by: str, passphrase_file: Path | None, yes: bool
) -> None:
    from ca.hierarchy.carrying import told
    from ca.hierarchy.machine import OfflineMachine
    from ca.hierarchy.offline import read_request
    from ca.signer.keyfile import KeyFileSigner

    asked = read_request(request.read_bytes())
    for line in told(asked):
        app.out.note("%(line)s", line=line)
    if not yes:
        click.confirm(translate(N_("Sign this?")), abort=True, err=True)
    secret = _passphrase(passphrase_file, new=not keys.exists())
    journal = keys.with_name(keys.name + ".journal")
    machine = OfflineMachine(KeyFileSigner(keys, secret), journal, lambda: datetime.now(UTC))
    made = machine.sign(asked, by)
    answer.write_bytes(made.encode())
    app.out.record({"answer": str(answer), "request": made.request, "digest": made.digest})


def _passphrase(file: Path | None, *, new: bool) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    text = translate(N_("Pass-phrase of the key file"))
    return str(
        click.prompt(text, hide_input=True, confirmation_prompt=new and translate(N_("Once more")), err=True)
    )


def _row(found: Any) -> dict[str, Any]:
    names = (
        "id",
        "purpose",
        "title",
        "digest",
        "ceremony",
        "made_at",
        "exported_at",
        "signed_by",
        "signed_at",
    )
    return {name: getattr(found, name) for name in names} | {"state": str(found.state)}
