"""Every link of the network once, seen or registered, with what is to be said of it: for pictures and tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.model import FindingKind, Neighbour
from monitor.topology import Edge, NetworkView

_NOBODY = Neighbour("", "", "")


class LinkState(StrEnum):
    """``unseen``: registered, but not both of its ends speak LLDP, so that nobody can tell."""

    SEEN = "seen"
    BYPASS = "bypass"
    STRANGER = "stranger"
    UNREGISTERED = "unregistered"
    MOVED = "moved"
    MISSING = "missing"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class DrawnLink:
    """``a`` and ``b`` are ids of the register, or for a device that it does not know a key of its own.

    ``b_name`` and ``b_address`` of such a device are what it says of itself. A ``remembered`` link was told of by devices
    that are silent now.
    """

    a: str
    a_name: str
    a_port: str
    b: str
    b_name: str
    b_port: str
    state: LinkState
    b_address: str = ""
    remembered: bool = False

    @property
    def stranger(self) -> bool:
        return self.state is LinkState.STRANGER


_OF_FAULT: Mapping[FindingKind | None, LinkState] = {
    None: LinkState.SEEN,
    FindingKind.GATEWAY_BYPASS: LinkState.BYPASS,
    FindingKind.UNREGISTERED_DEVICE: LinkState.STRANGER,
    FindingKind.UNREGISTERED_LINK: LinkState.UNREGISTERED,
    FindingKind.MOVED_LINK: LinkState.MOVED,
}


def drawn_links(view: NetworkView) -> list[DrawnLink]:
    """Seen links first, then those that are registered and not seen."""
    names = {asset.id: asset.name for asset in view.assets}
    found = [_seen(edge, names) for edge in view.comparison.edges]
    seen = {edge.ends for edge in view.comparison.edges}
    unverifiable = set(view.comparison.unverifiable)
    for link in view.links:
        ends = Edge(link.a, link.a_port, link.b, link.b_port, _NOBODY).ends
        if ends not in seen and link.a in names and link.b in names:
            state = LinkState.UNSEEN if link in unverifiable else LinkState.MISSING
            found.append(
                DrawnLink(link.a, names[link.a], link.a_port, link.b, names[link.b], link.b_port, state)
            )
    return found


def _seen(edge: Edge, names: Mapping[str, str]) -> DrawnLink:
    neighbour = edge.neighbour
    key = edge.b or f"?{neighbour.chassis}|{neighbour.name}"
    name = names[edge.b] if edge.b else neighbour.name or "?"
    address = "" if edge.b else next(iter(neighbour.addresses), neighbour.chassis)
    state = _OF_FAULT[edge.fault]
    ends = (edge.a, names[edge.a], edge.a_port, key, name, edge.b_port)
    return DrawnLink(*ends, state, address, edge.remembered)
