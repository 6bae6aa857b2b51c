"""The alert timeline as a picture: events a minute, and when alerts were raised over what time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from siem.ecs import iso
from siem.model import Alert
from siem.query import Bucket

_WIDTH, _HEIGHT, _LEFT, _TOP, _ROW = 900, 160, 40, 14, 30
_COLOURS = {
    "critical": "#7f1d1d",
    "high": "#c92a2a",
    "medium": "#e8590c",
    "low": "#f59f00",
    "informational": "#868e96",
}


def timeline_svg(buckets: Sequence[Bucket], alerts: Sequence[Alert], start: datetime, end: datetime) -> str:
    """Bars of one minute from ``start`` to ``end`` (SVG), and under them a row for each alert from first to last event."""
    minutes = max(1, int((end - start).total_seconds() // 60))
    most = max((bucket.count for bucket in buckets), default=1)
    height = _TOP + _HEIGHT + 24 + _ROW * len(alerts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        f'<text x="0" y="{_TOP + 10}" fill="currentColor">{most}</text>',
        *(_bar(bucket, most, start, minutes) for bucket in buckets),
        *_axis(start, minutes),
        *(part for row, alert in enumerate(alerts) for part in _row(alert, row, start, minutes)),
        "</svg>",
    ]
    return "\n".join(parts)


def _x(moment: datetime, start: datetime, minutes: int) -> float:
    passed = (moment - start).total_seconds() / 60 / minutes
    return round(_LEFT + (_WIDTH - _LEFT) * min(max(passed, 0.0), 1.0), 1)


def _bar(bucket: Bucket, most: int, start: datetime, minutes: int) -> str:
    moment = datetime.fromisoformat(str(bucket.key))
    x, high = _x(moment, start, minutes), round(_HEIGHT * bucket.count / most, 1)
    wide = max(1.0, round((_WIDTH - _LEFT) / minutes - 1, 1))
    return (
        f'<rect x="{x}" y="{round(_TOP + _HEIGHT - high, 1)}" width="{wide}" height="{high}" fill="#4263eb">'
        f"<title>{escape(str(bucket.key))}: {bucket.count}</title></rect>"
    )


def _axis(start: datetime, minutes: int) -> list[str]:
    base = _TOP + _HEIGHT
    marks = [f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH}" y2="{base}" stroke="currentColor"/>']
    for quarter in range(0, minutes + 1, max(1, minutes // 4)):
        moment = start + timedelta(minutes=quarter)
        x = min(_x(moment, start, minutes), _WIDTH - 36)
        marks.append(f'<text x="{x}" y="{base + 16}" fill="currentColor">{iso(moment)[11:16]}Z</text>')
    return marks


def _row(alert: Alert, row: int, start: datetime, minutes: int) -> list[str]:
    y = _TOP + _HEIGHT + 26 + row * _ROW
    first, last = _x(alert.first_seen, start, minutes), _x(alert.last_seen, start, minutes)
    label = f"{alert.titles['zh_CN']} ×{alert.count}"
    anchor = "end" if first > _WIDTH / 2 else "start"
    text_x = first - 6 if anchor == "end" else last + 10
    return [
        f'<rect x="{first}" y="{y}" width="{max(4.0, round(last - first, 1))}" height="16" rx="3" '
        f'fill="{_COLOURS[alert.level]}"><title>{escape(label)}</title></rect>',
        f'<text x="{text_x}" y="{y + 13}" text-anchor="{anchor}" fill="currentColor">{escape(label)}</text>',
    ]
