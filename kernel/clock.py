"""Time as a dependency: everything that needs "now" is handed a clock, so that tests can set it."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests and drills."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move the clock forward (or, with a negative figure, back)."""
        self._now += timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)


def end_of_day(day: date, zone: tzinfo = UTC) -> datetime:
    """The moment at which a day is over in a time zone: what "until and with that day" means."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
