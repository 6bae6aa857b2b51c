"""`weicheng ca batch`: requests from a spreadsheet, and what becomes of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ca.cli.approving import SIGN_IT, Sign, signing_options
from ca.cli.base import EXIT_PARTIAL, NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import group, list_options, pass_app, reason_option
from kernel.i18n import N_, translate

batches = group("batch", N_("Requests of many applicants from one spreadsheet."))
commands.add_command(batches)

COLUMNS = (
    N_("id"),
    N_("name"),
    N_("profile"),
    N_("unit"),
    N_("state"),
    N_("size"),
    N_("filed"),
    N_("faults"),
)
_profile = click.argument("profile")
_table = click.argument("file", type=OLD_FILE)
_unit = click.option("--unit", required=True, help=N_("Unit of rows that name none."))
_evidence = click.option("--evidence", required=True, help=N_("How the applicants' identity was checked."))


def _asked(profile: str, file: Path, unit: str, evidence: str, together: bool = False) -> Any:
    from ca.registration import sheets
    from ca.registration.batches import Asked
    from kernel.assets.tables import TableFile

    table = TableFile.of(file)
    return Asked(TableFile(table.name, table.data, sheets.MOST + 1), profile, unit, evidence, together)


@batches.command("template", help=N_("Write the empty table of a profile (.xlsx or .csv)."))
@_profile
@click.argument("file", type=NEW_FILE)
@pass_app
def template(app: Any, profile: str, file: Path) -> None:
    form = file.suffix.removeprefix(".").lower() or "xlsx"
    file.write_bytes(app.ca.registration.batches.template(app.principal, profile, form))
    app.out.record({"file": str(file)})


@batches.command("check", help=N_("Try a table: tells every bad row and stores nothing."))
@_profile
@_table
@_unit
@_evidence
@pass_app
def check(app: Any, profile: str, file: Path, unit: str, evidence: str) -> int:
    trial = app.ca.registration.batches.check(app.principal, _asked(profile, file, unit, evidence))
    rows = [
        {
            "row": fault.row,
            "column": fault.column,
            "fault": translate(fault.message, **fault.params),
            "how_to_mend": translate(fault.mend, **fault.params),
        }
        for fault in trial.faults
    ]
    app.out.note(N_("%(good)s rows are good, %(bad)s faults."), good=trial.good, bad=len(rows))
    app.out.rows(rows, (N_("row"), N_("column"), N_("fault"), N_("how_to_mend")))
    return EXIT_PARTIAL if rows else 0


@batches.command("file", help=N_("File a table whose rows are all good; the worker files its requests."))
@_profile
@_table
@_unit
@_evidence
@click.option("--together", is_flag=True, help=N_("One decision for all of them."))
@pass_app
def file_(app: Any, profile: str, file: Path, unit: str, evidence: str, together: bool) -> None:
    asked = _asked(profile, file, unit, evidence, together)
    batch, job = app.ca.registration.batches.file(app.principal, asked)
    app.out.record(_row(batch) | {"job": job}, of="ca.batches")


@batches.command("list", help=N_("Batches of your units, newest first."))
@click.option("--state", help=N_("Only those in this state."))
@list_options
@pass_app
def list_(app: Any, ask: Any, state: str | None) -> None:
    page = app.ca.registration.batches.page(app.principal, ask.narrowed(state=state))
    app.out.page(page.map(_row), COLUMNS, of="ca.batches")


@batches.command("show", help=N_("One batch: how far it is, the digest of its requests."))
@click.argument("batch")
@pass_app
def show(app: Any, batch: str) -> None:
    found = app.ca.registration.batches.get(app.principal, batch)
    _first, digest = app.ca.registration.batches.sample(app.principal, batch)
    app.out.record(_row(found) | {"digest": digest}, of="ca.batches")


@batches.command("results", help=N_("Write what became of each row (.xlsx or .csv)."))
@click.argument("batch")
@click.argument("file", type=NEW_FILE)
@pass_app
def results(app: Any, batch: str, file: Path) -> None:
    from ca.registration import sheets
    from ca.resources.sheets import result_rows

    form = file.suffix.removeprefix(".").lower() or "xlsx"
    file.write_bytes(sheets.written(form, result_rows(app, app.principal, batch)))
    app.out.record({"file": str(file)})


@batches.command("approve", help=N_("Approve a whole batch; the worker issues its certificates."))
@click.argument("batch")
@click.option("--reason", default="", help=N_("Remark for the audit trail."))
@signing_options
@pass_app
def approve(app: Any, batch: str, reason: str, sign: Sign) -> None:
    service = app.ca.registration.batches
    signature = sign(app, lambda: service.approval_document(app.principal, batch))
    decided, job = service.approve(app.principal, batch, reason, signature)
    app.out.record(_row(decided) | {"job": job}, of="ca.batches")


@batches.command(
    "approval-document",
    help=N_("What you sign to approve a whole batch, in a file; with every row in another."),
)
@click.argument("batch")
@click.argument("file", type=NEW_FILE)
@click.option("--rows", type=NEW_FILE, help=N_("File for the rows, a line of JSON each."))
@pass_app
def approval_document(app: Any, batch: str, file: Path, rows: Path | None) -> None:
    service = app.ca.registration.batches
    file.write_bytes(service.approval_document(app.principal, batch))
    if rows is not None:
        rows.write_bytes(service.rows(app.principal, batch))
    app.out.note(SIGN_IT, file=str(file))


@batches.command("reject", help=N_("Turn a whole batch down."))
@click.argument("batch")
@reason_option
@pass_app
def reject(app: Any, batch: str, reason: str) -> None:
    app.out.record(_row(app.ca.registration.batches.reject(app.principal, batch, reason)), of="ca.batches")


@batches.command("make-keys", help=N_("Have the key files of what is issued made."))
@click.argument("batch")
@pass_app
def make_keys(app: Any, batch: str) -> None:
    app.out.record({"batch": batch, "job": app.ca.registration.batches.make_keys(app.principal, batch)})


@batches.command("take-keys", help=N_("Take the key files as a ZIP archive, once."))
@click.argument("batch")
@click.argument("file", type=NEW_FILE)
@pass_app
def take_keys(app: Any, batch: str, file: Path) -> None:
    from kernel.secrets import write_private

    write_private(file, app.ca.registration.batches.take_keys(app.principal, batch))
    app.out.record({"file": str(file)})


@batches.command("take-passwords", help=N_("Take the passwords of the key files as CSV, once."))
@click.argument("batch")
@click.argument("file", type=NEW_FILE)
@pass_app
def take_passwords(app: Any, batch: str, file: Path) -> None:
    from kernel.secrets import write_private

    write_private(file, app.ca.registration.batches.take_passwords(app.principal, batch))
    app.out.record({"file": str(file)})


def _row(batch: Any) -> dict[str, Any]:
    return asdict(batch)
