"""Use cases of the register (NET-1): look up, change with a version check, retire, import, export.

``assets``, ``asset``, ``zones`` … without a principal are for the rooms' services, which have checked a permission of their
own; edges use those with one, which check here.
"""

from dataclasses import replace
from pathlib import Path

from kernel.assets import store
from kernel.assets.changing import Changes, Ground, no_asset
from kernel.assets.export import FORMS
from kernel.assets.importing import Import, ImportReport, import_rows
from kernel.assets.lists import ASSETS, LINKS, ZONES, in_use, links_of
from kernel.assets.model import Asset, AssetKind, Link, ListedLink, Zone, zone_of
from kernel.assets.rows import (
    ASSET_COLUMNS,
    LINK_COLUMNS,
    ZONE_COLUMNS,
    asset_of,
    link_of,
    zone_row,
)
from kernel.assets.tables import TableFile
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


class Register:
    """The ONE register of the suite."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self._database = database
        self._access = access
        self._changes = Changes(clock, access)

    # --- looking up, for services
    def assets(self, kind: AssetKind | None = None, unit: str | None = None) -> list[Asset]:
        """Entries in use, by name."""
        with self._database.read() as connection:
            return store.read_assets(connection, kind, frozenset({unit}) if unit else None)

    def asset(self, id_or_name: str) -> Asset:
        """An entry by id (a retired one too) or name; NotFound."""
        with self._database.read() as connection:
            found = store.read_asset(connection, id_or_name)
        if found is None:
            raise no_asset(id_or_name)
        return found

    def asset_at(self, address: str) -> Asset | None:
        """Whose address this is: the device's or gateway's, or else a service's on it; canonical form of the address."""
        with self._database.read() as connection:
            return store.read_asset_at(connection, address)

    def gateways(self) -> list[Asset]:
        """The hosts of the isolation gateways."""
        return self.assets(AssetKind.GATEWAY)

    def zones(self) -> list[Zone]:
        with self._database.read() as connection:
            return store.read_zones(connection)

    def zone_of(self, address: str) -> Zone | None:
        """The zone with the longest prefix that holds the address."""
        return zone_of(self.zones(), address)

    def links(self) -> list[Link]:
        with self._database.read() as connection:
            return store.read_links(connection)

    # --- looking up, for edges
    def page(self, principal: Principal, ask: Ask) -> Page[Asset]:
        """Entries of the principal's units, by name; those in use unless ``ask`` filters by state."""
        self._access.require(principal, Permission.ASSET_READ)
        scope = self._access.seen(principal, store.assets.c.unit)
        with self._database.read() as connection:
            return ASSETS.page(connection, ask, *scope, *(() if "state" in ask.filters else (in_use(),)))

    def show(self, principal: Principal, id_or_name: str) -> Asset:
        """One entry; one of a unit the principal does not see is NotFound, as if it did not exist."""
        self._access.require(principal, Permission.ASSET_READ)
        found = self.asset(id_or_name)
        if not self._access.covers(principal, found.unit):
            raise no_asset(id_or_name)
        return found

    def list_zones(self, principal: Principal) -> list[Zone]:
        """All zones, to choose from: whoever reads the register may know how the network is divided."""
        self._access.require(principal, Permission.ASSET_READ)
        return self.zones()

    def zones_page(self, principal: Principal, ask: Ask) -> Page[Zone]:
        """The zones as a list that is looked through."""
        self._access.require(principal, Permission.ASSET_READ)
        with self._database.read() as connection:
            return ZONES.page(connection, ask)

    def zone(self, principal: Principal, zone_id: str) -> Zone:
        """One zone by its id."""
        self._access.require(principal, Permission.ASSET_READ)
        found = next((zone for zone in self.zones() if zone.id == zone_id), None)
        if found is None:
            raise NotFound(N_("There is no zone %(zone)s."), zone=zone_id[:60])
        return found

    def links_page(self, principal: Principal, ask: Ask) -> Page[ListedLink]:
        """Links with an end in the principal's units, by the names of their ends."""
        self._access.require(principal, Permission.ASSET_READ)
        scope = links_of(self._access.seen(principal, store.assets.c.unit))
        with self._database.read() as connection:
            return LINKS.page(connection, ask, *scope)

    def link(self, principal: Principal, link_id: str) -> ListedLink:
        """One link by its id."""
        self._access.require(principal, Permission.ASSET_READ)
        scope = links_of(self._access.seen(principal, store.assets.c.unit))
        wanted = LINKS.query.where(store.links.c.id == link_id, *scope)
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound(N_("There is no such link."), place=link_id[:60])
        return LINKS.row(row)

    def export(self, principal: Principal, form: str, kind: AssetKind | None = None) -> bytes:
        """What the principal sees as ``csv``, ``xlsx`` or ``json``; audited, since it leaves the suite."""
        self._access.require(principal, Permission.ASSET_READ)
        if form not in FORMS:
            raise Invalid(N_("The register is exported as csv, xlsx or json."), place=form[:20])
        visible = self._access.visible_units(principal)
        with self._database.read() as connection:
            listed = store.read_assets(connection, kind, visible)
        data = FORMS[form](listed)
        details = {"entries": len(listed), "form": form, "sha256": sha256_hex(data)}
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.ASSET_EXPORT, "assets", details=details)
        return data

    # --- changing
    def put_asset(self, principal: Principal, asset: Asset, reason: str | None = None) -> Asset:
        """Store a new entry (version 0; id "" gets one) or replace the version it was read with; Conflict if that changed."""
        self._access.require(principal, Permission.ASSET_WRITE, unit=asset.unit)
        visible = self._access.visible_units(principal)
        with self._database.begin() as uow:
            ground = self._changes.ground(uow, visible)
            return self._changes.put_asset(uow, principal, asset, ground, reason)

    def retire(self, principal: Principal, id_or_name: str, *, version: int | None, reason: str) -> None:
        """Take an entry out of use; its links go, its history stays. ``version`` None: whichever is stored."""
        self._access.require(principal, Permission.ASSET_WRITE)
        found = self.show(principal, id_or_name)
        read = found if version is None else replace(found, version=version)
        with self._database.begin() as uow:
            self._changes.retire(uow, principal, read, reason)

    def put_zone(self, principal: Principal, zone: Zone, reason: str | None = None) -> Zone:
        """Store a new zone (version 0) or replace the version it was read with."""
        self._access.require_root(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            return self._changes.put_zone(uow, principal, zone, reason)

    def remove_zone(self, principal: Principal, zone_id: str, reason: str) -> None:
        """Take a zone out of the register; Conflict while entries in use lie in it."""
        self._access.require_root(principal, Permission.ASSET_WRITE)
        found = self.zone(principal, zone_id)
        with self._database.begin() as uow:
            self._changes.remove_zone(uow, principal, found, reason)

    def put_link(self, principal: Principal, link: Link, reason: str | None = None) -> Link:
        """Register a physical link; Conflict when it is there."""
        self._access.require(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            return self._changes.put_link(uow, principal, link, reason)

    def remove_link(self, principal: Principal, link: Link, reason: str) -> None:
        """Take a link out of the register; NotFound when it is not there. Either end may come first."""
        self._access.require(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            self._changes.remove_link(uow, principal, link, reason)

    # --- from a file
    def import_table(
        self,
        principal: Principal,
        file: Path | TableFile,
        *,
        all_or_nothing: bool = False,
        update: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take over the entries of a CSV or XLSX file, one transaction for all of them.

        A bad row is reported and left out; with ``all_or_nothing`` one bad row leaves out all. ``update`` replaces entries
        of the same name, which are bad rows otherwise. ``dry_run`` stores nothing and reports the same.
        """
        self._access.require(principal, Permission.ASSET_WRITE)
        visible = self._access.visible_units(principal)

        def put(uow: UnitOfWork, asset: Asset, ground: Ground) -> None:
            old = store.read_asset(uow.connection, asset.name) if update else None
            if old is not None:
                asset = replace(asset, id=old.id, version=old.version)
            self._changes.put_asset(uow, principal, asset, ground)

        plan = Import(ASSET_COLUMNS, asset_of, put, key=lambda asset: asset.name, column="name")
        return self._import(principal, file, plan, visible, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def import_zones(
        self,
        principal: Principal,
        file: Path | TableFile,
        *,
        all_or_nothing: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take over zones; a zone that is there is replaced."""
        self._access.require_root(principal, Permission.ASSET_WRITE)

        def put(uow: UnitOfWork, zone: Zone, ground: Ground) -> None:
            known = ground.zones.get(zone.id)
            self._changes.put_zone(uow, principal, replace(zone, version=known.version if known else 0))

        plan = Import(ZONE_COLUMNS, zone_row, put, key=lambda zone: zone.id, column="id")
        return self._import(principal, file, plan, None, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def import_links(
        self,
        principal: Principal,
        file: Path | TableFile,
        *,
        all_or_nothing: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take over links."""
        self._access.require(principal, Permission.ASSET_WRITE)

        def put(uow: UnitOfWork, link: Link, _ground: Ground) -> None:
            self._changes.put_link(uow, principal, link)

        plan = Import(LINK_COLUMNS, link_of, put, key=lambda link: link.canonical(), column="a")
        return self._import(principal, file, plan, None, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def _import(
        self,
        principal: Principal,
        file: Path | TableFile,
        plan: Import,
        visible: frozenset[str] | None,
        *,
        all_or_nothing: bool,
        dry_run: bool,
    ) -> ImportReport:
        table = TableFile.of(file)

        def imported(uow: UnitOfWork, done: int, bad: int) -> None:
            details = {"rows": done, "bad": bad, "sha256": sha256_hex(table.data)}
            uow.audit(principal, AuditAction.ASSET_IMPORT, table.name, details=details)

        return import_rows(
            self._database,
            table,
            plan,
            lambda uow: self._changes.ground(uow, visible),
            None if dry_run else imported,
            all_or_nothing=all_or_nothing,
        )
