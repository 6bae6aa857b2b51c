"""What disaster recovery speaks of: plans, runs, levels of proof, findings. Values only, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from kernel.errors import Conflict
from kernel.i18n import N_, current_language


class Layer(StrEnum):
    """What kind of thing is backed up (the rows of the plan matrix)."""

    DATABASE = "database"
    FILES = "files"
    EVENT_STORE = "event-store"
    CONFIGURATIONS = "configurations"
    CA = "ca"


class SiteKind(StrEnum):
    """Where a replica is: 同城, 异地, 省级."""

    SAME_CITY = "same-city"
    REMOTE = "remote"
    PROVINCIAL = "provincial"


class Verdict(StrEnum):
    """What a check says. An answer that could not be read is unknown, never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Level(IntEnum):
    """The verification ladder: each level presupposes those below it. V5 is recorded by people, not measured here."""

    NONE = -1
    V0 = 0  # present and fresh, by receipt
    V1 = 1  # structure, by the engine
    V2 = 2  # every byte read and equal to its digest
    V3 = 3  # restored bytes equal those at the source
    V4 = 4  # the application answers on the restored data
    V5 = 5  # switched over


class RunState(StrEnum):
    """How far a run has come: stored at the first site, replicated to all, verified at all."""

    PLANNED = "planned"
    RUNNING = "running"
    STORED = "stored"
    REPLICATED = "replicated"
    VERIFIED = "verified"
    FAILED = "failed"


# What may follow what. A verified run can fail when a later look finds damage, and be replicated again when mended.
TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    RunState.PLANNED: frozenset({RunState.RUNNING, RunState.FAILED}),
    RunState.RUNNING: frozenset({RunState.STORED, RunState.FAILED}),
    RunState.STORED: frozenset({RunState.REPLICATED, RunState.FAILED}),
    RunState.REPLICATED: frozenset({RunState.VERIFIED, RunState.FAILED}),
    RunState.VERIFIED: frozenset({RunState.FAILED}),
    RunState.FAILED: frozenset({RunState.REPLICATED}),
}


def move(run: str, current: RunState, target: RunState) -> RunState:
    """The new state; Conflict when the table has no such move."""
    if target not in TRANSITIONS[current]:
        raise Conflict(
            N_("Backup run %(run)s is %(current)s; it can not become %(target)s."),
            run=run,
            current=str(current),
            target=str(target),
        )
    return target


@dataclass(frozen=True)
class Text:
    """A text of policy data in both languages."""

    zh: str
    en: str

    def render(self, language: str) -> str:
        return self.en if language.startswith("en") else self.zh

    @property
    def here(self) -> str:
        """In the reader's language."""
        return self.render(current_language())


@dataclass(frozen=True)
class PlannedSet:
    """One thing to back up: ``source`` names a source the installation provides."""

    source: str
    layer: Layer


@dataclass(frozen=True)
class PlannedSite:
    """A site of a plan. The first of a plan is where the engine writes; the others get replicas."""

    name: str
    kind: SiteKind


@dataclass(frozen=True)
class Keep:
    """How many backups stay: the newest of so many days, weeks, months."""

    daily: int
    weekly: int
    monthly: int


@dataclass(frozen=True)
class Aims:
    """What the plan promises, as durations, and the level of GB/T 20988 it is meant to reach."""

    rpo: timedelta
    rto: timedelta
    level: int
    edition: str


@dataclass(frozen=True)
class Schedule:
    """Five-field cron expressions in the installation's time zone; empty: only on demand."""

    run: str
    verify: str = ""
    drill: str = ""


@dataclass(frozen=True)
class Plan:
    """A backup plan: what, where, how often, how long, and what it is to prove."""

    id: str
    title: Text
    unit: str
    engine: str
    sets: tuple[PlannedSet, ...]
    sites: tuple[PlannedSite, ...]
    schedule: Schedule
    keep: Keep
    aims: Aims
    checks: tuple[str, ...]
    coverage: timedelta  # every byte at every site is read at least once in this time

    @property
    def primary(self) -> PlannedSite:
        return self.sites[0]


