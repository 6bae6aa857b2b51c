"""What the steps of the main job are handed and what they give back."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from console.compose.app import App
from console.compose.floor import Floor
from console.demo.processes import Processes
from kernel.identity.model import Principal

RANGE = Path(__file__).parent.parent.parent / "tests" / "range"


@dataclass(frozen=True)
class Check:
    """An independent check: a command of somebody else's, whether it agreed, and what it said (last lines)."""

    name: str
    command: str
    ok: bool
    output: str


@dataclass(frozen=True)
class StepResult:
    """What one room did: figures to show, planted faults expected and found (ids), independent checks."""

    name: str
    figures: Mapping[str, Any]
    expected: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    pictures: Mapping[str, str] = field(default_factory=dict)  # title -> SVG, for the report

    @property
    def passed(self) -> bool:
        """Exactly what was planted was found, and every independent check agreed."""
        return sorted(self.expected) == sorted(self.found) and all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        kept = {key: value for key, value in asdict(self).items() if key != "pictures"}
        return kept | {"passed": self.passed}


@dataclass(frozen=True)
class Demo:
    """One run of the main job in a folder of its own."""

    app: App
    folder: Path
    people: Mapping[str, Principal]
    progress: Callable[[str], None]
    processes: Processes
    started: dict[str, Any] = field(default_factory=dict)  # what earlier steps leave for later ones

    @property
    def floor(self) -> Floor:
        return self.app.floor

    @property
    def range_state(self) -> Path:
        """state.json of the practice network."""
        return self.folder / "range" / "state.json"

    def planted(self, room: str) -> list[str]:
        """Ids of the planted faults that ``room`` is expected to find."""
        faults = yaml.safe_load((RANGE / "faults.yaml").read_text(encoding="utf-8"))["faults"]
        return [fault["id"] for fault in faults if any(entry["room"] == room for entry in fault["expected"])]
