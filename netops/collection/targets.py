"""Whom to collect from: registered devices of the asker's units, with credential, pinned host key and circumstances."""

import ipaddress
from collections.abc import Mapping, Sequence

from kernel.assets.model import Asset, AssetKind
from kernel.assets.service import Register
from kernel.credentials import Credentials
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from netops.collection import store
from netops.collection.model import Target
from netops.compliance.checks import Circumstances
from netops.vendors import Vendor

DEFAULT_SSH_PORT = 22
READ_SECONDS = 60.0
KINDS = (AssetKind.DEVICE, AssetKind.GATEWAY)


class Targets:
    """Turns entries of the register into targets. ``read_seconds`` holds unless an entry has an attribute of that name."""

    def __init__(
        self,
        database: Database,
        access: Access,
        register: Register,
        credentials: Credentials,
        vendors: Mapping[str, Vendor],
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._database = database
        self._access = access
        self._register = register
        self._credentials = credentials
        self._vendors = vendors
        self._read_seconds = read_seconds

    def chosen(self, principal: Principal, devices: Sequence[str]) -> list[Asset]:
        """The named devices, each of which must be of the principal's units; all of those units when none is named."""
        if devices:
            chosen = [self.device(name) for name in dict.fromkeys(devices)]
            for asset in chosen:
                self._access.require(principal, Permission.NETOPS_CONFIG_COLLECT, unit=asset.unit)
            return chosen
        visible = self._access.visible_units(principal)
        found = [asset for kind in KINDS for asset in self._register.assets(kind=kind)]
        able = [asset for asset in found if asset.platform and asset.address and asset.retired_at is None]
        return [asset for asset in able if visible is None or asset.unit in visible]

    def device(self, name: str) -> Asset:
        """A device or gateway by name or id; NotFound for anything else."""
        asset = self._register.asset(name)
        if asset.kind not in KINDS:
            raise NotFound(N_("%(name)s is no device."), name=name)
        return asset

    def vendor(self, platform: str) -> Vendor | None:
        """What is known of a platform."""
        return self._vendors.get(platform)

    def target(self, asset: Asset) -> Target:
        """Invalid when the platform is not known, NotFound when the credential is not stored."""
        vendor = self.vendor(asset.platform)
        if vendor is None:
            raise Invalid(
                N_("The platform %(platform)s is not known."),
                mend=N_("Known are: %(known)s."),
                place=asset.name,
                platform=asset.platform,
                known=", ".join(sorted(self._vendors)),
            )
        with self._database.read() as connection:
            pinned = store.pinned_key(connection, asset.id)
        return Target(
            device_id=asset.id,
            name=asset.name,
            address=asset.address,
            port=int(asset.attributes.get("ssh_port", DEFAULT_SSH_PORT)),
            vendor=vendor,
            credential=self._credentials.get(str(asset.attributes.get("credential", ""))),
            pinned=pinned,
            legacy=is_legacy(asset),
            timeout=float(asset.attributes.get("read_seconds", self._read_seconds)),
        )

    def circumstances(self, assets: Sequence[Asset]) -> dict[str, Circumstances]:
        """What the rules need to know of each device beside its configuration, by device id."""
        zones = self._register.zones()
        networks = {zone.id: zone.network.value for zone in zones}
        prefixes = tuple(
            (zone.network.value, ipaddress.ip_network(prefix)) for zone in zones for prefix in zone.prefixes
        )
        return {
            asset.id: Circumstances(
                network=networks.get(asset.zone, ""),
                prefixes=prefixes,
                gateway=asset.kind is AssetKind.GATEWAY or asset.platform == "isolation_gateway",
                legacy_ssh=is_legacy(asset),
            )
            for asset in assets
        }


def is_legacy(asset: Asset) -> bool:
    """Whether the register allows outdated SSH algorithms for this device."""
    return str(asset.attributes.get("ssh_legacy", "")).lower() in ("1", "true", "yes")