@dataclass(frozen=True)
class ManifestEntry:
    """A file as it was at the source; ``sha256`` is None for a file that changed while it was being backed up."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class StoredSet:
    """What the engine stored of one source. ``as_of`` is the moment the consistent copy shows."""

    source: str
    layer: Layer
    snapshot: str
    tree: str
    files: int
    bytes: int
    manifest: str  # digest of the list of files, kept in the blob store
    as_of: datetime


@dataclass(frozen=True)
class EngineSnapshot:
    """A snapshot as the engine lists it."""

    id: str
    tree: str
    time: datetime
    tags: tuple[str, ...]


@dataclass(frozen=True)
class EngineVerdict:
    """What an engine's own check said: exit status AND text decide; ``complaints`` are its lines, shortened."""

    verdict: Verdict
    exit_code: int
    complaints: tuple[str, ...]
    output_digest: str


class FindingKind(StrEnum):
    """What can be wrong with a replica."""

    CHANGED = "changed"  # same size, other bytes
    TRUNCATED = "truncated"  # other size
    MISSING = "missing"
    EXTRA = "extra"
    STALE = "stale"  # the newest receipt is not provable
    ROLLED_BACK = "rolled-back"  # it was, and no longer is
    STRUCTURE = "structure"  # the engine's own check complains
    UNREADABLE = "unreadable"
    RESTORE = "restore"  # restored bytes differ
    APPLICATION = "application"  # the application does not answer as it should


@dataclass(frozen=True)
class Finding:
    """One thing wrong at one site. ``expected``/``actual`` are SHA-256 digests, sizes or receipt numbers, as text."""

    kind: FindingKind
    site: str
    file: str
    expected: str
    actual: str


@dataclass(frozen=True)
class LevelOutcome:
    """What was found on one rung of the ladder."""

    level: Level
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """The result of one look at one replica; ``reached`` is the highest level with every level below it passed."""

    id: str
    plan: str
    site: str
    wanted: Level
    reached: Level
    verdict: Verdict
    receipt: int  # newest receipt proved at the site; 0: none
    findings: tuple[Finding, ...]
    outcomes: tuple[LevelOutcome, ...]
    files_read: int
    bytes_read: int
    started_at: datetime
    finished_at: datetime

    @property
    def why(self) -> str:
        """What kept the first rung that is unknown from being judged; "" where everything could be."""
        unknown = (outcome for outcome in self.outcomes if outcome.verdict is Verdict.UNKNOWN)
        first = next(unknown, None)
        return f"{first.level.name}: {first.note}" if first else ""


@dataclass(frozen=True)
class Run:
    """One backup run as stored."""

    id: str
    plan: str
    unit: str
    state: RunState
    receipt: int
    error: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class ReplicaCopy:
    """What replication did at one site: files and bytes newly copied; ``error`` empty when all went well."""

    site: str
    files: int
    bytes: int
    error: str = ""


@dataclass(frozen=True)
class RunResult:
    """What a run gave: its final state, its receipt's number, and every site's copy."""

    run: Run
    sets: tuple[StoredSet, ...]
    copies: tuple[ReplicaCopy, ...]


@dataclass(frozen=True)
class CheckResult:
    """What an application check said of restored data; ``newest`` is the newest committed record it found."""

    name: str
    ok: bool
    newest: datetime | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""


@dataclass(frozen=True)
class Drill:
    """A restore drill: times in seconds; RTO from the decision until every check passed; RPO None when no record showed it."""

    id: str
    plan: str
    site: str
    receipt: int
    reached: Level
    verdict: Verdict
    rto: float
    rpo: float | None
    comparison: Mapping[str, Any]
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    decided_at: datetime
    finished_at: datetime
