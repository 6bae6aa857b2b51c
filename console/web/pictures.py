"""Pictures as data for the browser's libraries and, of the same data, as SVG for download, print and pages without script.

Each picture is a value: ``data()`` is the JSON that ``pictures.js`` draws, ``table()`` the same in words (in the current
language), ``svg()`` a whole file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from console.web.svg import GRID, INK, MUTED, PALETTE, TONES, Canvas, cut, ticks
from kernel.i18n import N_, translate

MOST_POINTS = 2000  # of a series
MOST_SERIES = 12
MOST_BARS = 200
MOST_NODES = 400
MOST_EDGES = 1500

_WHAT, _VALUE, _TIME, _SERIES = N_("What"), N_("Value"), N_("Point in time"), N_("Series")
_LINKED = (N_("From object"), N_("To object"), N_("Connection or zone"))

Table = Mapping[str, Sequence[Any]]  # "heads": texts, "rows": a sequence of texts or numbers each


@dataclass(frozen=True)
class Series:
    """Values over time; None where there was no value, so that the line breaks there."""

    name: str
    points: tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True)
class Lines:
    """Series over one time axis. ``unit`` stands at the values' axis."""

    title: str
    series: tuple[Series, ...]
    unit: str = ""

    def data(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "time": translate(_TIME),
            "series": [
                {
                    "name": one.name,
                    "points": [[moment.timestamp(), value] for moment, value in thinned(one.points)],
                }
                for one in self.series[:MOST_SERIES]
            ],
        }

    def table(self, zone: ZoneInfo) -> Table:
        """The newest value first."""
        shown = [(one.name, *point) for one in self.series for point in thinned(one.points)]
        newest = sorted(shown, key=lambda row: (row[1], row[0]), reverse=True)[:MOST_POINTS]
        rows = [
            [f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}", name, value] for name, moment, value in newest
        ]
        return {"heads": (translate(_TIME), translate(_SERIES), self.unit or translate(_VALUE)), "rows": rows}

    def svg(self, zone: ZoneInfo) -> str:
        return line_svg(self.title, self.series, zone, unit=self.unit)


@dataclass(frozen=True)
class Bar:
    """One bar or slice; ``tone`` as in kernel.edges.resources.Tone, "" for the palette's colour."""

    label: str
    value: float
    tone: str = ""


@dataclass(frozen=True)
class Bars:
    """Bars or (``ring``) slices of a ring."""

    title: str
    bars: tuple[Bar, ...]
    unit: str = ""
    ring: bool = False

    def data(self) -> dict[str, Any]:
        bars = [{"label": one.label, "value": one.value, "tone": one.tone} for one in self.bars[:MOST_BARS]]
        return {"unit": self.unit, "ring": self.ring, "bars": bars}

    def table(self) -> Table:
        return {
            "heads": (translate(_WHAT), self.unit or translate(_VALUE)),
            "rows": [[one.label, one.value] for one in self.bars],
        }

    def svg(self) -> str:
        return bar_svg(self.title, self.bars, unit=self.unit)


@dataclass(frozen=True)
class Node:
    """A thing of a graph; ``zone`` is the id of what it lies in, ``url`` where it leads."""

    id: str
    label: str
    zone: str = ""
    tone: str = ""
    url: str = ""


