"""What turns received lines into events and alerts, wired once: spool, parser, store, rules, register."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from kernel.clock import Clock
from kernel.store import Database
from siem.adapters.spool import SpoolReader, SpoolWriter, spool_file
from siem.alerting import AssetLookup
from siem.ingest import Pipeline
from siem.parsing.parser import Parser
from siem.ports import EventStore


@dataclass(frozen=True)
class RuleFolder:
    """Where the detection rules lie: ``*.yml`` Sigma files, and their examples in ``examples/``."""

    path: Path

    def state(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time of change and size of each rule file: another state means other rules."""
        found = ((path.name, path.stat()) for path in sorted(self.path.glob("*.yml")))
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)

    def files(self) -> list[tuple[str, str]]:
        """Name and text of each rule file."""
        return [(path.name, path.read_text("utf-8", "replace")) for path in sorted(self.path.glob("*.yml"))]

    def examples(self) -> list[tuple[str, str]]:
        """Name and text of each file of examples."""
        found = sorted((self.path / "examples").glob("*.yml"))
        return [(f"examples/{path.name}", path.read_text("utf-8")) for path in found]


@dataclass(frozen=True)
class Intake:
    """The room's way in."""

    folder: Path
    database: Database
    clock: Clock
    events: EventStore
    parser: Parser
    assets: AssetLookup
    rules: RuleFolder
    log: Any

    def writer(self) -> SpoolWriter:
        """A writer for this process; lines are kept from the moment its ``sync`` returns."""
        return SpoolWriter(self.folder, self.clock)

    def spool_file(self, file: BinaryIO, source: str) -> int:
        """Put a file's lines into the spool, all of them or none; how many."""
        return spool_file(self.folder, self.clock, file, source)

    def reader(self) -> SpoolReader:
        return SpoolReader(self.folder)

    def pipeline(self, losses: Callable[[], Mapping[str, int]] = dict) -> Pipeline:
        """A pipeline with the rules as they are now; broken ones are logged and left out."""
        from siem.detection.engine import Engine
        from siem.detection.rules import load_rules

        rules = load_rules(self.rules.files())
        for error in rules.errors:
            self.log.error("rule left out", detail=error.text("en"))
        if not rules.rules:
            self.log.error("no rules in use", folder=str(self.rules.path))
        return Pipeline(
            spool=self.reader(),
            parser=self.parser,
            events=self.events,
            engine=Engine(rules),
            assets=self.assets,
            database=self.database,
            clock=self.clock,
            log=self.log,
            losses=losses,
        )
