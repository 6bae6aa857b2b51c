"""Versions as people read them: the list, a configuration with its findings beside the lines, what changed between two."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from netops.collection.model import KeptVersion
from netops.compliance.model import Deviation, Finding

MOST_ROWS = 4_000  # of a comparison shown; the text holds all of it
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True)
class Note:
    """What the rules in force say of a line; ``finding`` is the kept one, None when the line is of the past."""

    deviation: Deviation
    title: str
    finding: Finding | None = None


@dataclass(frozen=True)
class Reviewed:
    """A version's masked lines, and the notes by line number; 0 holds what is absent from the whole."""

    version: KeptVersion
    lines: tuple[str, ...]
    notes: Mapping[int, tuple[Note, ...]]


class RowKind(StrEnum):
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    GAP = "gap"  # lines that are equal and not shown


@dataclass(frozen=True)
class Row:
    """A row of a comparison side by side; line number 0: nothing on that side. Of a GAP ``new_line`` counts the lines.

    ``first`` marks where a change begins.
    """

    kind: RowKind
    old_line: int = 0
    old: str = ""
    new_line: int = 0
    new: str = ""
    first: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two versions of one device. ``rows`` hold the changes with three lines around them; ``cut``: there are more."""

    old: Reviewed
    new: Reviewed
    rows: tuple[Row, ...]
    cut: bool

    @property
    def added(self) -> int:
        return sum(row.kind in (RowKind.ADDED, RowKind.CHANGED) for row in self.rows)

    @property
    def removed(self) -> int:
        return sum(row.kind in (RowKind.REMOVED, RowKind.CHANGED) for row in self.rows)

    @property
    def changes(self) -> int:
        return sum(row.first for row in self.rows)


def counted(diff: str) -> tuple[int, int]:
    """Lines added and removed in a unified diff."""
    lines = [line for line in diff.split("\n")[2:] if line[:1] in ("+", "-")]
    added = sum(line.startswith("+") for line in lines)
    return added, len(lines) - added


def rows_of(diff: str) -> Iterator[Row]:
    """A unified diff as rows side by side; lines taken out and put in at one place stand beside each other."""
    old_line = new_line = 1
    removed: list[str] = []
    added: list[str] = []
    for line in diff.split("\n")[2:]:
        hunk = _HUNK.match(line)
        if line[:1] == "-":
            removed.append(line[1:])
        elif line[:1] == "+":
            added.append(line[1:])
        elif hunk or line[:1] == " ":
            yield from _change(removed, added, old_line, new_line)
            old_line, new_line = old_line + len(removed), new_line + len(added)
            removed, added = [], []
            if hunk:
                start = int(hunk[1]) or 1
                if start > old_line:
                    yield Row(RowKind.GAP, new_line=start - old_line)
                old_line, new_line = start, int(hunk[3]) or 1
            else:
                yield Row(RowKind.SAME, old_line, line[1:], new_line, line[1:])
                old_line, new_line = old_line + 1, new_line + 1
    yield from _change(removed, added, old_line, new_line)


def _change(removed: Sequence[str], added: Sequence[str], old_line: int, new_line: int) -> Iterator[Row]:
    for place, (old, new) in enumerate(zip_longest(removed, added)):
        kind = RowKind.ADDED if old is None else RowKind.REMOVED if new is None else RowKind.CHANGED
        yield Row(
            kind,
            0 if old is None else old_line + place,
            old or "",
            0 if new is None else new_line + place,
            new or "",
            first=place == 0,
        )