@dataclass(frozen=True)
class Edge:
    """A connection; ``tone`` "bad" or "warn" draws it dashed too, so that colour is not alone."""

    source: str
    target: str
    label: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Graph:
    """Things and their connections; ``zones`` are (id, label). Without zones it is drawn in layers, sources above."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    zones: tuple[tuple[str, str], ...] = ()

    def data(self) -> dict[str, Any]:
        nodes, edges = bounded(self.nodes, self.edges)
        _frames, places, height = placed(nodes, edges, self.zones)
        return {
            "height": height,
            "zones": [{"id": f"zone:{key}", "label": label} for key, label in self.zones],
            "nodes": [
                vars(one)
                | {"zone": f"zone:{one.zone}" if one.zone else ""}
                | {"x": places[one.id][0], "y": places[one.id][1]}
                for one in nodes
            ],
            "edges": [
                vars(one) | {"arc": _over_others(places[one.source], places[one.target])} for one in edges
            ],
        }

    def table(self) -> Table:
        names = {one.id: one.label for one in self.nodes}
        zones = dict(self.zones)
        linked = [[names.get(one.source, ""), names.get(one.target, ""), one.label] for one in self.edges]
        alone = {one.id for one in self.nodes} - {
            end for one in self.edges for end in (one.source, one.target)
        }
        rows = [[one.label, "", zones.get(one.zone, "")] for one in self.nodes if one.id in alone]
        return {"heads": tuple(translate(text) for text in _LINKED), "rows": linked + rows}

    def svg(self) -> str:
        return graph_svg(self.title, self.nodes, self.edges, self.zones)


def thinned(
    points: Sequence[tuple[datetime, float | None]], most: int = MOST_POINTS
) -> Sequence[tuple[datetime, float | None]]:
    """No more than ``most`` points, evenly taken."""
    step = -(-len(points) // most)
    return points[::step] if step > 1 else points


def bounded(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[list[Node], list[Edge]]:
    """What a picture can hold, without edges to what is not there or to itself."""
    kept = list(nodes[:MOST_NODES])
    known = {one.id for one in kept}
    linked = [one for one in edges if {one.source, one.target} <= known and one.source != one.target]
    return kept, linked[:MOST_EDGES]


# --- SVG
def line_svg(title: str, series: Sequence[Series], zone: ZoneInfo, *, unit: str = "") -> str:
    """The series over time, with both axes and a legend; times are in ``zone``."""
    kept = [Series(one.name, tuple(thinned(one.points, 800))) for one in series[:MOST_SERIES]]
    moments = [moment for one in kept for moment, _value in one.points]
    values = [value for one in kept for _moment, value in one.points if value is not None]
    legend = 20 * len(kept)
    canvas = Canvas(title, 900, 300 + legend)
    if not moments or not values:
        canvas.text(450, 150, "–", anchor="middle")
        return canvas.svg()
    first, last = min(moments).timestamp(), max(moments).timestamp()
    rungs = ticks(min(0.0, *values), max(values))
    low, high = rungs[0], rungs[-1]

    def x(moment: datetime) -> float:
        return 70 + 800 * (moment.timestamp() - first) / ((last - first) or 1)

    def y(value: float) -> float:
        return 250 - 200 * (value - low) / ((high - low) or 1)

    for rung in rungs:
        canvas.line(70, y(rung), 870, y(rung), GRID)
        canvas.text(62, y(rung) + 4, f"{rung:g}", anchor="end", colour=MUTED)
    for part in range(5):
        moment = datetime.fromtimestamp(first + (last - first) * part / 4, zone)
        canvas.text(70 + 200 * part, 272, f"{moment:%m-%d %H:%M}", anchor="middle", colour=MUTED)
    canvas.text(10, 44, unit, colour=MUTED)
    for number, one in enumerate(kept):
        colour = PALETTE[number % len(PALETTE)]
        canvas.path(_strokes(one, x, y), colour, dashed=number >= len(PALETTE))
        canvas.line(70, 292 + 20 * number, 94, 292 + 20 * number, colour, width=3)
        canvas.text(102, 296 + 20 * number, cut(one.name, 90))
    return canvas.svg()


def _strokes(series: Series, x: Any, y: Any) -> str:
    """The path of a series: a new stroke after each gap."""
    drawn, pen = [], "M"
    for moment, value in series.points:
        if value is None:
            pen = "M"
            continue
        drawn.append(f"{pen}{x(moment):.1f} {y(value):.1f}")
        pen = "L"
    return " ".join(drawn)


def bar_svg(title: str, bars: Sequence[Bar], *, unit: str = "") -> str:
    """Bars from left to right, one line each, with label and value as text."""
    kept = bars[:MOST_BARS]
    canvas = Canvas(title, 900, 60 + 26 * max(1, len(kept)))
    most = max((one.value for one in kept), default=0) or 1
    for number, one in enumerate(kept):
        top = 48 + 26 * number
        length = max(1.0, 480 * max(0.0, one.value) / most)
        canvas.text(290, top + 13, cut(one.label, 36), anchor="end")
        canvas.box(300, top, length, 18, TONES.get(one.tone, PALETTE[0]))
        canvas.text(308 + length, top + 13, f"{one.value:g} {unit}".strip())
    return canvas.svg()


def graph_svg(
    title: str, nodes: Sequence[Node], edges: Sequence[Edge], zones: Sequence[tuple[str, str]] = ()
) -> str:
    """Nodes as boxes in their zones, or in layers when there are none; edges as lines with their labels."""
    kept, linked = bounded(nodes, edges)
    frames, places, height = placed(kept, linked, zones)
    canvas = Canvas(title, 1100, height)
    for label, (left, top, width, tall) in frames:
        canvas.frame(left, top, width, tall)
        canvas.text(left + 12, top + 20, cut(label, 60), colour=MUTED)
    for edge in linked:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        colour = TONES.get(edge.tone, MUTED)
        canvas.line(
            x1, y1, x2, y2, colour, width=2 if edge.tone else 1.2, dashed=edge.tone in ("bad", "warn")
        )
        if edge.label:
            canvas.text((x1 + x2) / 2, (y1 + y2) / 2 - 4, cut(edge.label, 30), anchor="middle", size=10)
    for node in kept:
        x, y = places[node.id]
        canvas.node(x, y, cut(node.label, 22), TONES.get(node.tone, INK), url=node.url, whole=node.label)
    return canvas.svg()


Frames = list[tuple[str, tuple[float, float, float, float]]]
Places = dict[str, tuple[float, float]]
ROW = 4  # nodes in a row
STEP, TALL = 266.0, 62.0  # from one node's middle to the next, across and down


def placed(
    nodes: Sequence[Node], edges: Sequence[Edge], zones: Sequence[tuple[str, str]]
) -> tuple[Frames, Places, float]:
    """Where each zone's frame and each node's middle lies, and the picture's height."""
    return _zoned(nodes, zones) if zones else _layered(nodes, edges)


