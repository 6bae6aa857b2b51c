"""A small city network behind an App: recorded screens and SNMP values of memory instead of devices, the services real."""

from pathlib import Path

from console.compose.app import App
from console.compose.monitor import load_thresholds
from kernel.assets import Asset, AssetKind, Link
from kernel.credentials import Credential
from kernel.identity.model import Principal
from monitor.adapters.snmp import MemoryAgents
from monitor.adapters.tls import MemoryEndpoints
from monitor.service import MonitorService, Services
from netops.collection.replay import ReplayCollector

RANGE = Path(__file__).parent.parent / "range"
COLLECTED = "ww-core-ios"


class Network:
    """What tests change behind the services: screens by device, SNMP values by asset, endpoints by address."""

    def __init__(self, app: App, admin: Principal) -> None:
        self.app = app
        self.admin = admin
        register = app.assets
        register.import_zones(admin, RANGE / "zones.csv", all_or_nothing=True)
        register.import_table(admin, RANGE / "register.csv", all_or_nothing=True)
        secret = Credential(
            username="weicheng",
            password="device-Password-93",
            snmp_user="weicheng",
            snmp_auth="snmp-Auth-93",
            snmp_priv="snmp-Priv-93",
        )
        app.floor.credentials.put(admin, "range", secret)
        folders = sorted(path.parent for path in (RANGE / "hosts").glob("*/running-config"))
        screens = {folder.name: (folder / "running-config").read_text("utf-8") for folder in folders}
        self.collector = ReplayCollector(screens)
        app.netops.collection._collector = self.collector
        self.agents, self.endpoints = MemoryAgents({}), MemoryEndpoints({})
        floor = app.floor
        kernel = Services(
            floor.database, floor.clock, floor.access, floor.register, floor.credentials, floor.evidence
        )
        app.__dict__["monitor"] = MonitorService(kernel, self.agents, self.endpoints, load_thresholds())

    def id(self, name: str) -> str:
        return self.app.assets.asset(name).id

    def change(self, device: str, old: str, new: str) -> None:
        assert old in self.collector.screens[device]
        self.collector.screens[device] = self.collector.screens[device].replace(old, new)

    def collect(self, *devices: str) -> None:
        self.app.netops.collection.collect(self.admin, devices)

    def register(self, name: str, kind: AssetKind, zone: str, address: str, **attributes: str | int) -> str:
        unit = self.admin.unit
        asset = Asset(
            "", kind, name, unit, zone, address, "cisco_ios", 3, {"credential": "range", **attributes}
        )
        return self.app.assets.put_asset(self.admin, asset).id

    def link(self, a: str, a_port: str, b: str, b_port: str) -> None:
        self.app.assets.put_link(self.admin, Link(self.id(a), a_port, self.id(b), b_port))
