"""How the register is looked through: entries, zones and links."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, or_, select

from kernel.assets.model import Asset, ListedLink, Zone
from kernel.assets.store import asset_of, assets, links, zone_of, zones
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.store.listing import Condition, Listing, equals, numbered

IN_USE, RETIRED = "in_use", "retired"
A, B = assets.alias("a_end"), assets.alias("b_end")
_c, _z = assets.c, zones.c


def in_use() -> ColumnElement[bool]:
    return _c.retired_at.is_(None)


def _state(values: tuple[str, ...]) -> ColumnElement[bool]:
    meant = {IN_USE: in_use(), RETIRED: _c.retired_at.is_not(None)}
    unknown = [value for value in values if value not in meant]
    if unknown:
        raise Invalid(N_("An entry is in_use or retired."), place="state")
    return or_(*(meant[value] for value in values))


def beside(table: Table, entry: ColumnElement[str], *more: ColumnElement[Any]) -> Select[Any]:
    """Entries with what a room keeps of each in ``table`` (or has not kept yet): id, name, unit, zone, zone_name, address,
    platform, and the columns ``more``."""
    joined = assets.outerjoin(table, entry == _c.id).outerjoin(zones, _z.id == _c.zone)
    own = (_c.id, _c.name, _c.unit, _c.zone, _z.name.label("zone_name"), _c.address, _c.platform)
    return select(*own, *more).select_from(joined)


FILTERS: Mapping[str, Condition] = {
    "platform": equals(_c.platform),
    "zone": equals(_c.zone),
    "unit": equals(_c.unit),
}


def touching(entries: "Select[tuple[str]] | tuple[str, ...]") -> ColumnElement[bool]:
    """Links with one of these entries at either end."""
    at_a, at_b = (select(links.c.id).where(end.in_(entries)) for end in (links.c.a, links.c.b))
    return links.c.id.in_(at_a.union(at_b))


def links_of(seen: tuple[ColumnElement[bool], ...]) -> tuple[ColumnElement[bool], ...]:
    """Of whom sees these entries: the links with one of them at either end. No condition: all."""
    return (touching(select(_c.id).where(*seen)),) if seen else ()


def _link(row: Row[Any]) -> ListedLink:
    return ListedLink(row.id, row.a, row.a_name, row.a_port, row.b, row.b_name, row.b_port)


ASSETS: Listing[Asset] = Listing(
    select(assets),
    key=_c.id,
    orders={"name": _c.name, "address": _c.address, "level": _c.level, "changed": _c.changed_at},
    default="name",
    row=asset_of,
    text=(_c.name, _c.address, _c.platform),
    filters={
        **FILTERS,
        "kind": equals(_c.kind),
        "level": numbered(_c.level),
        "state": _state,
    },
    facets={"kind": _c.kind},
)

ZONES: Listing[Zone] = Listing(
    select(zones),
    key=_z.id,
    orders={"id": _z.id, "name": _z.name, "level": _z.level},
    default="id",
    row=zone_of,
    text=(_z.id, _z.name),
    filters={"network": equals(_z.network), "level": numbered(_z.level)},
    facets={"network": _z.network},
)

LINKS: Listing[ListedLink] = Listing(
    select(links, A.c.name.label("a_name"), B.c.name.label("b_name"))
    .join(A, A.c.id == links.c.a)
    .join(B, B.c.id == links.c.b)
    .where(A.c.retired_at.is_(None)),  # always so: by which index names come in order
    key=links.c.id,
    orders={"a": A.c.name, "b": B.c.name},
    default="a",
    row=_link,
    text=(A.c.name, B.c.name, links.c.a_port, links.c.b_port),
    filters={"asset": touching},
)
