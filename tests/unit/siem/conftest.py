"""A security monitoring centre in a temporary folder: real spool, parser, rules and relational store; events in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.store import Database
from siem.adapters.assets import AssetsByAddress
from siem.adapters.memory_events import MemoryEvents
from siem.ingest import BatchReport
from siem.intake import Intake, RuleFolder
from siem.parsing.parser import Parser
from siem.service import SiemService

RULES = Path(__file__).parents[3] / "policies" / "data" / "detections"


@dataclass(frozen=True)
class Host:
    """An entry of a small register."""

    id: str
    name: str
    unit: str
    address: str
    level: int
    kind: str = "device"


HOSTS = [
    Host("ast_srv", "nw-srv-linux", "u_city", "10.10.10.5", 3),
    Host("ast_web", "nw-srv-linux-web", "u_city", "10.10.10.5", 3, "service"),
    Host("ast_county", "county-sw", "u_county", "10.10.20.1", 2),
]


class NoSealer:
    """Nothing is sealed in these tests."""


@dataclass
class Centre:
    service: SiemService
    intake: Intake
    database: Database
    clock: FixedClock

    def take(self, *lines: str, source: str = "10.10.10.5", step: float = 1) -> BatchReport:
        """Receive lines, ``step`` seconds apart, and process them."""
        writer = self.intake.writer()
        for line in lines:
            writer.append("udp", source, line.encode())
            self.clock.advance(seconds=step)
        writer.close()
        report = self.service.process()
        assert report is not None
        return report


def make_centre(
    folder: Path, database: Database, clock: FixedClock, events: Any, rules: Path = RULES
) -> Centre:
    access = Access(database)
    evidence = EvidenceService(database, clock, access, MemoryBlobs(), NoSealer())  # type: ignore[arg-type]
    intake = Intake(
        folder=folder / "spool",
        database=database,
        clock=clock,
        events=events,
        parser=Parser(),
        assets=AssetsByAddress(lambda: HOSTS, clock),
        rules=RuleFolder(rules),
        log=structlog.get_logger(),
    )
    service = SiemService(
        database=database,
        clock=clock,
        access=access,
        evidence=evidence,
        events=events,
        intake=intake,
        keep_days=190,
    )
    return Centre(service, intake, database, clock)


@pytest.fixture
def centre(tmp_path: Path, database: Database, clock: FixedClock) -> Iterator[Centre]:
    made = make_centre(tmp_path, database, clock, MemoryEvents())
    yield made
    made.service.close()


def failed(n: int = 1, source: str = "203.0.113.50", user: str = "root") -> list[str]:
    """Lines of refused sign-ins without a time of their own, so the time of receipt counts."""
    return [
        f"<38>sshd[{k}]: Failed password for {user} from {source} port {40000 + k} ssh2" for k in range(n)
    ]
