"""``weicheng assets``: the register on the command line."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import click

from kernel.assets.export import template
from kernel.assets.importing import ImportReport
from kernel.assets.lists import IN_USE, RETIRED
from kernel.assets.model import Asset, AssetKind, Link, ListedLink, Network, Zone
from kernel.assets.rows import ASSET_COLUMNS, LINK_COLUMNS, ZONE_COLUMNS, attributes_of
from kernel.assets.service import Register
from kernel.edges.cli import Output, dry_run_option, group, list_options, pass_app, reason_option
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store.listing import Ask

commands = group("assets", N_("The register of devices, systems, zones and links."))

EXIT_PARTIAL = 3
_COLUMNS = (N_("name"), N_("kind"), N_("unit"), N_("zone"), N_("address"), N_("platform"), N_("level"))
_SOURCE = click.Path(path_type=Path, dir_okay=False)
_all_or_nothing = click.option(
    "--all-or-nothing", is_flag=True, help=N_("Store nothing when any row is bad.")
)


def _ends(command: Any) -> Any:
    for name in ("b_port", "b", "a_port", "a"):
        command = click.argument(name)(command)
    return command


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
@click.option("--zone", help=N_("Only this zone."))
@click.option("--platform", help=N_("Only this platform."))
@click.option("--level", help=N_("Only this protection level."))
@click.option("--state", type=click.Choice([IN_USE, RETIRED]), help=N_("Only those in this state."))
@list_options
@pass_app
def list_assets(app: AssetsApp, ask: Ask, **filters: str | None) -> None:
    app.out.page(app.assets.page(app.principal, ask.narrowed(**filters)).map(_row), _COLUMNS)


@commands.command("show", help=N_("Show one entry, by name or id."))
@click.argument("name")
@pass_app
def show(app: AssetsApp, name: str) -> None:
    app.out.record(_row(app.assets.show(app.principal, name)))


_entry_options = (
    click.option("--kind", type=click.Choice([str(kind) for kind in AssetKind]), help=N_("What it is.")),
    click.option("--unit", help=N_("Id of the unit it belongs to.")),
    click.option("--zone", help=N_("Id of the zone it lies in.")),
    click.option("--address", help=N_("Its management address.")),
    click.option("--platform", help=N_("Its platform, such as huawei_vrp.")),
    click.option("--level", type=click.IntRange(0, 4), help=N_("Its protection level, 0 to 4.")),
    click.option(
        "--attribute",
        "attributes",
        multiple=True,
        metavar="NAME=VALUE",
        help=N_("A further attribute, such as ssh_port=22 or credential=core; an empty value removes it."),
    ),
)


def _entry(command: Any) -> Any:
    for option in reversed(_entry_options):
        command = option(command)
    return command


@commands.command("add", help=N_("Register one entry."))
@click.argument("name")
@_entry
@pass_app
def add(app: AssetsApp, name: str, attributes: tuple[str, ...], **fields: Any) -> None:
    missing = [f"--{field}" for field in ("kind", "unit") if not fields[field]]
    if missing:
        raise Invalid(N_("This is needed: %(names)s"), names=", ".join(missing))
    new = Asset("", AssetKind(fields["kind"]), name, fields["unit"])
    app.out.record(_row(app.assets.put_asset(app.principal, _changed(new, fields, attributes))))


@commands.command("change", help=N_("Change an entry; what is not named stays as it is."))
@click.argument("name")
@click.option("--name", "new_name", help=N_("Its new name."))
@_entry
@reason_option
@pass_app
def change(
    app: AssetsApp, name: str, new_name: str | None, attributes: tuple[str, ...], reason: str, **fields: Any
) -> None:
    found = app.assets.show(app.principal, name)
    changed = _changed(found, {**fields, "name": new_name}, attributes)
    app.out.record(_row(app.assets.put_asset(app.principal, changed, reason)))


def _changed(asset: Asset, fields: dict[str, Any], attributes: tuple[str, ...]) -> Asset:
    given = {name: value for name, value in fields.items() if value is not None}
    if "kind" in given:
        given["kind"] = AssetKind(given["kind"])
    kept = {**asset.attributes, **attributes_of(attributes)}
    return replace(asset, **given, attributes={name: value for name, value in kept.items() if value != ""})


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
@list_options
@pass_app
def zones(app: AssetsApp, ask: Ask, file: Path | None, all_or_nothing: bool, dry_run: bool) -> int:
    if file is not None:
        options = {"all_or_nothing": all_or_nothing, "dry_run": dry_run}
        return _show_report(app.out, app.assets.import_zones(app.principal, file, **options))
    columns = (N_("id"), N_("name"), N_("network"), N_("prefixes"), N_("level"))
    app.out.page(app.assets.zones_page(app.principal, ask).map(vars), columns)
    return 0


@commands.command("zone-put", help=N_("Register a zone, or replace it."))
@click.argument("zone_id")
@click.option("--name", required=True, help=N_("Its name."))
@click.option(
    "--network",
    required=True,
    type=click.Choice([str(network) for network in Network]),
    help=N_("The network it belongs to."),
)
@click.option("--prefix", "prefixes", multiple=True, help=N_("A network prefix of it; may be repeated."))
@click.option("--level", type=click.IntRange(0, 4), default=0, help=N_("Its protection level, 0 to 4."))
@reason_option
@pass_app
def zone_put(
    app: AssetsApp, zone_id: str, name: str, network: str, prefixes: tuple[str, ...], level: int, reason: str
) -> None:
    known = {zone.id: zone.version for zone in app.assets.zones()}
    zone = Zone(zone_id, name, Network(network), prefixes, level, known.get(zone_id, 0))
    app.out.record(vars(app.assets.put_zone(app.principal, zone, reason)))


@commands.command("zone-remove", help=N_("Take a zone in which nothing lies out of the register."))
@click.argument("zone_id")
@reason_option
@pass_app
def zone_remove(app: AssetsApp, zone_id: str, reason: str) -> None:
    app.assets.remove_zone(app.principal, zone_id, reason)


@commands.command("links", help=N_("List the registered links, or import them from a file."))
@click.option("--import", "file", type=_SOURCE, help=N_("A CSV or XLSX file of links."))
@_all_or_nothing
@dry_run_option
@list_options
@pass_app
def links(app: AssetsApp, ask: Ask, file: Path | None, all_or_nothing: bool, dry_run: bool) -> int:
    if file is not None:
        options = {"all_or_nothing": all_or_nothing, "dry_run": dry_run}
        return _show_report(app.out, app.assets.import_links(app.principal, file, **options))
    columns = (N_("a"), N_("a_port"), N_("b"), N_("b_port"))
    app.out.page(app.assets.links_page(app.principal, ask).map(_link), columns)
    return 0


@commands.command("link", help=N_("Register a physical link between two ports; entries by name or id."))
@_ends
@reason_option
@pass_app
def link(app: AssetsApp, a: str, a_port: str, b: str, b_port: str, reason: str) -> None:
    app.assets.put_link(app.principal, Link(a, a_port, b, b_port), reason)


@commands.command("unlink", help=N_("Take a link out of the register; either end may come first."))
@_ends
@reason_option
@pass_app
def unlink(app: AssetsApp, a: str, a_port: str, b: str, b_port: str, reason: str) -> None:
    app.assets.remove_link(app.principal, Link(a, a_port, b, b_port), reason)


def _link(listed: ListedLink) -> dict[str, str]:
    return {
        "id": listed.id,
        "a": listed.a_name,
        "a_port": listed.a_port,
        "b": listed.b_name,
        "b_port": listed.b_port,
    }


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
