"""Entries of the register: devices, systems, people, gateways and services."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from console.resources.register.common import Table, Versioned, sent, template_of, told
from kernel.assets.lists import IN_USE, RETIRED
from kernel.assets.model import Asset, AssetKind
from kernel.assets.rows import ASSET_COLUMNS, KNOWN_ATTRIBUTES, attributes_of
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Label,
    Labels,
    Link,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, ZONE, Reason, unit_names, zone_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from netops.resources.labels import platforms

KINDS: Labels = {
    AssetKind.DEVICE: Label(N_("device")),
    AssetKind.SYSTEM: Label(N_("system")),
    AssetKind.PERSON: Label(N_("person")),
    AssetKind.GATEWAY: Label(N_("isolation gateway")),
    AssetKind.SERVICE: Label(N_("service endpoint")),
}
STATES: Labels = {IN_USE: Label(N_("in use"), Tone.GOOD), RETIRED: Label(N_("retired"), Tone.QUIET)}
LEVELS: Labels = {str(level): Label(str(level)) for level in range(5)}
_READ, _WRITE = Permission.ASSET_READ, Permission.ASSET_WRITE


class AssetView(Record):
    """An entry; ``unit`` and ``zone`` are ids, ``attributes`` what only some entries have, never a secret."""

    id: str
    name: str
    kind: str
    state: str
    unit: str
    unit_name: str
    zone: str
    zone_name: str
    address: str
    platform: str
    level: int
    attributes: Mapping[str, Any]
    attributes_told: tuple[str, ...]
    version: int
    retired_at: datetime | None


class AssetInput(Input):
    name: str = Field(
        title=N_("Name"), description=N_("Letters, digits and . - _ ( ) /, no blank."), max_length=100
    )
    kind: AssetKind = Field(
        title=N_("Kind"),
        json_schema_extra={"labels": {str(kind): label.text for kind, label in KINDS.items()}},
    )
    unit: str = Field(title=N_("Unit"), max_length=80)
    zone: str = Field("", title=N_("Zone"), max_length=60)
    address: str = Field("", title=N_("Management address"), max_length=45)
    platform: str = Field(
        "",
        title=N_("Platform"),
        description=N_("For example: cisco_ios, huawei_vrp, h3c_comware, linux."),
        max_length=40,
    )
    level: int = Field(0, title=N_("Protection level"), ge=0, le=4)
    ssh_port: int | None = Field(None, title=N_("SSH port"), ge=1, le=65535)
    snmp_port: int | None = Field(None, title=N_("SNMP port"), ge=1, le=65535)
    tls_port: int | None = Field(None, title=N_("TLS port"), ge=1, le=65535)
    server_name: str = Field("", title=N_("Server name (SNI)"), max_length=253)
    credential: str = Field("", title=N_("Name of the stored credential"), max_length=100)
    site: str = Field("", title=N_("Site"), max_length=200)
    serial: str = Field("", title=N_("Serial number of the machine"), max_length=200)
    owner: str = Field("", title=N_("Responsible person"), max_length=200)
    remark: str = Field("", title=N_("Remark"), max_length=1000, json_schema_extra={"widget": "area"})
    attributes: Mapping[str, str] = Field(
        default_factory=dict,
        title=N_("Further attributes"),
        description=N_("One a line: name=value. Never a secret."),
    )


class AssetChange(Versioned, AssetInput):
    """Every field anew."""


class AssetTable(Table):
    update: bool = Field(False, title=N_("Replace entries of the same name"))


def _asset(given: AssetInput, old: Asset | None = None) -> Asset:
    named = {name: getattr(given, name) for name in KNOWN_ATTRIBUTES}
    further = attributes_of(f"{name}={value}" for name, value in given.attributes.items())
    attributes = {name: value for name, value in {**further, **named}.items() if value not in (None, "")}
    return Asset(
        id=old.id if old else "",
        kind=given.kind,
        name=given.name,
        unit=given.unit,
        zone=given.zone,
        address=given.address,
        platform=given.platform,
        level=given.level,
        attributes=attributes,
        version=old.version if old else 0,
    )


def _shown(asset: Asset, units: Mapping[str, str], zones: Mapping[str, str]) -> AssetView:
    return AssetView(
        **vars(asset),
        attributes_told=tuple(f"{name}={value}" for name, value in sorted(asset.attributes.items())),
        state=RETIRED if asset.retired_at else IN_USE,
        unit_name=units.get(asset.unit, asset.unit),
        zone_name=zones.get(asset.zone, asset.zone),
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Asset] = app.assets.page(principal, ask)
    units, zones = unit_names(app, principal), zone_names(app, principal)
    return page.map(lambda asset: _shown(asset, units, zones))


def _item(app: Any, principal: Principal, asset_id: str) -> AssetView:
    return _shown(
        app.assets.show(principal, asset_id), unit_names(app, principal), zone_names(app, principal)
    )


def _add(app: Any, principal: Principal, _id: str, given: AssetInput) -> Done:
    made = app.assets.put_asset(principal, _asset(given))
    return Done(N_("%(name)s is registered."), {"name": made.name}, _item(app, principal, made.id), made.id)


def _before(app: Any, principal: Principal, asset_id: str) -> Mapping[str, Any]:
    asset: Asset = app.assets.show(principal, asset_id)
    named = {name: value for name, value in asset.attributes.items() if name in KNOWN_ATTRIBUTES}
    further = {name: str(value) for name, value in asset.attributes.items() if name not in KNOWN_ATTRIBUTES}
    fields = {name: value for name, value in vars(asset).items() if name in AssetChange.model_fields}
    return {**fields, **named, "attributes": further}


def _change(app: Any, principal: Principal, asset_id: str, given: AssetChange) -> Done:
    stored = app.assets.show(principal, asset_id)
    read = stored if given.version is None else _of_version(stored, given.version)
    made = app.assets.put_asset(principal, _asset(given, read), given.reason)
    return Done(N_("%(name)s is changed."), {"name": made.name}, _item(app, principal, made.id), made.id)


def _of_version(asset: Asset, version: int) -> Asset:
    return Asset(**{**vars(asset), "version": version})


def _retire(app: Any, principal: Principal, asset_id: str, given: Reason) -> Done:
    app.assets.retire(principal, asset_id, version=None, reason=given.reason)
    return Done(N_("The entry is out of use."), record=_item(app, principal, asset_id), id=asset_id)


def _what_goes(app: Any, principal: Principal, asset_id: str) -> list[str]:
    asset = app.assets.show(principal, asset_id)
    links = app.assets.links_page(principal, Ask(limit=1).narrowed(asset=asset.id)).total
    return [
        translate(N_("%(name)s is collected, polled and checked no more."), name=asset.name),
        translate(N_("%(count)s registered links to it go with it; its history stays."), count=links),
    ]


def _import(app: Any, principal: Principal, _id: str, given: AssetTable) -> Done:
    options = {"all_or_nothing": given.all_or_nothing, "dry_run": given.dry_run, "update": given.update}
    return told(app.assets.import_table(principal, sent(given), **options))


def _register(form: str, media_type: str) -> Callable[[Any, Principal, str], File]:
    def get(app: Any, principal: Principal, _id: str) -> File:
        return File(f"register.{form}", media_type, app.assets.export(principal, form))

    return get


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHOICES = {"unit": unit_names, "zone": zone_names}


def _in_use(record: AssetView) -> bool:
    return record.state == IN_USE


ASSETS = Resource(
    name="assets.assets",
    title=N_("Asset register"),
    one=N_("Entry of the register"),
    permission=_READ,
    record=AssetView,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name"), sort="name"),
        Column("kind", N_("Kind"), Cell.STATE, labels=KINDS),
        Column("unit_name", N_("Unit")),
        Column("zone_name", N_("Zone"), link=Link("assets.zones", "zone")),
        Column("address", N_("Management address"), Cell.CODE, sort="address"),
        Column("platform", N_("Platform"), choices=platforms),
        Column("level", N_("Protection level"), Cell.NUMBER, sort="level"),
        Column("state", N_("State"), Cell.STATE, labels=STATES, shown=False),
        Column("attributes_told", N_("Attributes"), Cell.LIST, shown=False),
        Column("retired_at", N_("Retired"), Cell.TIME, shown=False),
        Column("version", N_("Version"), Cell.NUMBER, shown=False),
        Column("id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("kind", N_("Kind"), labels=KINDS),
        UNIT,
        ZONE,
        Filter("level", N_("Protection level"), labels=LEVELS),
        Filter("platform", N_("Platform"), choices=platforms),
        Filter("state", N_("State"), labels=STATES),
    ),
    verbs=(
        Verb("add", N_("Register an entry"), _WRITE, _add, AssetInput, on=On.NEW, choices=_CHOICES),
        Verb(
            "import",
            N_("Import a table"),
            _WRITE,
            _import,
            AssetTable,
            on=On.LIST,
            explain=N_(
                "Every bad row is told with its column and how to mend it; at first it is only tried."
            ),
        ),
        Verb(
            "change",
            N_("Change the entry"),
            _WRITE,
            _change,
            AssetChange,
            when=_in_use,
            choices=_CHOICES,
            initial=_before,
            key="e",
        ),
        Verb(
            "retire",
            N_("Retire the entry"),
            _WRITE,
            _retire,
            Reason,
            when=_in_use,
            danger=True,
            bulk=True,
            preview=_what_goes,
        ),
    ),
    downloads=(
        Download("csv", N_("Register (CSV)"), _READ, _register("csv", "text/csv"), on=On.LIST),
        Download("xlsx", N_("Register (XLSX)"), _READ, _register("xlsx", _XLSX), on=On.LIST),
        Download("json", N_("Register (JSON)"), _READ, _register("json", "application/json"), on=On.LIST),
        template_of(ASSET_COLUMNS, "assets"),
    ),
    related=(Related(N_("Links"), "assets.links", lambda record: {"asset": record.id}),),
    sort="name",
    facet="kind",
    empty=N_("Nothing is registered here yet: register an entry, or import a table."),
    searched=True,
)
