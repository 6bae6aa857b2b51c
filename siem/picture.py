"""A picture of time: how many events came when, and when alerts were raised. Plain SVG, no script, both languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

WIDTH, HEIGHT = 960, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 44, 40
_COLOURS = {
    "critical": "#a40e26",
    "high": "#d1242f",
    "medium": "#bc6c00",
    "low": "#57606a",
    "info": "#57606a",
}


@dataclass(frozen=True)
class Mark:
    """An alert on the line of time."""

    at: datetime
    title: str
    severity: str


def timeline_svg(buckets: Sequence[tuple[datetime, int]], marks: Sequence[Mark], zone: tzinfo) -> str:
    """Bars: events in each bucket (start, count; ascending, equal widths). Flags: alerts. Times are shown in ``zone``."""
    if not buckets:
        return _frame("<text x='480' y='120' text-anchor='middle'>没有事件 No events</text>")
    highest = max(1, *(count for _, count in buckets))
    step = (WIDTH - _LEFT - _RIGHT) / len(buckets)
    start, width = buckets[0][0], _bucket_seconds(buckets)
    span = width * len(buckets)

    def x_of(moment: datetime) -> float:
        share = (moment - start).total_seconds() / span
        return _LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT)

    parts = [_axis(highest), *(_bar(n, count, step, highest) for n, (_, count) in enumerate(buckets))]
    parts += _labels(buckets, step, zone)
    parts += [_flag(mark, x_of(mark.at), zone) for mark in marks]
    return _frame("".join(parts))


def _frame(inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="事件与告警时间线 Timeline of events and alerts" font-family="Noto Sans CJK SC, sans-serif" font-size="12">'
        "<title>事件与告警时间线 Timeline of events and alerts</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{inside}</svg>'
    )


def _axis(highest: int) -> str:
    floor = HEIGHT - _BOTTOM
    return (
        f'<line x1="{_LEFT}" y1="{floor}" x2="{WIDTH - _RIGHT}" y2="{floor}" stroke="#8c959f"/>'
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end" fill="#57606a">{highest}</text>'
        f'<text x="{_LEFT - 6}" y="{floor + 4}" text-anchor="end" fill="#57606a">0</text>'
        f'<text x="{_LEFT}" y="16" fill="#57606a">事件数 events</text>'
    )


def _bar(number: int, count: int, step: float, highest: int) -> str:
    tall = (HEIGHT - _TOP - _BOTTOM) * count / highest
    x, y = _LEFT + number * step, HEIGHT - _BOTTOM - tall
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 1, 1):.1f}" height="{tall:.1f}" fill="#6ea8fe"/>'
    )


def _labels(buckets: Sequence[tuple[datetime, int]], step: float, zone: tzinfo) -> list[str]:
    every = max(1, len(buckets) // 8)
    return [
        f'<text x="{_LEFT + n * step:.1f}" y="{HEIGHT - _BOTTOM + 18}" fill="#57606a">'
        f"{buckets[n][0].astimezone(zone):%H:%M}</text>"
        for n in range(0, len(buckets), every)
    ]


def _flag(mark: Mark, x: float, zone: tzinfo) -> str:
    colour = _COLOURS.get(mark.severity, _COLOURS["info"])
    anchor = "end" if x > WIDTH * 0.6 else "start"
    offset = -8 if anchor == "end" else 8
    label = escape(f"{mark.at.astimezone(zone):%H:%M:%S} {mark.title}")
    return (
        f'<line x1="{x:.1f}" y1="{_TOP - 12}" x2="{x:.1f}" y2="{HEIGHT - _BOTTOM}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{x:.1f}" cy="{_TOP - 12}" r="5" fill="{colour}"/>'
        f'<text x="{x + offset:.1f}" y="{_TOP - 8}" text-anchor="{anchor}" fill="{colour}">{label}</text>'
    )


def _bucket_seconds(buckets: Sequence[tuple[datetime, int]]) -> float:
    if len(buckets) < 2:
        return 60.0
    return (buckets[1][0] - buckets[0][0]).total_seconds() or 60.0
