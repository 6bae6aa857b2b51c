"""What entries, zones and links have in common: reasons, choices, files of them."""

from typing import Any

from pydantic import Base64Bytes, Field

from kernel.assets.export import template
from kernel.assets.importing import ImportReport
from kernel.assets.tables import Columns, TableFile
from kernel.edges.resources import Done, Download, File, Input, On
from kernel.edges.shared import Reason
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission

MOST_SENT = 2_000  # rows while somebody waits; the command line takes ten times as many


class Versioned(Reason):
    """A change of what was read."""

    version: int | None = Field(
        None,
        title=N_("Version that was read"),
        description=N_("Refused when it is not the newest; empty: whichever is."),
        json_schema_extra={"widget": "hidden"},
    )


class Table(Input):
    """A file of rows to take over."""

    file: Base64Bytes = Field(
        title=N_("CSV or XLSX file"),
        description=N_("The first row holds the columns' names; take the template."),
        json_schema_extra={"widget": "file"},
    )
    file_name: str = Field(
        "", title=N_("Name of the file"), max_length=255, json_schema_extra={"widget": "hidden"}
    )
    dry_run: bool = Field(
        True, title=N_("Only try"), description=N_("Tells what is wrong with which row and stores nothing.")
    )
    all_or_nothing: bool = Field(
        False, title=N_("All or nothing"), description=N_("Store nothing when any row is bad.")
    )


def sent(given: Table) -> TableFile:
    return TableFile(given.file_name or "file", given.file, MOST_SENT)


def told(report: ImportReport) -> Done:
    """What an import did, with every bad row: where, what, and how to mend it."""
    message = (
        N_("%(ok)s rows imported, %(bad)s faults.")
        if report.stored
        else N_("Nothing was stored: %(ok)s rows are good, %(bad)s faults.")
    )
    rows = [
        {
            N_("row"): fault.row,
            N_("column"): fault.column,
            N_("fault"): translate(fault.message, **fault.params),
            N_("how to mend it"): translate(fault.mend, **fault.params),
        }
        for fault in report.rows_bad
    ]
    return Done(message, {"ok": report.rows_ok, "bad": len(rows)}, rows=rows)


def template_of(columns: Columns, name: str) -> Download:
    """The empty table that ``import`` reads."""

    def get(_app: Any, _principal: Principal, _id: str) -> File:
        return File(f"{name}.csv", "text/csv", template(columns))

    return Download("template", N_("Empty table to fill in (CSV)"), Permission.ASSET_WRITE, get, on=On.LIST)
