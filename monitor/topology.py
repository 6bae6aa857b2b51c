"""The network as LLDP shows it against the network as it is registered (MON-2).

Who a neighbour is: by its chassis id where we have polled the bearer of that id; otherwise by management address or name,
but never as a device that we know by another chassis id. LLDP authenticates nobody, so a name alone proves little.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kernel.assets import Asset, AssetKind, Link, Network, Zone
from monitor.model import Device, FindingKind, Neighbour, Observation

_PORT_TYPES = {
    "GigabitEthernet": ("gi", "ge", "gigabitethernet"),
    "TenGigabitEthernet": ("te", "xge", "xgigabitethernet", "ten-gigabitethernet", "tengigabitethernet"),
    "FortyGigabitEthernet": ("fo", "fortygige", "fortygigabitethernet"),
    "HundredGigabitEthernet": ("hu", "hundredgige", "hundredgigabitethernet"),
    "FastEthernet": ("fa", "fastethernet"),
    "Ethernet": ("et", "ethernet"),
}
_LONG = {short: name for name, ways in _PORT_TYPES.items() for short in ways}
_PORT = re.compile(r"([a-z-]+?)\s*(\d[\d/.:]*)")
Ends = frozenset[tuple[str, str]]
_IN_USE_FOR_LINKS = (AssetKind.DEVICE, AssetKind.GATEWAY, AssetKind.SYSTEM)


@dataclass(frozen=True)
class Sighting:
    """One polled device's view: whether it speaks LLDP, its own chassis id, its neighbours.

    ``current`` is False for a device that did not tell at its last poll: what it told before is remembered, not seen.
    """

    asset: str
    lldp: bool
    chassis: str
    neighbours: tuple[Neighbour, ...] = ()
    current: bool = True


@dataclass(frozen=True)
class Edge:
    """A link as seen from ``a``; ``b`` is "" for a device that the register does not know.

    ``neighbour`` is what the other end says of itself, ``fault`` what is wrong with the link. A ``remembered`` link is
    one that only devices told of which are silent now.
    """

    a: str
    a_port: str
    b: str
    b_port: str
    neighbour: Neighbour
    bypass: bool = False
    fault: FindingKind | None = None
    remembered: bool = False

    @property
    def ends(self) -> Ends:
        return frozenset({(self.a, port_key(self.a_port)), (self.b, port_key(self.b_port))})


@dataclass(frozen=True)
class Comparison:
    """Edges (each link once), what is wrong, and registered links that no LLDP speaker could confirm."""

    edges: tuple[Edge, ...]
    observations: tuple[Observation, ...]
    unverifiable: tuple[Link, ...]

    @property
    def seen(self) -> tuple[Edge, ...]:
        """The edges that somebody tells of now."""
        return tuple(edge for edge in self.edges if not edge.remembered)


@dataclass(frozen=True)
class NetworkView:
    """Everything a picture of the network needs."""

    assets: tuple[Asset, ...]
    zones: tuple[Zone, ...]
    links: tuple[Link, ...]
    devices: Mapping[str, Device]
    comparison: Comparison


def port_key(port: str) -> str:
    """One form for the ways a port's name is written: Gi1/0/1, GE1/0/1 and GigabitEthernet1/0/1 are the same."""
    plain = port.strip().casefold()
    match = _PORT.fullmatch(plain)
    if match is None:
        return plain
    return _LONG.get(match[1], match[1]) + match[2]


def compare(
    assets: Sequence[Asset], zones: Sequence[Zone], links: Sequence[Link], sightings: Sequence[Sighting]
) -> Comparison:
    """Lay what the agents see over what is registered; a remembered link is shown with its fault, but observed by nobody."""
    world = _World(assets, zones, links, sightings)
    edges = world.edges()
    told = [world.judge(edge) for edge in edges]
    seen = [one for edge, one in zip(edges, told, strict=True) if one and not edge.remembered]
    missing, unverifiable = world.absent(seen)
    observations = sorted([*seen, *missing], key=lambda observation: observation.key)
    judged = tuple(
        replace(edge, fault=one.kind if one else None) for edge, one in zip(edges, told, strict=True)
    )
    return Comparison(judged, tuple(observations), tuple(unverifiable))


