"""The timeline: well-formed, within its frame, hostile titles harmless."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from siem.picture import HEIGHT, WIDTH, Mark, timeline_svg

START = datetime(2026, 11, 23, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def test_bars_and_flags_stand_where_their_time_is() -> None:
    buckets = [(START + timedelta(minutes=n), n) for n in range(10)]
    picture = ET.fromstring(
        timeline_svg(buckets, [Mark(START + timedelta(minutes=5), "暴力破解", "high")], UTC)
    )
    bars = list(picture.iter(f"{SVG}rect"))[1:]
    assert len(bars) == 10
    assert float(bars[9].get("height", "0")) > float(bars[1].get("height", "0"))
    flag = picture.find(f"{SVG}circle")
    assert flag is not None
    assert abs(float(flag.get("cx", "0")) - float(bars[5].get("x", "0"))) < 1
    for rect in bars:
        assert 0 <= float(rect.get("x", "-1")) <= WIDTH
        assert 0 <= float(rect.get("y", "-1")) <= HEIGHT


def test_a_hostile_title_stays_text() -> None:
    title = "<script>alert(1)</script>\"'&"
    picture = ET.fromstring(timeline_svg([(START, 1)], [Mark(START, title, "odd")], UTC))
    assert not list(picture.iter(f"{SVG}script"))
    assert any(title in (text.text or "") for text in picture.iter(f"{SVG}text"))


def test_no_events_is_said() -> None:
    assert "没有事件" in timeline_svg([], [], UTC)
