"""Use cases of the register (NET-1): look up, change with a version check, retire, import, export.

``assets``, ``asset``, ``zones`` … without a principal are for the rooms' services, which have checked a permission of their
own; edges use ``list_assets`` and ``show``, which check here.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from kernel.assets import store
from kernel.assets.export import FORMS
from kernel.assets.importing import Import, ImportReport, in_order, known_names, row_error
from kernel.assets.model import Asset, AssetKind, Link, Zone, check_asset, check_link, check_zone, zone_of
from kernel.assets.rows import (
    ASSET_COLUMNS,
    LINK_COLUMNS,
    ZONE_COLUMNS,
    asset_of,
    link_of,
    zone_row,
)
from kernel.assets.tables import read_table
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted, WeichengError
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork


class _Undo(Exception):
    """Ends a unit of work that shall leave nothing behind."""


class Register:
    """The ONE register of the suite."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self._database = database
        self._clock = clock
        self._access = access

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
            raise _no_asset(id_or_name)
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
    def list_assets(
        self, principal: Principal, kind: AssetKind | None = None, unit: str | None = None
    ) -> list[Asset]:
        """Entries in use of the principal's units, or of one of these."""
        self._access.require(principal, Permission.ASSET_READ, unit=unit)
        seen = frozenset({unit}) if unit else self._access.visible_units(principal)
        with self._database.read() as connection:
            return store.read_assets(connection, kind, seen)

    def show(self, principal: Principal, id_or_name: str) -> Asset:
        """One entry; one of a unit the principal does not see is NotFound, as if it did not exist."""
        self._access.require(principal, Permission.ASSET_READ)
        found = self.asset(id_or_name)
        if not self._access.covers(principal, found.unit):
            raise _no_asset(id_or_name)
        return found

    def list_zones(self, principal: Principal) -> list[Zone]:
        """All zones: whoever reads the register may know how the network is divided."""
        self._access.require(principal, Permission.ASSET_READ)
        return self.zones()

    def list_links(self, principal: Principal) -> list[dict[str, str]]:
        """Links with an end in the principal's units, their ends by name, in the order of the names."""
        names = {asset.id: asset.name for asset in self.assets()}
        seen = {asset.id for asset in self.list_assets(principal)}
        ends = sorted(
            sorted(((names[link.a], link.a_port), (names[link.b], link.b_port)))
            for link in self.links()
            if link.a in seen or link.b in seen
        )
        return [{"a": a, "a_port": a_port, "b": b, "b_port": b_port} for (a, a_port), (b, b_port) in ends]

    def export(self, principal: Principal, form: str, kind: AssetKind | None = None) -> bytes:
        """What the principal sees as ``csv``, ``xlsx`` or ``json``; audited, since it leaves the suite."""
        self._access.require(principal, Permission.ASSET_READ)
        if form not in FORMS:
            raise Invalid(N_("The register is exported as csv, xlsx or json."), place=form[:20])
        listed = self.list_assets(principal, kind)
        data = FORMS[form](listed)
        details = {"entries": len(listed), "form": form, "sha256": sha256_hex(data)}
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.ASSET_EXPORT, "assets", details=details)
        return data

    # --- changing
    def put_asset(self, principal: Principal, asset: Asset) -> Asset:
        """Store a new entry (version 0; id "" gets one) or replace the version it was read with; Conflict if that changed."""
        self._access.require(principal, Permission.ASSET_WRITE, unit=asset.unit)
        with self._database.begin() as uow:
            return self._put_asset(uow, principal, asset, self._access.visible_units(principal))

    def retire(self, principal: Principal, id_or_name: str, *, version: int, reason: str) -> None:
        """Take an entry out of use; its links go, its history stays."""
        self._access.require(principal, Permission.ASSET_WRITE)
        found = self.asset(id_or_name)
        self._access.require(principal, Permission.ASSET_WRITE, unit=found.unit)
        now = self._clock.now()
        with self._database.begin() as uow:
            if not store.update_asset(
                uow.connection, replace(found, version=version + 1, retired_at=now), now
            ):
                raise _changed(found.name)
            links = store.delete_links_of(uow.connection, found.id)
            uow.audit(
                principal,
                AuditAction.ASSET_RETIRE,
                f"asset:{found.id}",
                unit=found.unit,
                reason=reason,
                details={"name": found.name, "links_removed": links},
            )
            uow.emit(Event(EventKind.ASSET_RETIRED, found.id, {"name": found.name}, found.unit))

    def put_zone(self, principal: Principal, zone: Zone) -> Zone:
        """Store a new zone (version 0) or replace the version it was read with."""
        self._access.require_root(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            return self._put_zone(uow, principal, zone)

    def put_link(self, principal: Principal, link: Link) -> Link:
        """Register a physical link; Conflict when it is there."""
        self._access.require(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            return self._put_link(uow, principal, link)

    def remove_link(self, principal: Principal, link: Link, reason: str) -> None:
        """Take a link out of the register; NotFound when it is not there. Either end may come first."""
        self._access.require(principal, Permission.ASSET_WRITE)
        with self._database.begin() as uow:
            self._require_ends(uow, principal, link)
            if not store.delete_link(uow.connection, link.canonical()):
                raise NotFound(N_("There is no such link."), place=f"{link.a} - {link.b}")
            uow.audit(
                principal, AuditAction.LINK_REMOVE, f"asset:{link.a}", reason=reason, details=link.__dict__
            )
            uow.emit(Event(EventKind.LINK_CHANGED, link.a, {**link.__dict__, "removed": True}))

    # --- from a file
    def import_table(
        self,
        principal: Principal,
        path: Path,
        *,
        all_or_nothing: bool = False,
        update: bool = False,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take over the entries of a CSV or XLSX file, one transaction for all of them.

        A bad row is reported and left out; with ``all_or_nothing`` one bad row leaves out all. ``update`` replaces entries
        of the same name, which are bad rows otherwise. ``dry_run`` stores nothing and reports the same.
        """

        visible = self._access.visible_units(principal)

        def put(uow: UnitOfWork, asset: Asset) -> None:
            _require_unit(visible, asset.unit)
            old = store.read_asset(uow.connection, asset.name) if update else None
            if old is not None:
                asset = replace(asset, id=old.id, version=old.version)
            self._put_asset(uow, principal, asset, visible)

        plan = Import(ASSET_COLUMNS, asset_of, put, key=lambda asset: asset.name, column="name")
        return self._import(principal, path, plan, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def import_zones(
        self, principal: Principal, path: Path, *, all_or_nothing: bool = False, dry_run: bool = False
    ) -> ImportReport:
        """Take over zones; a zone that is there is replaced."""
        self._access.require_root(principal, Permission.ASSET_WRITE)

        def put(uow: UnitOfWork, zone: Zone) -> None:
            versions = {known.id: known.version for known in store.read_zones(uow.connection)}
            self._put_zone(uow, principal, replace(zone, version=versions.get(zone.id, 0)))

        plan = Import(ZONE_COLUMNS, zone_row, put, key=lambda zone: zone.id, column="id")
        return self._import(principal, path, plan, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def import_links(
        self, principal: Principal, path: Path, *, all_or_nothing: bool = False, dry_run: bool = False
    ) -> ImportReport:
        """Take over links."""

        def put(uow: UnitOfWork, link: Link) -> None:
            self._put_link(uow, principal, link)

        plan = Import(LINK_COLUMNS, link_of, put, key=lambda link: link.canonical(), column="a")
        return self._import(principal, path, plan, all_or_nothing=all_or_nothing, dry_run=dry_run)

    def _import(
        self, principal: Principal, path: Path, plan: Import, *, all_or_nothing: bool, dry_run: bool
    ) -> ImportReport:
        self._access.require(principal, Permission.ASSET_WRITE)
        rows, faults, heads = read_table(path, plan.columns)
        done = 0
        seen: dict[Any, int] = {}
        try:
            with self._database.begin() as uow:
                known = known_names(uow)
                for row in rows:
                    try:
                        value = plan.read(row, known)
                        plan.refuse_repeated(value, row.number, seen)
                        plan.put(uow, value)
                        done += 1
                    except WeichengError as error:
                        faults.append(row_error(row.number, error, heads))
                if dry_run or not done or (all_or_nothing and faults):
                    raise _Undo
                self._audit_import(uow, principal, path, done, len(faults))
        except _Undo:
            return ImportReport(done, in_order(faults), stored=False)
        return ImportReport(done, in_order(faults), stored=True)

    def _audit_import(self, uow: UnitOfWork, principal: Principal, path: Path, done: int, bad: int) -> None:
        details = {"rows": done, "bad": bad, "sha256": sha256_hex(path.read_bytes())}
        uow.audit(principal, AuditAction.ASSET_IMPORT, path.name, details=details)

    # --- in a transaction
    def _put_asset(
        self, uow: UnitOfWork, principal: Principal, asset: Asset, visible: frozenset[str] | None
    ) -> Asset:
        asset = check_asset(asset, {zone.id: zone for zone in store.read_zones(uow.connection)})
        if asset.unit not in store.read_units(uow.connection):
            raise Invalid(N_("There is no unit %(value)s."), place="unit", value=asset.unit[:60])
        old = store.read_asset(uow.connection, asset.id) if asset.id else None
        _refuse_clash(uow, asset)
        if _sends_credential_elsewhere(old, asset):
            self._access.require_root(principal, Permission.ASSET_WRITE)
        made = replace(asset, id=asset.id or new_id("asset"), version=asset.version + 1, retired_at=None)
        if old is None and asset.version == 0:
            if not store.insert_asset(uow.connection, made, self._clock.now()):
                raise _name_taken(made.name)
        else:
            _require_unit(visible, old.unit if old else asset.unit)
            if not store.update_asset(uow.connection, made, self._clock.now()):
                raise _changed(asset.name)
        details = {"name": made.name, "version": made.version, "changed": _difference(old, made)}
        uow.audit(principal, AuditAction.ASSET_PUT, f"asset:{made.id}", unit=made.unit, details=details)
        uow.emit(
            Event(EventKind.ASSET_CHANGED, made.id, {"name": made.name, "kind": str(made.kind)}, made.unit)
        )
        return made

    def _put_zone(self, uow: UnitOfWork, principal: Principal, zone: Zone) -> Zone:
        made = replace(check_zone(zone), version=zone.version + 1)
        stored = {known.id for known in store.read_zones(uow.connection)}
        if (zone.version == 0) == (zone.id in stored) or not store.write_zone(uow.connection, made):
            raise _changed(zone.id)
        details = {"network": str(made.network), "prefixes": list(made.prefixes), "level": made.level}
        uow.audit(principal, AuditAction.ZONE_PUT, f"zone:{made.id}", details=details)
        uow.emit(Event(EventKind.ZONE_CHANGED, made.id, details))
        return made

    def _put_link(self, uow: UnitOfWork, principal: Principal, link: Link) -> Link:
        made = check_link(link)
        self._require_ends(uow, principal, made)
        if not store.insert_link(uow.connection, made):
            raise Conflict(N_("This link is registered already."), place="a")
        uow.audit(principal, AuditAction.LINK_PUT, f"asset:{made.a}", details=made.__dict__)
        uow.emit(Event(EventKind.LINK_CHANGED, made.a, dict(made.__dict__)))
        return made

    def _require_ends(self, uow: UnitOfWork, principal: Principal, link: Link) -> None:
        """Both ends exist, and one of them is of the principal's units: a county may register its line to the city."""
        ends = [store.read_asset(uow.connection, end) for end in (link.a, link.b)]
        for column, end, name in zip(("a", "b"), ends, (link.a, link.b), strict=True):
            if end is None or end.retired_at:
                raise Invalid(
                    N_("There is no entry %(value)s in the register."), place=column, value=name[:60]
                )
        if not any(self._access.covers(principal, end.unit) for end in ends if end):
            self._access.require(
                principal, Permission.ASSET_WRITE, unit=next(end.unit for end in ends if end)
            )


def _require_unit(visible: frozenset[str] | None, unit: str) -> None:
    if visible is not None and unit not in visible:
        raise NotPermitted(N_("Unit %(unit)s is not one of your units."), place="unit", unit=unit)


def _sends_credential_elsewhere(old: Asset | None, new: Asset) -> bool:
    """Whether the entry makes the suite log in somewhere with a stored credential where it did not before.

    Whoever decides that could have it log in to a host of their own and read the password.
    """
    name = new.attributes.get("credential")
    if not name:
        return False
    if old is None:
        return True
    fields = ("credential", "ssh_port", "snmp_port")
    same = all(old.attributes.get(field) == new.attributes.get(field) for field in fields)
    return not (same and old.address == new.address and old.platform == new.platform)


def _refuse_clash(uow: UnitOfWork, asset: Asset) -> None:
    if store.name_taken(uow.connection, asset):
        raise _name_taken(asset.name)
    holder = store.address_holder(uow.connection, asset)
    if holder is not None:
        raise Conflict(
            N_("%(holder)s has the address %(address)s already."),
            mend=N_("Correct the address."),
            place="address",
            holder=holder,
            address=asset.address,
        )


def _name_taken(name: str) -> Conflict:
    return Conflict(
        N_("There is an entry %(name)s already."),
        mend=N_("Use another name, or replace the entry on purpose (--update)."),
        place="name",
        name=name,
    )


def _difference(old: Asset | None, new: Asset) -> list[str]:
    """Names of the fields that differ."""
    if old is None:
        return []
    return [name for name in new.__dict__ if name != "version" and getattr(old, name) != getattr(new, name)]


def _no_asset(id_or_name: str) -> NotFound:
    return NotFound(
        N_("There is no entry %(value)s in the register."),
        mend=N_("See weicheng assets list."),
        value=id_or_name[:60],
    )


def _changed(name: str) -> Conflict:
    return Conflict(
        N_("%(name)s was changed by somebody else, or retired, in the meantime."),
        mend=N_("Read it again and repeat the change."),
        name=name,
    )
