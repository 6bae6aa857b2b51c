"""Disaster-recovery levels of GB/T 20988 as versioned data, and what a measured RTO and RPO say against them. Pure.

RTO and RPO alone never prove a level: the standard asks seven elements, of which these two figures touch some. A comparison
therefore says what the figures allow, and names the elements that people have to document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from backup.model import Aims, Text


@dataclass(frozen=True)
class Bound:
    """Upper bound of a figure; None: the edition sets none. ``exact`` False: the text says "hours" or "minutes"."""

    at_most: timedelta | None
    text: Text
    exact: bool = True

    def met_by(self, measured: timedelta) -> bool:
        return self.at_most is None or measured <= self.at_most


@dataclass(frozen=True)
class DrLevel:
    """One level, 1 to 6, and the two figures that a measurement is compared with."""

    number: int
    name: Text
    rto: Bound
    rpo: Bound


@dataclass(frozen=True)
class LevelTable:
    """One edition's table. ``in_force``: from which day to which, ISO 8601, an open end empty.

    ``confidence`` (high, medium, low) says how well its figures are known, ``source`` from where.
    """

    edition: str
    title: Text
    in_force: str
    confidence: str
    source: Text
    elements: tuple[Text, ...]
    levels: Mapping[int, DrLevel]

    def figures_allow(self, rto: timedelta, rpo: timedelta) -> int:
        """The highest level whose two figures the measurement keeps; 0 when none."""
        return max(
            (n for n, level in self.levels.items() if level.rto.met_by(rto) and level.rpo.met_by(rpo)),
            default=0,
        )


def compare(table: LevelTable, aims: Aims, rto: timedelta, rpo: timedelta | None) -> dict[str, Any]:
    """The measurement against the plan and the level it aims at, as JSON values (seconds).

    ``rpo`` None means that the drill found no record to date the data by: nothing is claimed then.
    """
    level = table.levels[aims.level]
    return {
        "edition": table.edition,
        "confidence": table.confidence,
        "level": aims.level,
        "rto_seconds": round(rto.total_seconds(), 3),
        "rpo_seconds": None if rpo is None else round(rpo.total_seconds(), 3),
        "rto_aim_seconds": aims.rto.total_seconds(),
        "rpo_aim_seconds": aims.rpo.total_seconds(),
        "meets_plan": rpo is not None and rto <= aims.rto and rpo <= aims.rpo,
        "meets_level_figures": rpo is not None and level.rto.met_by(rto) and level.rpo.met_by(rpo),
        "level_figures_exact": level.rto.exact and level.rpo.exact,
        "figures_allow": 0 if rpo is None else table.figures_allow(rto, rpo),
        "proves_level": False,  # the other elements are documents
        "elements_to_document": [element.zh for element in table.elements],
    }
