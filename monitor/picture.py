"""The network as a picture: SVG 1.1, no script, no style sheet, the same bytes for the same network.

Columns follow the networks from the intranet to the exit, the isolation gateway's hosts between them. What a colour says a
line style or a text says too. Titles and descriptions for screen readers are in Chinese and English.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from kernel.assets import Asset, AssetKind, Network, Zone
from kernel.i18n import N_, translate
from monitor.links import DrawnLink, LinkState, drawn_links
from monitor.model import Device, DeviceState
from monitor.topology import NetworkView

_WIDTH, _HEIGHT = 172, 62  # of a node
_COLUMN, _ROW = 218, 98  # from one node to the next
_LEFT, _TOP = 24, 52
_BACKBONE = 3  # links that make a device a core of its network
_STATES: Mapping[DeviceState, tuple[str, str]] = {
    DeviceState.UP: ("#1a7f37", N_("up")),
    DeviceState.DEGRADED: ("#9a6700", N_("degraded")),
    DeviceState.DOWN: ("#cf222e", N_("down")),
    DeviceState.UNKNOWN: ("#59636e", N_("unknown")),
}
_PANELS: Mapping[Network, tuple[str, str]] = {
    Network.INTRANET: ("#ddf4ff", N_("Intranet")),
    Network.EXTRANET: ("#fff8c5", N_("Extranet")),
    Network.EXIT: ("#fbefff", N_("Internet exit")),
    Network.INTERNET: ("#ffebe9", N_("Internet")),
}
_SEEN = 'stroke="#57606a" stroke-width="2"'
_UNSEEN = 'stroke="#8c959f" stroke-width="1.5" stroke-dasharray="2 4"'
_MISSING = 'stroke="#9a6700" stroke-width="2" stroke-dasharray="10 5"'
_BYPASS = 'stroke="#cf222e" stroke-width="5"'
_STRANGE = 'stroke="#cf222e" stroke-width="2" stroke-dasharray="6 4"'
_REMEMBERED = 'stroke-opacity="0.45"'
_STYLES: Mapping[LinkState, str] = {
    LinkState.SEEN: _SEEN,
    LinkState.UNREGISTERED: _SEEN,
    LinkState.MOVED: _SEEN,
    LinkState.BYPASS: _BYPASS,
    LinkState.STRANGER: _STRANGE,
    LinkState.MISSING: _MISSING,
    LinkState.UNSEEN: _UNSEEN,
}


@dataclass(frozen=True)
class _Node:
    """A box: its place in columns and rows, and what stands in it."""

    key: str
    column: int
    row: int
    name: str
    address: str
    state: DeviceState | None  # None: not registered

    @property
    def x(self) -> int:
        return _LEFT + 12 + self.column * _COLUMN

    @property
    def y(self) -> int:
        return _TOP + 14 + self.row * _ROW

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + _WIDTH // 2, self.y + _HEIGHT // 2


def topology_svg(view: NetworkView) -> str:
    """The picture of the network as one SVG element."""
    links = drawn_links(view)
    nodes = {node.key: node for node in _layout(view, links)}
    columns = 1 + max((node.column for node in nodes.values()), default=0)
    rows = 1 + max((node.row for node in nodes.values()), default=0)
    width, height = 2 * _LEFT + columns * _COLUMN, _TOP + rows * _ROW + 76
    title, description = _texts(view)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="topology-title topology-desc" font-family="sans-serif" font-size="13">',
        f'<title id="topology-title">{escape(title)}</title>',
        f'<desc id="topology-desc">{escape(description)}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_panels(view, nodes.values(), rows),
        *_links(links, nodes),
        *(_box(node) for node in nodes.values()),
        *_legend(width, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _both(message: str, /, **params: object) -> str:
    return f"{translate(message, 'zh_CN', **params)} / {translate(message, 'en', **params)}"


def _texts(view: NetworkView) -> tuple[str, str]:
    names = {asset.id: asset.name for asset in view.assets}
    faults = [f"{names[one.asset]} {one.subject} ({one.kind})" for one in view.comparison.observations]
    description = _both(
        N_("%(edges)s links seen by LLDP; faults: %(faults)s."),
        edges=len(view.comparison.seen),
        faults="; ".join(faults) or "0",
    )
    return _both(N_("Network topology")), description


# --- where things stand
def _layout(view: NetworkView, links: Sequence[DrawnLink]) -> list[_Node]:
    networks = {zone.id: zone.network for zone in view.zones}
    drawn = sorted(
        (asset for asset in view.assets if asset.kind in (AssetKind.DEVICE, AssetKind.GATEWAY)),
        key=lambda asset: asset.name,
    )
    cores = _cores(view, drawn)
    rows: Counter[int] = Counter()
    nodes: list[_Node] = []
    for asset in drawn:
        column, first = _column(asset, networks.get(asset.zone), core=asset.id in cores)
        device = view.devices.get(asset.id, Device(asset.id))
        nodes.append(_Node(asset.id, column, first + rows[column], asset.name, asset.address, device.state))
        rows[column] += 1
    return nodes + _strangers(links, nodes)


def _cores(view: NetworkView, drawn: Iterable[Asset]) -> frozenset[str]:
    degree: Counter[str] = Counter()
    pairs = {frozenset((link.a, link.b)) for link in view.links}
    for pair in pairs:
        degree.update(pair)
    return frozenset(
        asset.id for asset in drawn if asset.kind is AssetKind.DEVICE and degree[asset.id] >= _BACKBONE
    )


def _column(asset: Asset, network: Network | None, *, core: bool) -> tuple[int, int]:
    """(column, first row): cores at the top, so that a link from core to core runs above everything else."""
    gateway = asset.kind is AssetKind.GATEWAY
    if network is Network.INTRANET:
        return (2, 1) if gateway else (1, 0) if core else (0, 1)
    if network is Network.EXTRANET:
        return (3, 1) if gateway else (4, 0) if core else (5, 1)
    return 6, 0


def _strangers(links: Iterable[DrawnLink], nodes: Sequence[_Node]) -> list[_Node]:
    """Devices the register does not know, below those of their network's outermost column."""
    by_key = {node.key: node for node in nodes}
    found: dict[str, _Node] = {}
    lowest: Counter[int] = Counter()
    for node in nodes:
        lowest[node.column] = max(lowest[node.column], node.row)
    for link in links:
        if not link.stranger or link.a not in by_key or link.b in found:
            continue
        host = by_key[link.a].column
        column = 0 if host <= 2 else max(host, 5)
        lowest[column] += 1
        found[link.b] = _Node(link.b, column, lowest[column], link.b_name, link.b_address, None)
    return list(found.values())


