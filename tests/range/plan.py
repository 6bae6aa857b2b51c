"""plan.yaml and faults.yaml as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Host:
    """One host of the plan. ``kind`` is simulated, real or seen (only its neighbours speak of it)."""

    name: str
    kind: str
    platform: str
    address: str
    network: str
    title: Mapping[str, str]
    mac: str
    community: str = ""
    tls: str = ""  # "" no endpoint, else valid or expired
    syslog: Mapping[str, str] = field(default_factory=dict)  # transport udp | tcp | tls, framing lf | octets

    @property
    def folder(self) -> Path:
        return FOLDER / "hosts" / self.name

    def text(self, name: str) -> str:
        """A file of the host's folder, such as ``running-config``."""
        return (self.folder / name).read_text("utf-8")


@dataclass(frozen=True)
class Link:
    """A cable between two ports, by host names."""

    a: str
    a_port: str
    b: str
    b_port: str
    registered: bool = True


@dataclass(frozen=True)
class Neighbour:
    """What LLDP tells one host of another: own port, the other host and its port."""

    port: str
    host: Host
    host_port: str


@dataclass(frozen=True)
class Plan:
    """The whole network."""

    hosts: tuple[Host, ...]
    links: tuple[Link, ...]
    lldp_silent: frozenset[str]
    ports: Mapping[str, int]
    receivers: Mapping[str, str]
    networks: Mapping[str, Any]
    username: str

    def host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def shifted(self, offset: int) -> "Plan":
        """The same with every port moved, so that several practice networks can run on one machine."""
        return replace(self, ports={name: port + offset for name, port in self.ports.items()})

    def of_kind(self, kind: str) -> list[Host]:
        return [host for host in self.hosts if host.kind == kind]

    def neighbours(self, name: str) -> list[Neighbour]:
        """What ``name`` learns by LLDP; nothing when it, or the other end, has no LLDP agent."""
        if name in self.lldp_silent:
            return []
        ends = [(link.a, link.a_port, link.b, link.b_port) for link in self.links]
        ends += [(link.b, link.b_port, link.a, link.a_port) for link in self.links]
        return [
            Neighbour(port, self.host(other), other_port)
            for host, port, other, other_port in ends
            if host == name and other not in self.lldp_silent
        ]


def load_plan(path: Path = FOLDER / "plan.yaml") -> Plan:
    raw = yaml.safe_load(path.read_text("utf-8"))
    return Plan(
        hosts=tuple(Host(**entry) for entry in raw["hosts"]),
        links=tuple(Link(**entry) for entry in raw["links"]),
        lldp_silent=frozenset(raw["lldp_silent"]),
        ports=raw["ports"],
        receivers=raw["receivers"],
        networks=raw["networks"],
        username=raw["credential"]["username"],
    )


def load_faults(path: Path = FOLDER / "faults.yaml") -> list[dict[str, Any]]:
    """The planted faults: id, host, title, expected."""
    faults: list[dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["faults"]
    return faults
