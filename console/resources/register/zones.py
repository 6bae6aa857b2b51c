"""Zones of the register: security domains with their prefixes and protection level."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from console.resources.register.common import Table, Versioned, sent, template_of, told
from kernel.assets.model import Network, Zone
from kernel.assets.rows import ZONE_COLUMNS
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Label,
    Labels,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

NETWORKS: Labels = {
    Network.INTRANET: Label(N_("intranet")),
    Network.EXTRANET: Label(N_("extranet")),
    Network.EXIT: Label(N_("Internet exit")),
    Network.INTERNET: Label(N_("Internet")),
}
_READ, _WRITE = Permission.ASSET_READ, Permission.ASSET_WRITE


class ZoneView(Record):
    """A security domain; prefixes in CIDR form."""

    id: str
    name: str
    network: str
    prefixes: tuple[str, ...]
    level: int
    version: int


class ZoneFields(Input):
    name: str = Field(title=N_("Name"), min_length=1, max_length=100)
    network: Network = Field(
        title=N_("Network"),
        json_schema_extra={"labels": {str(one): label.text for one, label in NETWORKS.items()}},
    )
    prefixes: tuple[str, ...] = Field(
        (), title=N_("Prefixes"), description=N_("One a line, such as 10.1.0.0/16.")
    )
    level: int = Field(0, title=N_("Protection level"), ge=0, le=4)


class ZoneInput(ZoneFields):
    id: str = Field(
        title=N_("Id"), description=N_("Small letters, digits, - and _; it stays for good."), max_length=60
    )


class ZoneChange(Versioned, ZoneFields):
    """Every field anew."""


def _shown(zone: Zone) -> ZoneView:
    return ZoneView(**vars(zone))


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Zone] = app.assets.zones_page(principal, ask)
    return page.map(_shown)


def _item(app: Any, principal: Principal, zone_id: str) -> ZoneView:
    return _shown(app.assets.zone(principal, zone_id))


def _add(app: Any, principal: Principal, _id: str, given: ZoneInput) -> Done:
    made = app.assets.put_zone(
        principal, Zone(given.id, given.name, given.network, given.prefixes, given.level)
    )
    return Done(N_("%(name)s is registered."), {"name": made.name}, _shown(made), made.id)


def _before(app: Any, principal: Principal, zone_id: str) -> Mapping[str, Any]:
    zone = vars(app.assets.zone(principal, zone_id))
    return {name: value for name, value in zone.items() if name in ZoneChange.model_fields}


def _change(app: Any, principal: Principal, zone_id: str, given: ZoneChange) -> Done:
    stored = app.assets.zone(principal, zone_id)
    version = stored.version if given.version is None else given.version
    zone = Zone(stored.id, given.name, given.network, given.prefixes, given.level, version)
    made = app.assets.put_zone(principal, zone, given.reason)
    return Done(N_("%(name)s is changed."), {"name": made.name}, _shown(made), made.id)


def _remove(app: Any, principal: Principal, zone_id: str, given: Reason) -> Done:
    app.assets.remove_zone(principal, zone_id, given.reason)
    return Done(N_("The zone is removed."))


def _import(app: Any, principal: Principal, _id: str, given: Table) -> Done:
    options = {"all_or_nothing": given.all_or_nothing, "dry_run": given.dry_run}
    return told(app.assets.import_zones(principal, sent(given), **options))


ZONES = Resource(
    name="assets.zones",
    title=N_("Zones"),
    one=N_("Zone"),
    permission=_READ,
    record=ZoneView,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name"), sort="name"),
        Column("id", N_("Id"), Cell.CODE, sort="id"),
        Column("network", N_("Network"), Cell.STATE, labels=NETWORKS),
        Column("prefixes", N_("Prefixes"), Cell.LIST),
        Column("level", N_("Protection level"), Cell.NUMBER, sort="level"),
        Column("version", N_("Version"), Cell.NUMBER, shown=False),
    ),
    filters=(
        Filter("network", N_("Network"), labels=NETWORKS),
        Filter("level", N_("Protection level"), labels={str(level): Label(str(level)) for level in range(5)}),
    ),
    verbs=(
        Verb("add", N_("Register a zone"), _WRITE, _add, ZoneInput, on=On.NEW),
        Verb("import", N_("Import a table"), _WRITE, _import, Table, on=On.LIST),
        Verb("change", N_("Change the zone"), _WRITE, _change, ZoneChange, initial=_before, key="e"),
        Verb("remove", N_("Remove"), _WRITE, _remove, Reason, danger=True),
    ),
    downloads=(template_of(ZONE_COLUMNS, "zones"),),
    related=(Related(N_("Entries in this zone"), "assets.assets", lambda record: {"zone": record.id}),),
    sort="id",
    facet="network",
    empty=N_("No zone is registered yet: register one, or import a table."),
)