# --- what is drawn
def _panels(view: NetworkView, nodes: Iterable[_Node], rows: int) -> list[str]:
    zones: dict[str, Zone] = {zone.id: zone for zone in view.zones}
    networks = {asset.id: zones[asset.zone].network for asset in view.assets if asset.zone in zones}
    spans: dict[Network, list[int]] = {}
    for node in nodes:
        if node.key in networks:
            spans.setdefault(networks[node.key], []).append(node.column)
    parts = []
    for network, columns in sorted(spans.items()):
        colour, label = _PANELS[network]
        x = _LEFT + min(columns) * _COLUMN
        width = (max(columns) - min(columns) + 1) * _COLUMN - 22
        parts.append(
            f'<rect x="{x}" y="{_TOP - 34}" width="{width}" height="{rows * _ROW + 34}" rx="8" fill="{colour}"/>'
        )
        parts.append(_text(x + 12, _TOP - 13, _both(label), weight="bold"))
    return parts


def _links(links: Iterable[DrawnLink], nodes: Mapping[str, _Node]) -> list[str]:
    parts: list[str] = []
    for link in links:
        if link.a in nodes and link.b in nodes:
            a, b = nodes[link.a], nodes[link.b]
            parts += _line(a, b, _style(link), f"{link.a_port} - {link.b_port}")
            if link.state is LinkState.BYPASS:
                parts.append(_bypass_label(a, b))
    return parts


def _style(link: DrawnLink) -> str:
    return f"{_STYLES[link.state]} {_REMEMBERED}" if link.remembered else _STYLES[link.state]


def _line(a: _Node, b: _Node, style: str, ports: str) -> list[str]:
    (x1, y1), (x2, y2) = a.centre, b.centre
    label = f"{a.name} - {b.name}: {ports}"
    if a.column == b.column and abs(a.row - b.row) > 1:  # around the boxes between them
        bend = x1 - _WIDTH // 2 - 40
        path = f'<path d="M {x1} {y1} C {bend} {y1}, {bend} {y2}, {x2} {y2}" fill="none" {style}>'
        return [f"{path}<title>{escape(label)}</title></path>"]
    return [f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" {style}><title>{escape(label)}</title></line>']


def _bypass_label(a: _Node, b: _Node) -> str:
    (x1, y1), (x2, y2) = a.centre, b.centre
    text = _both(N_("bypasses the isolation gateway"))
    return _text((x1 + x2) // 2, (y1 + y2) // 2 - 10, text, fill="#cf222e", anchor="middle", weight="bold")


def _box(node: _Node) -> str:
    if node.state is None:
        colour, state, dashes = "#cf222e", _both(N_("not registered")), ' stroke-dasharray="6 4"'
    else:
        colour, state, dashes = _STATES[node.state][0], _both(_STATES[node.state][1]), ""
    return "".join(
        (
            f"<g><title>{escape(f'{node.name} {node.address} {state}')}</title>",
            f'<rect x="{node.x}" y="{node.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff" '
            f'stroke="{colour}" stroke-width="2"{dashes}/>',
            _text(node.x + 10, node.y + 19, node.name[:22], weight="bold"),
            _text(node.x + 10, node.y + 36, node.address[:24], size=11),
            _text(node.x + 10, node.y + 53, state, size=11, fill=colour),
            "</g>",
        )
    )


def _legend(width: int, height: int) -> list[str]:
    samples = (
        (_SEEN, N_("link seen")),
        (f"{_SEEN} {_REMEMBERED}", N_("seen before, its device is silent now")),
        (_UNSEEN, N_("registered, no LLDP to see it")),
        (_MISSING, N_("registered, but missing")),
        (_BYPASS, N_("bypasses the isolation gateway")),
        (_STRANGE, N_("to an unregistered device")),
    )
    parts: list[str] = []
    x, y = _LEFT, height - 48
    for style, label in samples:
        text = _both(label)
        size = 64 + sum(11 if ord(character) > 0x2E7F else 6 for character in text)
        if x + size > width:
            x, y = _LEFT, y + 24
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 34}" y2="{y}" {style}/>')
        parts.append(_text(x + 40, y + 4, text, size=11))
        x += size
    return parts


def _text(
    x: int,
    y: int,
    text: str,
    *,
    size: int = 13,
    fill: str = "#1f2328",
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
