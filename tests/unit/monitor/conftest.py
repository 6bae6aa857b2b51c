"""A small network of memory: a core and an access switch inside, a core outside, an isolation gateway between them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from console.compose.monitor import load_thresholds
from kernel.assets import Asset, AssetKind, Link, Network, Zone
from kernel.assets.service import Register
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.credentials import Credential, Credentials
from kernel.evidence.ports import Sealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.secrets import SecretBox
from kernel.store import Database
from kernel.store.listing import Ask, every
from monitor import mib
from monitor.adapters.snmp import MemoryAgents
from monitor.adapters.tls import MemoryEndpoints
from monitor.model import STANDING, Finding, FindingState, Oid, TrapRecord, Value
from monitor.service import MonitorService, Services
from monitor.standing import Status
from tests.unit.monitor.netsnmp import Snmpd

ZONES = (
    Zone("intranet", "内网", Network.INTRANET, ("10.1.0.0/16",), 3),
    Zone("extranet", "外网", Network.EXTRANET, ("10.2.0.0/16",), 3),
)
DEVICES = (
    ("nw-core", AssetKind.DEVICE, "u_city", "intranet", "10.1.0.1"),
    ("nw-acc", AssetKind.DEVICE, "u_county", "intranet", "10.1.0.2"),
    ("gap-in", AssetKind.GATEWAY, "u_city", "intranet", "10.1.0.254"),
    ("gap-out", AssetKind.GATEWAY, "u_city", "extranet", "10.2.0.254"),
    ("ww-core", AssetKind.DEVICE, "u_city", "extranet", "10.2.0.1"),
)
NAMES = {1: "nw-core", 2: "nw-acc", 3: "gap-in", 4: "gap-out", 5: "ww-core"}  # by the index of chassis()
LINKS = (
    ("nw-core", "GE0/0/1", "nw-acc", "GE1/0/24"),
    ("nw-core", "GE0/0/3", "gap-in", "eth0"),
    ("gap-out", "eth0", "ww-core", "Gi1/0/3"),
)


class NoSealer:
    """Evidence is written here and sealed elsewhere."""


@dataclass
class World:
    """The room over memory adapters."""

    database: Database
    clock: FixedClock
    register: Register
    service: MonitorService
    agents: MemoryAgents
    endpoints: MemoryEndpoints
    evidence: EvidenceService

    def id(self, name: str) -> str:
        return self.register.asset(name).id

    def status(self, who: Principal) -> list[Status]:
        return list(every(partial(self.service.polling.page, who)))

    def findings(self, who: Principal, states: Iterable[FindingState] = STANDING) -> list[Finding]:
        asked = Ask(filters={"state": tuple(map(str, states))})
        return [one.finding for one in every(partial(self.service.findings.page, who), asked)]

    def traps(self, who: Principal) -> list[TrapRecord]:
        return [one.trap for one in every(partial(self.service.notifications.page, who))]

    def answer(self, name: str, *more: dict[Oid, Value], index: int = 0) -> None:
        """Let an agent answer; its chassis id is made of ``index``, 0 for a device without LLDP."""
        self.agents.agents[self.id(name)] = system(name, index) | {
            k: v for part in more for k, v in part.items()
        }


def system(name: str, index: int = 0, uptime: int = 360_000) -> dict[Oid, Value]:
    values: dict[Oid, Value] = {
        mib.SYS_NAME: name.encode(),
        mib.SYS_DESCR: b"a device",
        mib.SYS_OBJECT_ID: (1, 3, 6, 1, 4, 1, 9),
        mib.SYS_UPTIME: uptime,
    }
    if index:
        values |= {mib.LOCAL_CHASSIS_TYPE: 4, mib.LOCAL_CHASSIS: chassis(index)}
    return values


def chassis(index: int) -> bytes:
    return bytes([0, 0, 0, 0, 1, index])


def neighbour(
    number: int, port: str, peer: int, peer_port: str, name: str = "", address: str = ""
) -> dict[Oid, Value]:
    """One row of the LLDP tables: local port number ``number`` called ``port``."""
    index = (0, number, 1)
    values: dict[Oid, Value] = {
        (*mib.LOCAL_PORT_TYPE, number): 5,
        (*mib.LOCAL_PORT, number): port.encode(),
        mib.REM_CHASSIS_TYPE + index: 4,
        mib.REM_CHASSIS + index: chassis(peer),
        mib.REM_PORT_TYPE + index: 5,
        mib.REM_PORT + index: peer_port.encode(),
        mib.REM_NAME + index: (name or NAMES.get(peer, "")).encode(),
    }
    if address:
        values[mib.REM_ADDRESS + index + (1, 4) + tuple(map(int, address.split(".")))] = 2
    return values


@pytest.fixture
def world(
    any_database: Database, clock: FixedClock, network_admin: Principal, officer: Principal, tmp_path: Path
) -> World:
    access = Access(any_database)
    register = Register(any_database, clock, access)
    for zone in ZONES:
        register.put_zone(network_admin, zone)
    ids = {}
    for name, kind, unit, zone_id, address in DEVICES:
        attributes = {"credential": "range", "snmp_port": 1161}
        asset = Asset("", kind, name, unit, zone_id, address, "cisco_ios", 3, attributes)
        ids[name] = register.put_asset(network_admin, asset).id
    for a, a_port, b, b_port in LINKS:
        register.put_link(network_admin, Link(ids[a], a_port, ids[b], b_port))
    credentials = Credentials(any_database, clock, access, SecretBox(tmp_path / "box.key"))
    secret = Credential(snmp_user="weicheng", snmp_auth="authentication", snmp_priv="privacy-1")
    credentials.put(officer, "range", secret)
    sealer: Sealer = NoSealer()  # type: ignore[assignment]
    evidence = EvidenceService(any_database, clock, access, MemoryBlobs(), sealer)
    agents, endpoints = MemoryAgents({}), MemoryEndpoints({})
    kernel = Services(any_database, clock, access, register, credentials, evidence)
    service = MonitorService(kernel, agents, endpoints, load_thresholds())
    return World(any_database, clock, register, service, agents, endpoints, evidence)


@pytest.fixture
def network(world: World) -> World:
    """The network as it is registered: every agent answers and LLDP agrees with the register."""
    world.answer("nw-core", neighbour(1, "GigabitEthernet0/0/1", 2, "GigabitEthernet1/0/24"),
                 neighbour(3, "GigabitEthernet0/0/3", 3, "eth0"), index=1)  # fmt: skip
    world.answer("nw-acc", neighbour(24, "GigabitEthernet1/0/24", 1, "GigabitEthernet0/0/1"), index=2)
    world.answer("gap-in", neighbour(1, "eth0", 1, "GigabitEthernet0/0/3"), index=3)
    world.answer("gap-out", neighbour(1, "eth0", 5, "GigabitEthernet1/0/3"), index=4)
    world.answer("ww-core", neighbour(3, "GigabitEthernet1/0/3", 4, "eth0"), index=5)
    return world


@pytest.fixture(scope="session")
def snmpd() -> Iterator[Snmpd]:
    agent = Snmpd()
    yield agent
    agent.stop()
