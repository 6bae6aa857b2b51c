"""Tables of the register and the statements on them."""

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    func,
    or_,
    select,
    text,
)

from kernel.assets.model import Asset, AssetKind, Link, Network, Zone
from kernel.identity.store import units
from kernel.store.base import Json, UtcDateTime, insert_if_absent, metadata

zones = Table(
    "assets_zones",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("network", String(20), nullable=False),
    Column("prefixes", Json, nullable=False),
    Column("level", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)

assets = Table(
    "assets_assets",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(100), nullable=False),
    Column("unit", String(80), ForeignKey("identity_units.id"), nullable=False, index=True),
    Column("zone", String(60), ForeignKey("assets_zones.id")),
    Column("address", String(45), nullable=False, index=True),
    Column("platform", String(40), nullable=False),
    Column("level", Integer, nullable=False),
    Column("attributes", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    Index(None, "zone"),
    # what is in use, in the order of the names or of the addresses, with all that it is looked through by
    Index("ix_assets_assets_by_name", "retired_at", "name", "address", "platform", "kind", "unit"),
    Index("ix_assets_assets_by_address", "retired_at", "address"),
    # a name may be used again once its bearer has retired
    Index(
        "uq_assets_assets_name_in_use",
        "name",
        unique=True,
        sqlite_where=text("retired_at IS NULL"),
        postgresql_where=text("retired_at IS NULL"),
    ),
)

links = Table(
    "assets_links",
    metadata,
    Column("id", String(60), nullable=False, unique=True),
    Column("a", String(60), ForeignKey("assets_assets.id"), primary_key=True),
    Column("a_port", String(100), primary_key=True),
    Column("b", String(60), ForeignKey("assets_assets.id"), primary_key=True),
    Column("b_port", String(100), primary_key=True),
    Index(None, "b"),
)

ONE_ADDRESS = (AssetKind.DEVICE, AssetKind.GATEWAY)  # kinds whose management address nobody else may have


def read_assets(
    connection: Connection, kind: AssetKind | None = None, units_seen: frozenset[str] | None = None
) -> list[Asset]:
    """Entries in use, by name; ``units_seen`` None means all."""
    query = select(assets).where(assets.c.retired_at.is_(None)).order_by(assets.c.name)
    if kind is not None:
        query = query.where(assets.c.kind == str(kind))
    if units_seen is not None:
        query = query.where(assets.c.unit.in_(sorted(units_seen)))
    return [asset_of(row) for row in connection.execute(query)]


def read_asset(connection: Connection, id_or_name: str) -> Asset | None:
    """An entry by id (a retired one too) or by the name in use."""
    in_use = (assets.c.name == id_or_name) & assets.c.retired_at.is_(None)
    query = select(assets).where(or_(assets.c.id == id_or_name, in_use)).order_by(assets.c.id == id_or_name)
    rows = connection.execute(query).all()
    return asset_of(rows[-1]) if rows else None


def read_asset_at(connection: Connection, address: str) -> Asset | None:
    """The device or gateway in use with this management address, or else another entry that bears it."""
    at = (assets.c.address == address) & assets.c.retired_at.is_(None)
    found = [asset_of(row) for row in connection.execute(select(assets).where(at).order_by(assets.c.name))]
    return next((asset for asset in found if asset.kind in ONE_ADDRESS), found[0] if found else None)


def name_taken(connection: Connection, asset: Asset) -> bool:
    """Whether another entry in use bears this name."""
    other = (assets.c.name == asset.name) & (assets.c.id != asset.id) & assets.c.retired_at.is_(None)
    return connection.execute(select(assets.c.id).where(other)).first() is not None


def address_holder(connection: Connection, asset: Asset) -> str | None:
    """Name of another device or gateway that has this management address."""
    if not asset.address or asset.kind not in ONE_ADDRESS:
        return None
    query = select(assets.c.name).where(
        assets.c.address == asset.address,
        assets.c.kind.in_([str(kind) for kind in ONE_ADDRESS]),
        assets.c.id != asset.id,
        assets.c.retired_at.is_(None),
    )
    holder: str | None = connection.execute(query).scalar()
    return holder


def insert_asset(connection: Connection, asset: Asset, now: Any) -> bool:
    """False when another transaction took the name in the same moment."""
    return insert_if_absent(connection, assets, {**_row(asset), "changed_at": now})


def update_asset(connection: Connection, asset: Asset, now: Any) -> bool:
    """Replace version ``asset.version - 1``; False when that is not the stored one."""
    same = (assets.c.id == asset.id) & (assets.c.version == asset.version - 1)
    changed = assets.update().where(same, assets.c.retired_at.is_(None)).values(**_row(asset), changed_at=now)
    return connection.execute(changed).rowcount == 1


def read_zones(connection: Connection) -> list[Zone]:
    return [zone_of(row) for row in connection.execute(select(zones).order_by(zones.c.id))]


def write_zone(connection: Connection, zone: Zone) -> bool:
    """Insert (version 1) or replace the version before; False when somebody else was first."""
    row = {
        "name": zone.name,
        "network": str(zone.network),
        "prefixes": list(zone.prefixes),
        "level": zone.level,
        "version": zone.version,
    }
    if zone.version == 1:
        return insert_if_absent(connection, zones, {"id": zone.id, **row})
    same = (zones.c.id == zone.id) & (zones.c.version == zone.version - 1)
    return connection.execute(zones.update().where(same).values(**row)).rowcount == 1


def count_in_zone(connection: Connection, zone_id: str) -> int:
    """Entries in use that lie in the zone."""
    inside = select(func.count()).where(assets.c.zone == zone_id, assets.c.retired_at.is_(None))
    return int(connection.execute(inside).scalar_one())


def delete_zone(connection: Connection, zone: Zone) -> bool:
    """Remove this version; retired entries that lay in it forget it. False when somebody else changed it."""
    connection.execute(assets.update().where(assets.c.zone == zone.id).values(zone=None))
    same = (zones.c.id == zone.id) & (zones.c.version == zone.version)
    return connection.execute(zones.delete().where(same)).rowcount == 1


def read_links(connection: Connection) -> list[Link]:
    query = select(links).order_by(links.c.a, links.c.a_port, links.c.b, links.c.b_port)
    return [Link(row.a, row.a_port, row.b, row.b_port) for row in connection.execute(query)]


def insert_link(connection: Connection, link: Link) -> bool:
    """False when it is there."""
    return insert_if_absent(connection, links, {"id": link.id, **vars(link)})


def delete_link(connection: Connection, link: Link) -> bool:
    return connection.execute(links.delete().where(_same(link))).rowcount == 1


def delete_links_of(connection: Connection, asset_id: str) -> int:
    touching = (links.c.a == asset_id) | (links.c.b == asset_id)
    return connection.execute(links.delete().where(touching)).rowcount


def read_units(connection: Connection) -> dict[str, str]:
    """Id -> name of every unit."""
    return {row.id: row.name for row in connection.execute(select(units.c.id, units.c.name))}


def _same(link: Link) -> ColumnElement[bool]:
    return and_(
        links.c.a == link.a, links.c.a_port == link.a_port, links.c.b == link.b, links.c.b_port == link.b_port
    )


def _row(asset: Asset) -> dict[str, Any]:
    fields = {**asset.__dict__, "kind": str(asset.kind), "zone": asset.zone or None}
    return fields | {"attributes": dict(asset.attributes)}


def asset_of(row: Row[Any]) -> Asset:
    return Asset(
        row.id,
        AssetKind(row.kind),
        row.name,
        row.unit,
        row.zone or "",
        row.address,
        row.platform,
        row.level,
        row.attributes,
        row.version,
        row.retired_at,
    )


def zone_of(row: Row[Any]) -> Zone:
    return Zone(row.id, row.name, Network(row.network), tuple(row.prefixes), row.level, row.version)
