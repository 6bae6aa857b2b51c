"""The network that is seen against the network that is registered (MON-2)."""

from dataclasses import dataclass

from kernel.audit.model import AuditAction
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from monitor import store
from monitor.model import TOPOLOGY_KINDS, Device, Finding, Neighbour
from monitor.services.base import Base, Work
from monitor.services.findings import Findings
from monitor.topology import NetworkView, Sighting, compare


@dataclass(frozen=True)
class NetworkCheck:
    """A comparison and the findings that stand after it."""

    view: NetworkView
    findings: tuple[Finding, ...]


class Network:
    """Compares the last polls' neighbours with the register."""

    def __init__(self, base: Base, findings: Findings) -> None:
        self._base = base
        self._findings = findings

    def view(self, principal: Principal) -> NetworkView:
        """The whole network: who may read monitoring sees how it hangs together, as the zones are."""
        self._base.seen_units(principal)
        return self._compare()

    def check(self, principal: Principal) -> NetworkCheck:
        """Compare, and open or close findings accordingly; devices that did not answer keep theirs as they are."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        view = self._compare()
        assets = {asset.id: asset for asset in view.assets}
        checked = frozenset(asset for asset, device in view.devices.items() if _sees(device))
        with self._base.database.begin() as uow:
            done = self._findings.reconcile(
                uow, TOPOLOGY_KINDS, checked & assets.keys(), view.comparison.observations, assets
            )
            details = {
                "edges": len(view.comparison.seen),
                "findings": len(done.present),
                "unverifiable": len(view.comparison.unverifiable),
            }
            uow.audit(principal, AuditAction.MONITOR_TOPOLOGY, "monitor", details=details)
        return NetworkCheck(view, done.present)

    def request(self, principal: Principal) -> str:
        """Have a worker compare; the job's id."""
        self._base.access.require(principal, Permission.MONITOR_CHECK)
        return self._base.request(principal, Work.TOPOLOGY)

    def _compare(self) -> NetworkView:
        register = self._base.register
        assets, zones, links = register.assets(), register.zones(), register.links()
        with self._base.database.read() as connection:
            devices = store.read_devices(connection)
            neighbours = store.read_neighbours(connection)
        sightings = [
            _sighting(device, neighbours.get(asset, ()))
            for asset, device in devices.items()
            if device.answered_at is not None
        ]
        comparison = compare(assets, zones, links, sightings)
        return NetworkView(tuple(assets), tuple(zones), tuple(links), devices, comparison)


def _sees(device: Device) -> bool:
    """Whether the last poll told everything of its neighbours."""
    return (
        device.answered_at is not None
        and device.problem is None
        and "neighbours" not in device.facts.get("gaps", ())
    )


def _sighting(device: Device, neighbours: tuple[Neighbour, ...]) -> Sighting:
    """What a device sees, or saw before it fell silent."""
    chassis = str(device.facts.get("chassis", ""))
    return Sighting(device.asset, device.lldp, chassis, neighbours, current=_sees(device))
