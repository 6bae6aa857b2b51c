"""Time stamps as devices write them: without year, without zone, year behind the time, zones by name.

RFC 3164 section 4.1.2, RFC 3339, and the habits of Cisco IOS, Huawei VRP, H3C Comware and Topsec.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_CLOCK = r"(?P<h>\d{1,2}):(?P<m>\d{2}):(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?"
_ZONE = r"(?P<zone>\s?[+-]\d{2}:?\d{2}(?: DST)?|\s?Z\b| (?!DST)[A-Z]{2,5}(?:-DST)?(?=[:\s]|$))?"
_TEXTUAL = re.compile(
    rf"(?P<mon>[A-Z][a-z]{{2}})\s{{1,3}}(?P<d>\d{{1,2}})\s{{1,2}}(?:(?P<y1>\d{{4}})\s{{1,2}})?{_CLOCK}"
    rf"(?:\s(?P<y2>(?:19|20)\d{{2}})(?=[:\s]|$))?{_ZONE}"
)
_NUMERIC = re.compile(rf"(?P<y1>\d{{4}})[-/](?P<n>\d{{1,2}})[-/](?P<d>\d{{1,2}})[T ]{_CLOCK}{_ZONE}")

# hours east of Greenwich; CST is China's here. A name that is not listed gives way to the source's own zone.
_NAMED = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "CST": 8,
    "BJT": 8,
    "BJ": 8,
    "HKT": 8,
    "JST": 9,
    "KST": 9,
    "MET": 1,
    "CET": 1,
    "MET-DST": 2,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "EST": -5,
    "EDT": -4,
    "PST": -8,
    "PDT": -7,
}


def read_time(text: str, start: int, received: datetime, zone: tzinfo) -> tuple[datetime, int] | None:
    """The time that begins at ``start`` and where it ends; None when there is none.

    A missing year is the one that brings the time nearest to ``received``; a missing zone is ``zone``.
    """
    found = _TEXTUAL.match(text, start) or _NUMERIC.match(text, start)
    if found is None:
        return None
    groups = found.groupdict()
    month = _MONTHS.get(groups["mon"].lower()) if "mon" in groups else int(groups["n"])
    year = groups["y1"] or groups.get("y2")
    if month is None:
        return None
    years = [int(year)] if year else [received.year + step for step in (-1, 0, 1)]
    offset = _zone(groups["zone"], zone)
    candidates = [moment for y in years if (moment := _moment(y, month, groups, offset)) is not None]
    if not candidates:
        return None
    return min(candidates, key=lambda moment: abs(moment - received)), found.end()


def _moment(year: int, month: int, groups: dict[str, str], zone: tzinfo) -> datetime | None:
    micros = int((groups["f"] or "0").ljust(6, "0")[:6])
    clock = (
        int(groups["h"]),
        int(groups["m"]),
        min(int(groups["s"]), 59),
        micros,
    )  # a leap second is its last
    try:
        return datetime(year, month, int(groups["d"]), *clock, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None, default: tzinfo) -> tzinfo:
    name = (text or "").strip().removesuffix(" DST")
    if not name:
        return default
    if name[0] in "+-":
        digits = name[1:].replace(":", "")
        hours, minutes = int(digits[:2]), int(digits[2:])
        if hours > 14 or minutes > 59:
            return default
        return timezone((1 if name[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    hour = _NAMED.get(name)
    return default if hour is None else timezone(timedelta(hours=hour))


def parse_time(text: str, received: datetime, zone: tzinfo) -> datetime | None:
    """The time that the whole text is; None when it is none."""
    found = read_time(text.strip(), 0, received, zone)
    return found[0] if found else None
