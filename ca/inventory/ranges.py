"""Which addresses are looked at: only what is private or declared in the register, each with the unit it belongs to."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from ca.inventory import store
from ca.inventory.model import Range, network_of, ports_of
from ca.inventory.tables import ranges
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database
from kernel.store.listing import Ask, Page


class Ranges:
    """Adds, changes and removes ranges."""

    def __init__(self, database: Database, clock: Clock, access: Access, register: Register) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._register = register

    def page(self, principal: Principal, ask: Ask) -> Page[Range]:
        """Those of the principal's units. Filter: unit."""
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            return store.RANGES.page(connection, ask, *self._access.seen(principal, ranges.c.unit))

    def show(self, principal: Principal, range_id: str) -> Range:
        self._access.require(principal, Permission.CA_INVENTORY_READ)
        with self._database.read() as connection:
            found = store.read_range(connection, range_id)
        if not self._access.covers(principal, found.unit):
            raise store.no_range(range_id)
        return found

    def add(
        self, principal: Principal, *, name: str, network: str, ports: Sequence[int], unit: str, reason: str
    ) -> Range:
        """Have a range looked at from the next scan on. Conflict for a network that is there already."""
        self._access.require(principal, Permission.CA_INVENTORY_WORK, unit=unit)
        one = Range(new_id("rng"), name, network, tuple(ports), unit)
        return self._put(principal, one, reason)

    def change(
        self,
        principal: Principal,
        range_id: str,
        *,
        name: str,
        ports: Sequence[int],
        enabled: bool,
        reason: str,
    ) -> Range:
        """Another name, other ports, or left out for a time."""
        self._access.require(principal, Permission.CA_INVENTORY_WORK)
        found = self.show(principal, range_id)
        return self._put(principal, replace(found, name=name, ports=tuple(ports), enabled=enabled), reason)

    def remove(self, principal: Principal, range_id: str, reason: str) -> None:
        """Look at it no more; what was seen there stays until it is seen elsewhere or removed by time."""
        self._access.require(principal, Permission.CA_INVENTORY_WORK)
        found = self.show(principal, range_id)
        with self._database.begin() as uow:
            store.remove_range(uow.connection, found.id)
            details = {"network": found.network, "removed": True}
            target = f"range:{found.id}"
            uow.audit(
                principal,
                AuditAction.CA_INVENTORY_RANGE,
                target,
                unit=found.unit,
                reason=reason,
                details=details,
            )

    def _put(self, principal: Principal, one: Range, reason: str) -> Range:
        declared = [prefix for zone in self._register.zones() for prefix in zone.prefixes]
        network = str(network_of(one.network, declared))
        now = self._clock.now()
        made = replace(
            one, network=network, ports=ports_of(one.ports), changed_by=principal.id, changed_at=now
        )
        with self._database.begin() as uow:
            if any(
                self._taken(principal, network, *other) for other in store.networks(uow.connection, one.id)
            ):
                raise Conflict(N_("This network is looked at already."), place=network)
            store.put_range(uow.connection, made)
            details = {"network": network, "ports": list(made.ports), "enabled": made.enabled}
            target = f"range:{made.id}"
            uow.audit(
                principal,
                AuditAction.CA_INVENTORY_RANGE,
                target,
                unit=made.unit,
                reason=reason,
                details=details,
            )
            return store.read_range(uow.connection, made.id)

    def _taken(self, principal: Principal, network: str, other: str, unit: str) -> bool:
        """The same network; or one of another unit's, whose endpoints and findings would change hands by a part of it."""
        if network == other:
            return True
        mine, theirs = ip_network(network), ip_network(other)
        return (
            mine.version == theirs.version
            and mine.overlaps(theirs)
            and not self._access.covers(principal, unit)
        )
