"""`weicheng ca inventory`: certificates in the network. `weicheng ca bulk`: revoking many."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ca.cli.base import OLD_FILE, code_option, commands, in_utc, invalid_since_option
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_
from kernel.pki.names import respelled

FAULTS = (
    "unknown",
    "revoked",
    "expired",
    "weak_key",
    "weak_signature",
    "not_yet_valid",
    "weak_curve",
    "foreign",
    "shared_key",
    "name_mismatch",
    "incomplete_chain",
    "old_protocol",
    "self_signed",
    "expires_soon",
)
ORIGINS = ("ours", "trusted", "foreign", "self_signed", "unknown")
_RANGE = (N_("id"), N_("name"), N_("network"), N_("ports"), N_("unit"), N_("enabled"))
_ENDPOINT = (N_("id"), N_("subject"), N_("origin"), N_("faults"), N_("not_after"), N_("unit"))
_FINDING = (N_("id"), N_("endpoint"), N_("fault"), N_("severity"), N_("state"), N_("subject"), N_("unit"))
_BULK = (N_("id"), N_("state"), N_("total"), N_("done"), N_("refused"), N_("note"), N_("proposed_at"))
_PREVIEW = (
    N_("total"),
    N_("profiles"),
    N_("units"),
    N_("endpoints"),
    N_("accounts"),
    N_("left_out"),
    N_("digest"),
    N_("sample"),
)
port_option = click.option(
    "--port", "ports", type=click.IntRange(1, 65535), multiple=True, help=N_("Port; may be repeated.")
)


@commands.group("inventory", help=N_("Certificates in the network: where each is, and what is wrong."))
def inventory() -> None:
    """Ranges, scans, endpoints, findings."""


@inventory.command("ranges", help=N_("Which addresses are looked at."))
@list_options
@pass_app
def ranges(app: Any, ask: Any) -> None:
    app.out.page(app.ca.inventory.ranges.page(app.principal, ask).map(vars), _RANGE)


def _range_row(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _RANGE}


@inventory.command("add-range", help=N_("Have a network looked at every night."))
@click.argument("network")
@click.option("--name", required=True, help=N_("What people call it."))
@click.option("--unit", required=True, help=N_("Id of the unit that answers for it."))
@port_option
@reason_option
@pass_app
def add_range(app: Any, network: str, name: str, unit: str, ports: tuple[int, ...], reason: str) -> None:
    made = app.ca.inventory.ranges.add(
        app.principal, name=name, network=network, ports=ports or (443,), unit=unit, reason=reason
    )
    app.out.record(_range_row(made))


@inventory.command("change-range", help=N_("Another name, other ports, or left out for a time."))
@click.argument("range_id")
@click.option("--name", help=N_("What people call it."))
@port_option
@click.option("--on/--off", "enabled", default=None, help=N_("Whether it is looked at."))
@reason_option
@pass_app
def change_range(
    app: Any, range_id: str, name: str | None, ports: tuple[int, ...], enabled: bool | None, reason: str
) -> None:
    old = app.ca.inventory.ranges.show(app.principal, range_id)
    changed = app.ca.inventory.ranges.change(
        app.principal,
        range_id,
        name=name or old.name,
        ports=ports or old.ports,
        enabled=old.enabled if enabled is None else enabled,
        reason=reason,
    )
    app.out.record(_range_row(changed))


@inventory.command("remove-range", help=N_("Look at it no more."))
@click.argument("range_id")
@reason_option
@pass_app
def remove_range(app: Any, range_id: str, reason: str) -> None:
    app.ca.inventory.ranges.remove(app.principal, range_id, reason)
    app.out.note(N_("The range is looked at no more."))


@inventory.command(
    "scan", help=N_("Have ranges scanned now (none named: all of your units); prints the job.")
)
@click.argument("range_ids", nargs=-1)
@pass_app
def scan(app: Any, range_ids: tuple[str, ...]) -> None:
    app.out.record({N_("job"): app.ca.inventory.request(app.principal, range_ids)})


def _endpoint_row(found: Any) -> dict[str, Any]:
    from ca.resources.inventory import endpoint_record

    return endpoint_record(found).model_dump()


@inventory.command("endpoints", help=N_("Certificates at endpoints, first to end first."))
@click.option("--fault", type=click.Choice(FAULTS), help=N_("Only with this fault."))
@click.option("--origin", type=click.Choice(ORIGINS), help=N_("Only of this origin."))
@list_options
@pass_app
def endpoints(app: Any, ask: Any, fault: str | None, origin: str | None) -> None:
    page = app.ca.inventory.page(app.principal, ask.narrowed(fault=fault, origin=origin))
    app.out.page(page.map(_endpoint_row), _ENDPOINT, of="ca.endpoints")


@inventory.command(
    "show",
    help=N_(
        "What an endpoint presents: ADDRESS:PORT; with ~rsa or ~ecdsa its certificate for the other kind of key."
    ),
)
@click.argument("endpoint")
@pass_app
def show(app: Any, endpoint: str) -> None:
    app.out.record(_endpoint_row(app.ca.inventory.show(app.principal, endpoint)), of="ca.endpoints")


@inventory.command("figures", help=N_("How many by origin, issuer and days to the end."))
@pass_app
def figures(app: Any) -> None:
    app.out.record(vars(app.ca.inventory.figures(app.principal)))


@inventory.command("findings", help=N_("What is wrong, the heaviest first."))
@click.option("--state", type=click.Choice(["open", "taken", "gone"]), help=N_("Only those in this state."))
@click.option("--fault", type=click.Choice(FAULTS), help=N_("Only with this fault."))
@list_options
@pass_app
def findings(app: Any, ask: Any, state: str | None, fault: str | None) -> None:
    page = app.ca.inventory.findings.page(app.principal, ask.narrowed(state=state, fault=fault))
    app.out.page(page.map(vars), _FINDING, of="ca.inventory-findings")


@inventory.command("take", help=N_("Take a finding on."))
@click.argument("finding")
@reason_option
@pass_app
def take(app: Any, finding: str, reason: str) -> None:
    app.out.record(
        vars(app.ca.inventory.findings.take(app.principal, finding, reason)), of="ca.inventory-findings"
    )


@inventory.command("reopen", help=N_("Give a finding back."))
@click.argument("finding")
@reason_option
@pass_app
def reopen(app: Any, finding: str, reason: str) -> None:
    app.out.record(
        vars(app.ca.inventory.findings.reopen(app.principal, finding, reason)), of="ca.inventory-findings"
    )


# --- revoking many
@commands.group("bulk", help=N_("Revoke many certificates: look, propose; another officer performs."))
def bulk() -> None:
    """Looking, proposing, performing."""


def _selecting(command: Any) -> Any:
    """The options that choose certificates; all that is given has to fit."""
    for option in (
        click.option("--profile", default="", help=N_("Certificates of this profile.")),
        click.option("--unit", default="", help=N_("Certificates of this unit.")),
        click.option("--authority", default="", help=N_("Certificates that this CA has issued.")),
        click.option("--key", default="", help=N_("Certificates for the key with this SHA-256.")),
        click.option(
            "--host",
            "hosts",
            multiple=True,
            help=N_("Seen at this host (ADDRESS or ADDRESS:PORT); may be repeated."),
        ),
        click.option("--serials", type=OLD_FILE, help=N_("Table of serial numbers: XLSX or CSV.")),
    ):
        command = option(command)
    return command


def _selection(serials: Path | None, **more: Any) -> Any:
    from ca.bulk.selection import Selection, serials_in

    return Selection(**more, serials=serials_in(serials.read_bytes(), serials.name) if serials else ())


def _bulk_row(found: Any) -> dict[str, Any]:
    row: dict[str, Any] = vars(found)
    return row | {"reason": found.reason.name.lower(), "state": str(found.state)}


@bulk.command("look", help=N_("What would be revoked; does nothing."))
@_selecting
@pass_app
def look(app: Any, **chosen: Any) -> None:
    found = app.ca.bulk.preview(app.principal, _selection(**chosen))
    sample = [f"{serial} {respelled(subject)}" for serial, subject in found.sample[:5]]
    app.out.record({name: getattr(found, name) for name in _PREVIEW} | {"sample": sample})


@bulk.command("propose", help=N_("Propose to revoke exactly what fits now; prints the proposal."))
@_selecting
@code_option
@invalid_since_option
@click.option(
    "--tried",
    default="",
    metavar="DIGEST",
    help=N_("What `look` printed: nothing is proposed if other certificates fit by now."),
)
@reason_option
@pass_app
def propose(
    app: Any, code: str, invalid_since: datetime | None, tried: str, reason: str, **chosen: Any
) -> None:
    from ca.model import Reason

    since = in_utc(invalid_since)
    made = app.ca.bulk.propose(
        app.principal,
        _selection(**chosen),
        Reason[code.upper()],
        reason,
        invalid_since=since,
        expected=tried,
    )
    app.out.record(_bulk_row(made), of="ca.bulk-revocations")


@bulk.command("perform", help=N_("Perform as the second officer; the worker revokes them."))
@click.argument("bulk_id")
@pass_app
def perform(app: Any, bulk_id: str) -> None:
    app.out.record(_bulk_row(app.ca.bulk.perform(app.principal, bulk_id)), of="ca.bulk-revocations")


@bulk.command("reject", help=N_("Turn the proposal down."))
@click.argument("bulk_id")
@reason_option
@pass_app
def reject(app: Any, bulk_id: str, reason: str) -> None:
    app.out.record(_bulk_row(app.ca.bulk.reject(app.principal, bulk_id, reason)), of="ca.bulk-revocations")


@bulk.command("list", help=N_("Proposals, newest first."))
@list_options
@pass_app
def list_bulks(app: Any, ask: Any) -> None:
    app.out.page(app.ca.bulk.page(app.principal, ask).map(_bulk_row), _BULK, of="ca.bulk-revocations")


@bulk.command("show", help=N_("One proposal and what became of each certificate."))
@click.argument("bulk_id")
@list_options
@pass_app
def show_bulk(app: Any, ask: Any, bulk_id: str) -> None:
    app.ca.bulk.show(app.principal, bulk_id)
    page = app.ca.bulk.rows(app.principal, ask.narrowed(bulk=bulk_id))
    app.out.page(page.map(vars), (N_("serial"), N_("subject"), N_("outcome"), N_("error")), of="ca.bulk-rows")