def _over_others(start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether a straight line would run through a node between: such a line is bent upwards."""
    return start[1] == end[1] and abs(start[0] - end[0]) > STEP * 1.5


def _zoned(nodes: Sequence[Node], zones: Sequence[tuple[str, str]]) -> tuple[Frames, Places, float]:
    """Zones one below the other, each as wide as the picture, its nodes in rows; what is in none comes last."""
    known = dict(zones)
    frames: Frames = []
    places: Places = {}
    top = 40.0
    for key, label in [*zones, ("", "")]:
        inside = [one for one in nodes if (one.zone if one.zone in known else "") == key]
        if not inside:
            continue
        rows = -(-len(inside) // ROW)
        frames.append((label, (20, top, 1060, 30 + rows * TALL)))
        for number, one in enumerate(inside):
            places[one.id] = (150 + STEP * (number % ROW), top + 56 + TALL * (number // ROW))
        top += 30 + rows * TALL + 34
    return frames, places, top + 10


def _layered(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[Frames, Places, float]:
    """Each node below all that lead to it; a ring of edges counts no further than there are nodes."""
    depth = {one.id: 0 for one in nodes}
    for _round in nodes:
        deeper = {
            edge.target: depth[edge.source] + 1 for edge in edges if depth[edge.target] <= depth[edge.source]
        }
        if not deeper or max(deeper.values()) >= len(nodes):
            break
        depth |= deeper
    places: Places = {}
    top = 70.0
    for level in range(max(depth.values(), default=0) + 1):
        inside = [one for one in nodes if depth[one.id] == level]
        for start in range(0, len(inside), ROW):
            row = inside[start : start + ROW]
            for number, one in enumerate(row):
                places[one.id] = (550 + STEP * (number - (len(row) - 1) / 2), top)
            top += TALL + 22
    return [], places, top
