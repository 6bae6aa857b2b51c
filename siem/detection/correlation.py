"""Correlation over sliding windows in event time: late events are judged where they belong, as far as the lateness allows.

Sigma Specification 2.1, "Correlation rules": event_count, value_count, temporal, temporal_ordered.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from siem.detection.rules import Correlation

MOST_ENTRIES = 5_000  # events remembered of one group; older ones go first


@dataclass(frozen=True, order=True)
class Entry:
    """One event a group remembers: its time (ms), id, the rule it fits, the counted value, whether an alert has it."""

    time: int
    event: str
    rule: str = field(compare=False)
    value: str = field(compare=False, default="")
    reported: bool = field(compare=False, default=False)


class Window:
    """The remembered events of one correlation and one group."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = list(entries)

    def add(self, correlation: Correlation, entry: Entry, lateness: int) -> list[Entry]:
        """Remember the event; the events of the window it completes that no alert has yet, empty when it completes none.

        Times are milliseconds. An event older than the newest by more than window + ``lateness`` is forgotten at once.
        """
        span = correlation.seconds * 1000
        newest = max(entry.time, self.entries[-1].time if self.entries else entry.time)
        horizon = newest - span - lateness
        if entry.time < horizon or self._known(entry):
            return []
        insort(self.entries, entry)
        del self.entries[: bisect_left(self.entries, horizon, key=_time)]
        del self.entries[:-MOST_ENTRIES]
        complete = self._complete(correlation, entry, span)
        fresh = [found for found in complete if not found.reported]
        if fresh:
            marked = {found.event for found in fresh}
            self.entries = [
                replace(found, reported=True) if found.event in marked else found for found in self.entries
            ]
        return fresh

    def _known(self, entry: Entry) -> bool:
        """One event may fit two rules of a correlation; the same pair is remembered once."""
        position = bisect_left(self.entries, entry)
        return any(
            found == entry and found.rule == entry.rule for found in self.entries[position : position + 4]
        )

    def _complete(self, correlation: Correlation, entry: Entry, span: int) -> list[Entry]:
        """The longest window that holds the event and meets the condition. Windows begin at an event."""
        first = bisect_left(self.entries, entry.time - span, key=_time)
        last = bisect_right(self.entries, entry.time, key=_time)
        best: list[Entry] = []
        end = -1
        for start in range(first, last):
            before, end = end, bisect_right(self.entries, self.entries[start].time + span, key=_time)
            if end == before:
                continue  # holds less than the window before it
            window = self.entries[start:end]
            if len(window) > len(best) and _meets(correlation, window):
                best = window
        return best


def _time(entry: Entry) -> int:
    return entry.time


def _meets(correlation: Correlation, window: Sequence[Entry]) -> bool:
    match correlation.kind:
        case "event_count":
            return _compare(correlation, len(window))
        case "value_count":
            return _compare(correlation, len({entry.value for entry in window if entry.value}))
        case "temporal":
            return {entry.rule for entry in window} >= set(correlation.rules)
        case _:
            return _in_order(correlation.rules, window)


def _compare(correlation: Correlation, number: int) -> bool:
    match correlation.operator:
        case "gt":
            return number > correlation.count
        case "eq":
            return number == correlation.count
        case _:
            return number >= correlation.count


def _in_order(rules: Sequence[str], window: Sequence[Entry]) -> bool:
    wanted = iter(rules)
    looking = next(wanted, None)
    for entry in window:
        if entry.rule == looking:
            looking = next(wanted, None)
    return looking is None
