"""What every use case of monitoring stands on."""

from collections.abc import Callable
from dataclasses import dataclass

from kernel.assets import Asset, AssetKind
from kernel.assets.service import Register
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database

POLLED_KINDS = (AssetKind.DEVICE, AssetKind.GATEWAY)
DEFAULT_SNMP_PORT = 161


@dataclass(frozen=True)
class Base:
    """Store, time, rights and the register."""

    database: Database
    clock: Clock
    access: Access
    register: Register

    def polled(self, principal: Principal, names: tuple[str, ...] = ()) -> list[Asset]:
        """Devices with an agent of the principal's units, or the named ones of these; NotFound for any other."""
        return self._chosen(
            principal, names, lambda asset: asset.kind in POLLED_KINDS and bool(asset.address)
        )

    def endpoints(self, principal: Principal, names: tuple[str, ...] = ()) -> list[Asset]:
        """Entries with a TLS port of the principal's units, or the named ones of these."""
        return self._chosen(
            principal, names, lambda asset: bool(asset.address) and "tls_port" in asset.attributes
        )

    def seen_units(self, principal: Principal) -> frozenset[str] | None:
        """Check the right to read; the units whose things the principal sees (None: all)."""
        self.access.require(principal, Permission.MONITOR_READ)
        return self.access.visible_units(principal)

    def _chosen(
        self, principal: Principal, names: tuple[str, ...], wanted: Callable[[Asset], bool]
    ) -> list[Asset]:
        units = self.access.visible_units(principal)
        assets = [
            asset
            for asset in self.register.assets()
            if wanted(asset) and (units is None or asset.unit in units)
        ]
        if not names:
            return assets
        by_name = {asset.name: asset for asset in assets} | {asset.id: asset for asset in assets}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise NotFound(
                N_("%(names)s can not be monitored: not in the register, or without address."),
                mend=N_("See weicheng assets list."),
                names=", ".join(unknown),
            )
        return [by_name[name] for name in names]
