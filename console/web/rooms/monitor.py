"""Measurements as graphs, interfaces and neighbours of a device, and the network as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.compose.app import App
from console.web.context import the_app, the_principal
from console.web.panels import Entry, Panel
from console.web.pictures import MOST_NODES, Edge, Graph, Lines, Node, Series
from kernel.assets import Asset, AssetKind
from kernel.edges.resources import Label, Labels, Tone
from kernel.errors import NotFound
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from monitor.links import DrawnLink, LinkState, drawn_links
from monitor.model import Device, DeviceState, Sample
from monitor.picture import topology_svg
from monitor.resources.devices import DeviceRecord
from monitor.resources.labels import DEVICE_STATES
from monitor.topology import NetworkView

pages = Blueprint("monitor", __name__, url_prefix="/monitor")
MENU = (Entry(N_("Network picture"), "monitor.topology", Permission.MONITOR_READ),)

RANGES: Mapping[str, tuple[timedelta, str]] = {
    "hour": (timedelta(hours=1), N_("Past hour")),
    "day": (timedelta(days=1), N_("Past day")),
    "week": (timedelta(days=7), N_("Past week")),
}
MOST_LINKS = 300  # of the table beside the picture
SILENCE = timedelta(minutes=16)  # three polls: a longer pause is drawn as a gap


@dataclass(frozen=True)
class Measured:
    """A graph: its series by metric; each value is multiplied by ``factor`` to be in ``unit``."""

    title: str
    unit: str
    metrics: tuple[tuple[str, str], ...]
    factor: float = 1.0
    interface: bool = False


GRAPHS: Mapping[str, Measured] = {
    "load": Measured(N_("Processor and memory"), "%", (("cpu", N_("Processor")), ("memory", N_("Memory")))),
    "latency": Measured(N_("Round trip"), "ms", (("latency", N_("Round trip")),), 1000),
    "answered": Measured(N_("Polls answered"), "%", (("answered", N_("Polls answered")),), 100),
    "traffic": Measured(
        N_("Traffic"), "Mbit/s", (("in_rate", N_("Received")), ("out_rate", N_("Sent"))), 1e-6, True
    ),
    "errors": Measured(N_("Interface errors"), "1/s", (("error_rate", N_("Errors")),), 1.0, True),
}
LINKS: Labels = {
    LinkState.BYPASS: Label(N_("bypasses the isolation gateway"), Tone.BAD),
    LinkState.STRANGER: Label(N_("to an unregistered device"), Tone.BAD),
    LinkState.UNREGISTERED: Label(N_("link that is not registered"), Tone.WARN),
    LinkState.MOVED: Label(N_("link in another place than registered"), Tone.WARN),
    LinkState.MISSING: Label(N_("registered link that is not there"), Tone.WARN),
    LinkState.UNSEEN: Label(N_("registered, no LLDP to see it"), Tone.QUIET),
    LinkState.SEEN: Label(N_("seen as registered"), Tone.GOOD),
}
_TROUBLES = tuple(LINKS)  # the worst first


# --- a device
def _wanted_range() -> str:
    wanted = request.args.get("range", "day")
    return wanted if wanted in RANGES else "day"


def _drawings(
    app: App, principal: Principal, device: str, names: Sequence[str], interface: str
) -> dict[str, Lines]:
    """The graphs of these names, their values fetched at once."""
    wanted: dict[str, list[str]] = {}
    for name in names:
        of = interface if GRAPHS[name].interface else ""
        wanted.setdefault(of, []).extend(metric for metric, _label in GRAPHS[name].metrics)
    since = app.clock.now() - RANGES[_wanted_range()][0]
    found = app.monitor.polling.measured(principal, device, wanted, since=since)
    return {name: _lines(GRAPHS[name], found, interface) for name in names}


def _lines(graph: Measured, found: Mapping[tuple[str, str], Sequence[Sample]], interface: str) -> Lines:
    of = interface if graph.interface else ""
    series = tuple(
        Series(translate(label), _points(found.get((of, metric), ()), graph.factor))
        for metric, label in graph.metrics
    )
    return Lines(f"{translate(graph.title)} {of}".strip(), series, graph.unit)


def _points(samples: Sequence[Sample], factor: float) -> tuple[tuple[datetime, float | None], ...]:
    found: list[tuple[datetime, float | None]] = []
    for sample in samples:
        if found and sample.at - found[-1][0] > SILENCE:
            found.append((found[-1][0] + SILENCE / 2, None))
        found.append((sample.at, round(sample.value * factor, 3)))
    return tuple(found)


@pages.get("/devices/<device>/graphs/<name>.svg")
def graph_svg(device: str, name: str) -> ResponseReturnValue:
    """One graph of a device as a file."""
    app = the_app()
    if name not in GRAPHS:
        raise NotFound(N_("There is no such page."))
    interface = request.args.get("interface", "")
    drawn = _drawings(app, the_principal(), device, [name], interface)
    return Response(drawn[name].svg(ZoneInfo(app.settings.timezone)), mimetype="image/svg+xml")


def _measurements(app: App, principal: Principal, device: DeviceRecord) -> Mapping[str, Any]:
    zone, wanted = ZoneInfo(app.settings.timezone), _wanted_range()
    names = [one.name for one in app.monitor.polling.interfaces(principal, device.id)]
    chosen = request.args.get("interface", "")
    interface = chosen if chosen in names else next(iter(names), "")
    shown = [name for name, graph in GRAPHS.items() if interface or not graph.interface]
    pictures = []
    for name, lines in _drawings(app, principal, device.id, shown, interface).items():
        if not any(one.points for one in lines.series):
            continue  # not every device measures everything
        url = url_for("monitor.graph_svg", device=device.id, name=name, range=wanted, interface=interface)
        pictures.append({"name": name, "lines": lines, "table": lines.table(zone), "url": url})
    ranges = [(name, text) for name, (_length, text) in RANGES.items()]
    return {
        "pictures": pictures,
        "ranges": ranges,
        "range": wanted,
        "interfaces": names,
        "interface": interface,
    }


def _interfaces(app: App, principal: Principal, device: DeviceRecord) -> Mapping[str, Any]:
    return {"interfaces": app.monitor.polling.interfaces(principal, device.id)}


def _neighbours(app: App, principal: Principal, device: DeviceRecord) -> Mapping[str, Any]:
    return {"neighbours": app.monitor.polling.neighbours(principal, device.id)}


# --- the network
@pages.get("/topology")
def topology() -> ResponseReturnValue:
    """The network as it is registered and as it is seen, or what belongs to one zone of it; the worst first."""
    view = the_app().monitor.network.view(the_principal())
    zone = request.args.get("zone", "")
    drawn, links = _within(view, zone)
    graph = _graph(view, drawn, links)
    return render_template(
        "monitor/topology.html",
        graph=graph,
        hidden=max(0, len(graph.nodes) - MOST_NODES),
        links=links[:MOST_LINKS],
        more=max(0, len(links) - MOST_LINKS),
        labels=LINKS,
        drawn=drawn.keys(),
        zones=view.zones,
        zone=zone,
    )


def _within(view: NetworkView, zone: str) -> tuple[dict[str, Asset], list[DrawnLink]]:
    """The devices of a zone and those they are linked to, and their links; "" for all."""
    kinds = (AssetKind.DEVICE, AssetKind.GATEWAY)
    devices = {asset.id: asset for asset in view.assets if asset.kind in kinds}
    links = sorted(drawn_links(view), key=lambda link: (_TROUBLES.index(link.state), link.a_name))
    if not zone:
        return devices, links
    near = {asset.id for asset in devices.values() if asset.zone == zone}
    links = [link for link in links if link.a in near or link.b in near]
    ends = near.union(*((link.a, link.b) for link in links))
    return {key: asset for key, asset in devices.items() if key in ends}, links


@pages.get("/topology.svg")
def topology_picture() -> ResponseReturnValue:
    """The same as a file."""
    view = the_app().monitor.network.view(the_principal())
    return Response(topology_svg(view), mimetype="image/svg+xml")


def _graph(view: NetworkView, drawn: Mapping[str, Asset], links: Sequence[DrawnLink]) -> Graph:
    """Whoever is at a faulty link comes first, since a picture holds so many devices only."""
    edges = [
        Edge(link.a, link.b, _told(link), LINKS[link.state].tone.value)
        for link in links
        if link.a in drawn and (link.b in drawn or link.stranger)
    ]
    faulty = {end for edge in edges if edge.label for end in (edge.source, edge.target)}
    strangers = {
        link.b: Node(link.b, f"⚠ {link.b_name[:60]}", drawn[link.a].zone, Tone.BAD.value)
        for link in links
        if link.stranger and link.a in drawn
    }
    nodes = [
        _node(asset, view.devices.get(asset.id, Device(asset.id)).state)
        for asset in sorted(drawn.values(), key=lambda asset: (asset.id not in faulty, asset.name))
    ]
    used = {asset.zone for asset in drawn.values()}
    frames = tuple((zone.id, zone.name) for zone in view.zones if zone.id in used)
    room = MOST_NODES - len(strangers)  # these come after the others, where their lines can be seen
    shown = (*nodes[:room], *strangers.values(), *nodes[room:])
    return Graph(translate(N_("Network topology")), shown, tuple(edges), frames)


def _node(asset: Asset, state: DeviceState) -> Node:
    label = DEVICE_STATES[state]
    sign = {Tone.BAD: "✕ ", Tone.WARN: "△ ", Tone.GOOD: "", Tone.QUIET: "? "}[label.tone]
    return Node(asset.id, f"{sign}{asset.name}", asset.zone, label.tone.value, f"/monitor/devices/{asset.id}")


def _told(link: DrawnLink) -> str:
    """Links without fault are told by their line alone, or the picture would be full of words."""
    quiet = link.state in (LinkState.SEEN, LinkState.UNSEEN)
    return "" if quiet else translate(LINKS[link.state].text)


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "monitor.devices": (
        Panel(N_("Measurements"), "monitor/measurements.html", _measurements),
        Panel(N_("Interfaces"), "monitor/interfaces.html", _interfaces),
        Panel(N_("Neighbours"), "monitor/neighbours.html", _neighbours),
    ),
}