class _World:
    """The register and the sightings, indexed."""

    def __init__(
        self,
        assets: Sequence[Asset],
        zones: Sequence[Zone],
        links: Sequence[Link],
        sightings: Sequence[Sighting],
    ) -> None:
        self._assets = {asset.id: asset for asset in assets if asset.kind in _IN_USE_FOR_LINKS}
        self._networks = {zone.id: zone.network for zone in zones}
        self._links = [link for link in links if link.a in self._assets and link.b in self._assets]
        self._by_ends = frozenset(map(_ends, self._links))
        self._by_port = {end: link for link in self._links for end in _ends(link)}
        self._by_pair: dict[frozenset[str], list[Link]] = {}
        for link in self._links:
            self._by_pair.setdefault(frozenset({link.a, link.b}), []).append(link)
        self._there: frozenset[Ends] = frozenset()
        self._sightings = [sighting for sighting in sightings if sighting.asset in self._assets]
        self._by_chassis = {s.chassis: s.asset for s in self._sightings if s.chassis}
        self._with_chassis = frozenset(self._by_chassis.values())
        self._by_name = {asset.name.casefold(): asset.id for asset in self._assets.values()}
        self._by_address = {asset.address: asset.id for asset in self._assets.values() if asset.address}
        self._speakers = frozenset(one.asset for one in self._sightings if one.lldp and one.current)

    def edges(self) -> list[Edge]:
        """Every link that is seen, once, though both of its ends may tell of it; then those that are remembered."""
        seen = self._told(current=True)
        ports = frozenset(end for ends in seen for end in ends)
        # a port that is seen elsewhere now belies what was remembered of it
        remembered = {ends: edge for ends, edge in self._told(current=False).items() if not ends & ports}
        self._there = frozenset(seen) | frozenset(remembered)
        return [*seen.values(), *remembered.values()]

    def _told(self, *, current: bool) -> dict[Ends, Edge]:
        found: dict[Ends, Edge] = {}
        told = (sighting for sighting in self._sightings if sighting.current is current)
        for sighting in sorted(told, key=lambda sighting: self._assets[sighting.asset].name):
            for neighbour in sorted(sighting.neighbours, key=lambda n: (n.local_port, n.chassis, n.port)):
                edge = self._edge(sighting, neighbour)
                found.setdefault(edge.ends, edge)
        return found

    def _edge(self, sighting: Sighting, neighbour: Neighbour) -> Edge:
        a, b = sighting.asset, self.identify(neighbour)
        return Edge(
            a,
            neighbour.local_port,
            b,
            neighbour.port,
            neighbour,
            bypass=bool(b) and self._bypasses(a, b),
            remembered=not sighting.current,
        )

    def identify(self, neighbour: Neighbour) -> str:
        """Id of the registered device the neighbour is, or ""."""
        if neighbour.chassis in self._by_chassis:
            return self._by_chassis[neighbour.chassis]
        claims = [self._by_address.get(address, "") for address in neighbour.addresses]
        claims.append(self._by_name.get(neighbour.name.casefold().partition(".")[0], ""))
        claims.append(self._by_name.get(neighbour.name.casefold(), ""))
        return next((claim for claim in claims if claim and claim not in self._with_chassis), "")

    def _bypasses(self, a: str, b: str) -> bool:
        """A link between the intranet and another network is allowed inside an isolation gateway alone."""
        ends = (self._assets[a], self._assets[b])
        networks = {self._networks.get(end.zone) for end in ends} - {None}
        inside = all(end.kind is AssetKind.GATEWAY for end in ends)
        return Network.INTRANET in networks and len(networks) > 1 and not inside

    def judge(self, edge: Edge) -> Observation | None:
        """What is wrong with one link, the worst first."""
        if not edge.b:
            return self._unregistered(edge)
        if edge.bypass:
            return self._link_fault(FindingKind.GATEWAY_BYPASS, edge)
        if edge.ends in self._by_ends:
            return None
        moved_from = self._moved_from(edge)
        if moved_from is not None:
            registered = {"registered": self._named(moved_from)}
            return self._link_fault(FindingKind.MOVED_LINK, edge, **registered)
        return self._link_fault(FindingKind.UNREGISTERED_LINK, edge)

    def _moved_from(self, edge: Edge) -> Link | None:
        """The registered link, not seen in its place, that one of the ports or the same pair of devices should have."""
        links = [self._by_port[end] for end in sorted(edge.ends) if end in self._by_port]
        links += self._by_pair.get(frozenset({edge.a, edge.b}), ())
        return next((link for link in links if _ends(link) not in self._there), None)

    def absent(self, seen: Iterable[Observation]) -> tuple[list[Observation], list[Link]]:
        """Registered links that are not there, and those whose ends do not both speak LLDP, so that nobody can tell."""
        moved = {
            observation.details["registered"] for observation in seen if "registered" in observation.details
        }
        gone: list[Observation] = []
        unverifiable: list[Link] = []
        for link in self._links:
            if _ends(link) in self._there or self._named(link) in moved:
                continue
            if {link.a, link.b} <= self._speakers:
                (a, a_port), (b, b_port) = self._ordered((link.a, link.a_port), (link.b, link.b_port))
                details = {"registered": self._named(link), "neighbour": self._assets[b].name}
                subject = self._subject(a_port, b, b_port)
                gone.append(Observation(FindingKind.MISSING_LINK, a, subject, details))
            else:
                unverifiable.append(link)
        return gone, unverifiable

    def _unregistered(self, edge: Edge) -> Observation:
        details = {
            "port": edge.a_port,
            "neighbour": edge.neighbour.name,
            "neighbour_port": edge.b_port,
            "chassis": edge.neighbour.chassis,
            "addresses": list(edge.neighbour.addresses),
        }
        subject = f"{edge.a_port} - {edge.neighbour.chassis or edge.neighbour.name}"
        return Observation(FindingKind.UNREGISTERED_DEVICE, edge.a, subject, details)

    def _link_fault(self, kind: FindingKind, edge: Edge, **more: str) -> Observation:
        """A fault of a link, told from its intranet end, or else from the end whose name comes first."""
        (a, a_port), (b, b_port) = self._ordered((edge.a, edge.a_port), (edge.b, edge.b_port))
        details = {"port": a_port, "neighbour": self._assets[b].name, "neighbour_port": b_port, **more}
        return Observation(kind, a, self._subject(a_port, b, b_port), details)

    def _subject(self, a_port: str, b: str, b_port: str) -> str:
        """The same text for the same link, whichever end tells of it and however it writes the ports."""
        return f"{port_key(a_port)} - {self._assets[b].name} {port_key(b_port)}"

    def _ordered(self, *ends: tuple[str, str]) -> list[tuple[str, str]]:
        """The intranet's end first, else that whose name comes first."""
        return sorted(ends, key=lambda end: (self._rank(end[0]), end[1]))

    def _rank(self, asset: str) -> tuple[bool, str]:
        end = self._assets[asset]
        return (self._networks.get(end.zone) is not Network.INTRANET, end.name)

    def _named(self, link: Link) -> str:
        (a, a_port), (b, b_port) = self._ordered((link.a, link.a_port), (link.b, link.b_port))
        return f"{self._assets[a].name} {a_port} - {self._assets[b].name} {b_port}"


def _ends(link: Link) -> Ends:
    return frozenset({(link.a, port_key(link.a_port)), (link.b, port_key(link.b_port))})
