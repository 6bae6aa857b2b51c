"""Pictures: what the browser's libraries are given, and SVG that says the same, whatever the names are."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.web.pictures import MOST_NODES, Bar, Bars, Edge, Graph, Lines, Node, Series
from console.web.svg import cut, ticks

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b[31m\ud800"


def texts(svg: str) -> list[str]:
    return [found.text or "" for found in ET.fromstring(svg).iter(f"{SVG}text")]


def lines(*values: float | None) -> Lines:
    points = tuple((START + timedelta(minutes=at), value) for at, value in enumerate(values))
    return Lines("处理器", (Series("核心交换机", points),), "%")


def test_lines_carry_axes_in_local_time_a_legend_and_break_at_gaps() -> None:
    picture = lines(10, 20, None, 40)
    written = texts(picture.svg(SHANGHAI))
    assert {"处理器", "%", "核心交换机", "11-23 09:00", "40"} <= set(written)
    path = next(ET.fromstring(picture.svg(SHANGHAI)).iter(f"{SVG}path")).attrib["d"]
    assert path.count("M") == 2  # a new stroke after the gap
    assert picture.data()["series"][0]["points"][2] == [(START + timedelta(minutes=2)).timestamp(), None]
    assert list(picture.table(SHANGHAI)["rows"][0]) == ["2026-11-23 09:03:00", "核心交换机", 40]


def test_lines_without_a_value_are_a_picture_still() -> None:
    assert "处理器" in texts(Lines("处理器", ()).svg(SHANGHAI))
    assert "处理器" in texts(lines(None, None).svg(SHANGHAI))


def test_a_long_series_is_thinned() -> None:
    assert len(lines(*range(50_000)).data()["series"][0]["points"]) <= 2000


def test_bars_tell_label_value_and_unit() -> None:
    picture = Bars("级别", (Bar("严重", 3, "bad"), Bar("低", 40)), unit="条")
    assert {"严重", "3 条", "低", "40 条"} <= set(texts(picture.svg()))
    assert picture.table()["rows"] == [["严重", 3], ["低", 40]]
    drawn = list(ET.fromstring(picture.svg()).iter(f"{SVG}rect"))[1:]  # the first is the sheet
    widths = [float(bar.attrib["width"]) for bar in drawn]
    assert widths[0] < widths[1]


NODES = (Node("a", "根 CA"), Node("b", "签发 CA", tone="good", url="/ca/authorities/b"), Node("c", "服务器"))
CHAIN = Graph("证书链", NODES, (Edge("a", "b"), Edge("b", "c", "签发")))


def test_a_graph_without_zones_lies_in_layers() -> None:
    heights = {one["id"]: one["y"] for one in CHAIN.data()["nodes"]}
    assert heights["a"] < heights["b"] < heights["c"]
    assert {"证书链", "根 CA", "签发 CA", "服务器", "签发"} <= set(texts(CHAIN.svg()))
    assert 'href="/ca/authorities/b"' in CHAIN.svg()


def test_a_ring_of_edges_ends() -> None:
    ring = Graph("环", NODES, (Edge("a", "b"), Edge("b", "c"), Edge("c", "a")))
    assert len(ring.data()["nodes"]) == 3


def test_zones_hold_their_nodes_and_what_is_in_none_comes_last() -> None:
    nodes = (Node("x", "甲", "core"), Node("y", "乙", "dmz"), Node("z", "丙", "gone"))
    graph = Graph("网络", nodes, (Edge("x", "y", tone="bad"),), (("core", "核心区"), ("dmz", "隔离区")))
    heights = {one["id"]: one["y"] for one in graph.data()["nodes"]}
    assert heights["x"] < heights["y"] < heights["z"]
    assert "stroke-dasharray" in graph.svg()  # not by colour alone
    assert list(graph.table()["rows"]) == [["甲", "乙", ""], ["丙", "", ""]]


def test_edges_to_nowhere_or_to_oneself_are_left_out_and_pictures_have_bounds() -> None:
    graph = Graph("网络", NODES, (Edge("a", "nowhere"), Edge("a", "a"), Edge("a", "b")))
    assert [(one["source"], one["target"]) for one in graph.data()["edges"]] == [("a", "b")]
    crowd = Graph("网络", tuple(Node(str(number), "节点") for number in range(10_000)), ())
    assert len(crowd.data()["nodes"]) == MOST_NODES


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://elsewhere.example/", "//elsewhere.example"])
def test_a_picture_leads_nowhere_else(url: str) -> None:
    svg = Graph("网络", (Node("a", "甲", url=url),), ()).svg()
    assert "elsewhere" not in svg
    assert "javascript" not in svg


@pytest.mark.parametrize(
    "svg",
    [
        Bars(HOSTILE, (Bar(HOSTILE, 1),)).svg(),
        Graph(
            HOSTILE, (Node("a", HOSTILE, url="/x\"'<>"), Node("b", "乙")), (Edge("a", "b", HOSTILE),)
        ).svg(),
        Lines(HOSTILE, (Series(HOSTILE, ((START, 1.0),)),), HOSTILE).svg(SHANGHAI),
    ],
)
def test_names_of_others_are_text_and_nothing_else(svg: str) -> None:
    root = ET.fromstring(svg.encode())
    assert not list(root.iter(f"{SVG}script"))
    assert "style=" not in svg
    assert "<script" not in svg


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ticks_enclose_what_they_measure(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-6)  # ticks have twelve decimal places
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert len(found) <= 12


def test_a_long_name_is_cut_by_its_width() -> None:
    assert cut("政务外网核心交换机", 8) == "政务外…"
    assert cut("core-1", 8) == "core-1"
