"""A registered system and the way of its filing: a table of states, and the level out of two harms (GB/T 22240-2020)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from kernel.errors import Conflict, Invalid
from kernel.i18n import N_


class SystemState(StrEnum):
    """拟定级, 专家评审, 主管部门核准, 公安机关备案, 撤销."""

    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    FILED = "filed"
    RETIRED = "retired"


# A change of boundary or level starts the way anew, so FILED may go back to PROPOSED.
TRANSITIONS: Mapping[SystemState, frozenset[SystemState]] = {
    SystemState.PROPOSED: frozenset({SystemState.REVIEWED, SystemState.RETIRED}),
    SystemState.REVIEWED: frozenset({SystemState.APPROVED, SystemState.PROPOSED, SystemState.RETIRED}),
    SystemState.APPROVED: frozenset({SystemState.FILED, SystemState.PROPOSED, SystemState.RETIRED}),
    SystemState.FILED: frozenset({SystemState.PROPOSED, SystemState.RETIRED}),
    SystemState.RETIRED: frozenset(),
}


def moved(state: SystemState, to: SystemState) -> SystemState:
    """``to``, or Conflict when the table does not allow the move."""
    if to not in TRANSITIONS[state]:
        raise Conflict(
            N_("A system that is %(state)s can not become %(to)s."),
            mend=N_("Possible now: %(possible)s."),
            state=state,
            to=to,
            possible=", ".join(sorted(TRANSITIONS[state])) or "-",
        )
    return to


class ObjectHarmed(StrEnum):
    """Whose interests a failure would harm: citizens and organisations, public order, national security."""

    CITIZENS = "citizens"
    SOCIETY = "society"
    STATE = "state"


class Harm(StrEnum):
    """How badly."""

    GENERAL = "general"
    SERIOUS = "serious"
    GRAVE = "grave"


# GB/T 22240-2020, the matrix of harmed object and degree
LEVELS: Mapping[tuple[ObjectHarmed, Harm], int] = {
    (ObjectHarmed.CITIZENS, Harm.GENERAL): 1,
    (ObjectHarmed.CITIZENS, Harm.SERIOUS): 2,
    (ObjectHarmed.CITIZENS, Harm.GRAVE): 2,
    (ObjectHarmed.SOCIETY, Harm.GENERAL): 2,
    (ObjectHarmed.SOCIETY, Harm.SERIOUS): 3,
    (ObjectHarmed.SOCIETY, Harm.GRAVE): 4,
    (ObjectHarmed.STATE, Harm.GENERAL): 3,
    (ObjectHarmed.STATE, Harm.SERIOUS): 4,
    (ObjectHarmed.STATE, Harm.GRAVE): 5,
}
_LEVEL = re.compile(r"S([1-4])A([1-4])G([1-4])")


@dataclass(frozen=True)
class Level:
    """S (business information), A (service), G (the higher of both), written S3A2G3."""

    information: int
    service: int

    @property
    def overall(self) -> int:
        return max(self.information, self.service)

    def __str__(self) -> str:
        return f"S{self.information}A{self.service}G{self.overall}"


def parse_level(text: str) -> Level:
    """Read S3A3G3; Invalid for another form or a G that is not the higher of both."""
    match = _LEVEL.fullmatch(text.strip().upper())
    level = Level(int(match[1]), int(match[2])) if match else None
    if level is None or str(level) != text.strip().upper():
        raise Invalid(
            N_("%(text)s is no protection level."),
            mend=N_("Write it like S3A2G3, where G is the higher of the two."),
            place="level",
            text=text[:20],
        )
    return level


@dataclass(frozen=True)
class System:
    """A registered system. ``boundary`` are asset ids; ``filing_number`` and ``filed_on`` are set by the filing."""

    id: str
    name: str
    unit: str
    level: Level
    owner: str
    boundary: tuple[str, ...]
    state: SystemState
    proposed_by: str
    changed_at: datetime
    filing_number: str = ""
    filed_on: date | None = None
    documents: Mapping[str, str] = field(default_factory=dict)  # state -> reference of the paper it rests on
