"""``weicheng assets``: the register on the command line."""

import sys
from pathlib import Path
from typing import Any, Protocol

import click

from kernel.assets.export import template
from kernel.assets.importing import ImportReport
from kernel.assets.model import Asset, AssetKind
from kernel.assets.rows import ASSET_COLUMNS, LINK_COLUMNS, ZONE_COLUMNS
from kernel.assets.service import Register
from kernel.edges.cli import Output, dry_run_option, group, pass_app, reason_option
from kernel.i18n import N_
from kernel.identity.model import Principal

commands = group("assets", N_("The register of devices, systems, zones and links."))

EXIT_PARTIAL = 3
_COLUMNS = (N_("name"), N_("kind"), N_("unit"), N_("zone"), N_("address"), N_("platform"), N_("level"))
_SOURCE = click.Path(path_type=Path, dir_okay=False)
_all_or_nothing = click.option(
    "--all-or-nothing", is_flag=True, help=N_("Store nothing when any row is bad.")
)


class AssetsApp(Protocol):
    """What these commands need of the application."""

    @property
    def assets(self) -> Register: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def out(self) -> Output: ...


@commands.command("list", help=N_("List the entries you may see."))
@click.option("--kind", type=click.Choice([str(kind) for kind in AssetKind]), help=N_("Only this kind."))
@click.option("--unit", help=N_("Only this unit."))
@pass_app
def list_assets(app: AssetsApp, kind: str | None, unit: str | None) -> None:
    found = app.assets.list_assets(app.principal, AssetKind(kind) if kind else None, unit)
    app.out.rows([_row(asset) for asset in found], _COLUMNS)


@commands.command("show", help=N_("Show one entry, by name or id."))
@click.argument("name")
@pass_app
def show(app: AssetsApp, name: str) -> None:
    app.out.record(_row(app.assets.show(app.principal, name)))


@commands.command("retire", help=N_("Take an entry out of use."))
@click.argument("name")
@reason_option
@pass_app
def retire(app: AssetsApp, name: str, reason: str) -> None:
    found = app.assets.show(app.principal, name)
    app.assets.retire(app.principal, found.id, version=found.version, reason=reason)


@commands.command("import", help=N_("Import entries from a CSV or XLSX file; every bad row is reported."))
@click.argument("file", type=_SOURCE)
@click.option("--update", is_flag=True, help=N_("Replace entries of the same name."))
@_all_or_nothing
@dry_run_option
@pass_app
def import_table(app: AssetsApp, file: Path, update: bool, all_or_nothing: bool, dry_run: bool) -> int:
    report = app.assets.import_table(
        app.principal, file, all_or_nothing=all_or_nothing, update=update, dry_run=dry_run
    )
    return _show_report(app.out, report)


@commands.command("template", help=N_("Write an empty table to fill in and import."))
@click.argument("kind", type=click.Choice(["assets", "zones", "links"]))
@click.argument("file", type=_SOURCE)
@pass_app
def write_template(app: AssetsApp, kind: str, file: Path) -> None:
    columns = {"assets": ASSET_COLUMNS, "zones": ZONE_COLUMNS, "links": LINK_COLUMNS}[kind]
    file.write_bytes(template(columns))
    app.out.note(N_("Written: %(path)s"), path=file)


@commands.command("export", help=N_("Export the entries you may see to a file, or to standard output."))
@click.option(
    "--form", type=click.Choice(["csv", "xlsx", "json"]), default="csv", help=N_("Form of the file.")
)
@click.option("--to", type=_SOURCE, help=N_("The file to write."))
@pass_app
def export(app: AssetsApp, form: str, to: Path | None) -> None:
    data = app.assets.export(app.principal, form)
    if to is None:
        sys.stdout.buffer.write(data)
    else:
        to.write_bytes(data)
        app.out.note(N_("Written: %(path)s"), path=to)


@commands.command("zones", help=N_("List the zones, or import them from a file."))
@click.option("--import", "file", type=_SOURCE, help=N_("A CSV or XLSX file of zones."))
@_all_or_nothing
@dry_run_option
@pass_app
def zones(app: AssetsApp, file: Path | None, all_or_nothing: bool, dry_run: bool) -> int:
    if file is not None:
        options = {"all_or_nothing": all_or_nothing, "dry_run": dry_run}
        return _show_report(app.out, app.assets.import_zones(app.principal, file, **options))
    listed = app.assets.list_zones(app.principal)
    app.out.rows(
        [zone.__dict__ for zone in listed], (N_("id"), N_("name"), N_("network"), N_("prefixes"), N_("level"))
    )
    return 0


@commands.command("links", help=N_("List the registered links, or import them from a file."))
@click.option("--import", "file", type=_SOURCE, help=N_("A CSV or XLSX file of links."))
@_all_or_nothing
@dry_run_option
@pass_app
def links(app: AssetsApp, file: Path | None, all_or_nothing: bool, dry_run: bool) -> int:
    if file is not None:
        options = {"all_or_nothing": all_or_nothing, "dry_run": dry_run}
        return _show_report(app.out, app.assets.import_links(app.principal, file, **options))
    app.out.rows(app.assets.list_links(app.principal), (N_("a"), N_("a_port"), N_("b"), N_("b_port")))
    return 0


def _row(asset: Asset) -> dict[str, Any]:
    return {name: value for name, value in asset.__dict__.items() if name != "retired_at"}


def _show_report(out: Output, report: ImportReport) -> int:
    faults = [{"row": fault.row, "column": fault.column, "fault": fault.text()} for fault in report.rows_bad]
    out.rows(faults, (N_("row"), N_("column"), N_("fault")))
    message = (
        N_("%(ok)s rows imported, %(bad)s faults.")
        if report.stored
        else N_("Nothing was stored: %(ok)s rows are good, %(bad)s faults.")
    )
    out.note(message, ok=report.rows_ok, bad=len(report.rows_bad))
    return EXIT_PARTIAL if report.rows_bad else 0
