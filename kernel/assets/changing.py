"""Changes of the register inside a transaction: rules, versions, audit and events; from a form, a file or a program."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kernel.assets import store
from kernel.assets.model import Asset, Link, Zone, check_asset, check_link, check_zone
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import UnitOfWork


@dataclass(frozen=True)
class Ground:
    """What an entry may refer to: the zones and units there are, and the units the principal sees (None: all)."""

    zones: Mapping[str, Zone]
    units: Mapping[str, str]
    visible: frozenset[str] | None


class Changes:
    """Writes entries, zones and links in the caller's transaction."""

    def __init__(self, clock: Clock, access: Access) -> None:
        self._clock = clock
        self._access = access

    @staticmethod
    def ground(uow: UnitOfWork, visible: frozenset[str] | None) -> Ground:
        """Read once for as many entries as there are."""
        zones = {zone.id: zone for zone in store.read_zones(uow.connection)}
        return Ground(zones, store.read_units(uow.connection), visible)

    def put_asset(
        self, uow: UnitOfWork, principal: Principal, asset: Asset, ground: Ground, reason: str | None = None
    ) -> Asset:
        """Insert (version 0; id "" gets one) or replace the version it was read with."""
        asset = check_asset(asset, ground.zones)
        if asset.unit not in ground.units:
            raise Invalid(N_("There is no unit %(value)s."), place="unit", value=asset.unit[:60])
        _require_unit(ground, asset.unit)
        old = store.read_asset(uow.connection, asset.id) if asset.id else None
        if old is not None and not _seen(ground, old.unit):
            raise no_asset(asset.id)
        _refuse_clash(uow, asset)
        if _sends_credential_elsewhere(old, asset):
            self._access.require_root(principal, Permission.ASSET_WRITE)
        made = replace(asset, id=asset.id or new_id("asset"), version=asset.version + 1, retired_at=None)
        self._write(uow, old, made)
        details = {"name": made.name, "version": made.version, "changed": _difference(old, made)}
        target = f"asset:{made.id}"
        uow.audit(principal, AuditAction.ASSET_PUT, target, unit=made.unit, reason=reason, details=details)
        told = {"name": made.name, "kind": str(made.kind)}
        uow.emit(Event(EventKind.ASSET_CHANGED, made.id, told, made.unit))
        return made

    def _write(self, uow: UnitOfWork, old: Asset | None, made: Asset) -> None:
        if old is None and made.version == 1:
            if not store.insert_asset(uow.connection, made, self._clock.now()):
                raise _name_taken(made.name)
        elif not store.update_asset(uow.connection, made, self._clock.now()):
            raise changed(made.name)

    def retire(self, uow: UnitOfWork, principal: Principal, found: Asset, reason: str) -> None:
        """Take the version that was read out of use; its links go, its history stays."""
        now = self._clock.now()
        if not store.update_asset(
            uow.connection, replace(found, version=found.version + 1, retired_at=now), now
        ):
            raise changed(found.name)
        details = {"name": found.name, "links_removed": store.delete_links_of(uow.connection, found.id)}
        target = f"asset:{found.id}"
        uow.audit(
            principal, AuditAction.ASSET_RETIRE, target, unit=found.unit, reason=reason, details=details
        )
        uow.emit(Event(EventKind.ASSET_RETIRED, found.id, {"name": found.name}, found.unit))

    def put_zone(self, uow: UnitOfWork, principal: Principal, zone: Zone, reason: str | None = None) -> Zone:
        """Insert (version 0) or replace the version it was read with."""
        made = replace(check_zone(zone), version=zone.version + 1)
        stored = {known.id for known in store.read_zones(uow.connection)}
        if (zone.version == 0) == (zone.id in stored) or not store.write_zone(uow.connection, made):
            raise changed(zone.id)
        details = {"network": str(made.network), "prefixes": list(made.prefixes), "level": made.level}
        uow.audit(principal, AuditAction.ZONE_PUT, f"zone:{made.id}", reason=reason, details=details)
        uow.emit(Event(EventKind.ZONE_CHANGED, made.id, details))
        return made

    def remove_zone(self, uow: UnitOfWork, principal: Principal, zone: Zone, reason: str) -> None:
        """Only one in which no entry in use lies; retired entries forget it."""
        inside = store.count_in_zone(uow.connection, zone.id)
        if inside:
            raise Conflict(
                N_("%(count)s entries lie in zone %(zone)s."),
                mend=N_("Move them to other zones first."),
                count=inside,
                zone=zone.id,
            )
        if not store.delete_zone(uow.connection, zone):
            raise changed(zone.id)
        uow.audit(
            principal, AuditAction.ZONE_REMOVE, f"zone:{zone.id}", reason=reason, details={"name": zone.name}
        )
        uow.emit(Event(EventKind.ZONE_CHANGED, zone.id, {"removed": True}))

    def put_link(self, uow: UnitOfWork, principal: Principal, link: Link, reason: str | None = None) -> Link:
        """Its ends are named by id or by name."""
        between, unit = self._between_entries(uow, principal, link)
        made = check_link(between)
        if not store.insert_link(uow.connection, made):
            raise Conflict(N_("This link is registered already."), place="a")
        target = f"asset:{made.a}"
        uow.audit(principal, AuditAction.LINK_PUT, target, unit=unit, reason=reason, details=vars(made))
        uow.emit(Event(EventKind.LINK_CHANGED, made.a, dict(vars(made))))
        return made

    def remove_link(self, uow: UnitOfWork, principal: Principal, link: Link, reason: str) -> None:
        """Either end may come first; ends are named by id or by name."""
        between, unit = self._between_entries(uow, principal, link)
        gone = between.canonical()
        if not store.delete_link(uow.connection, gone):
            raise NotFound(N_("There is no such link."), place=f"{link.a} - {link.b}")
        target = f"asset:{gone.a}"
        uow.audit(principal, AuditAction.LINK_REMOVE, target, unit=unit, reason=reason, details=vars(gone))
        uow.emit(Event(EventKind.LINK_CHANGED, gone.a, {**vars(gone), "removed": True}))

    def _between_entries(self, uow: UnitOfWork, principal: Principal, link: Link) -> tuple[Link, str]:
        """The link by ids, and which of the principal's units it is for.

        Both ends exist, and one of them is of the principal's units: a county may register its line to the city.
        """
        a, b = (self._end(uow, column, end) for column, end in (("a", link.a), ("b", link.b)))
        own = next((end.unit for end in (a, b) if self._access.covers(principal, end.unit)), a.unit)
        self._access.require(principal, Permission.ASSET_WRITE, unit=own)
        return replace(link, a=a.id, b=b.id), own

    @staticmethod
    def _end(uow: UnitOfWork, column: str, name: str) -> Asset:
        found = store.read_asset(uow.connection, name)
        if found is None or found.retired_at:
            raise Invalid(N_("There is no entry %(value)s in the register."), place=column, value=name[:60])
        return found


def no_asset(id_or_name: str) -> NotFound:
    return NotFound(
        N_("There is no entry %(value)s in the register."),
        mend=N_("See weicheng assets list."),
        value=id_or_name[:60],
    )


def changed(name: str) -> Conflict:
    return Conflict(
        N_("%(name)s was changed by somebody else, or retired, in the meantime."),
        mend=N_("Read it again and repeat the change."),
        name=name,
    )


def _seen(ground: Ground, unit: str) -> bool:
    return ground.visible is None or unit in ground.visible


def _require_unit(ground: Ground, unit: str) -> None:
    if not _seen(ground, unit):
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
