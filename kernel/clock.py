"""Time as a dependency: everything that needs "now" is handed a clock, so that tests can set it."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from time import monotonic as time_passed
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment as an aware datetime in UTC, and how many seconds go by whatever is set meanwhile."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time_passed()


class FixedClock:
    """A clock that stands still until it is moved; for tests and drills."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)
        self._passed = 0.0

    def now(self) -> datetime:
        return self._now

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass; with a negative figure the clock is set back, which no time passes by."""
        passed = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        self._now += passed
        self._passed += max(0.0, passed.total_seconds())

    def set_forward(self, *, seconds: float) -> None:
        """Set the clock to a later time without any time passing."""
        self._now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self._passed


def local(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in that zone. What falls out of the calendar there stays in UTC: certificates that never end say 9999-12-31
    (RFC 5280, 4.1.2.5)."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.astimezone(UTC)


def written(moment: datetime, zone: tzinfo) -> str:
    """The whole time with its distance from UTC: ``2026-11-23 09:00:00 UTC+08:00``."""
    there = local(moment, zone)
    return f"{there:%Y-%m-%d %H:%M:%S} UTC{there.isoformat()[-6:]}"


def end_of_day(day: date, zone: tzinfo = UTC) -> datetime:
    """The moment at which a day is over in a time zone: what "until and with that day" means."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
