"""What the disaster-recovery room needs of the outside."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from backup.model import CheckResult, EngineSnapshot, EngineVerdict, Keep


@dataclass(frozen=True)
class OpenSource:
    """A consistent state of a source, as a folder that holds still while it is open; ``as_of`` dates that state."""

    folder: Path
    as_of: datetime


class Source(Protocol):
    """Something that can be backed up."""

    def open(self, scratch: Path) -> AbstractContextManager[OpenSource]:
        """Offer a consistent state; ``scratch`` is an empty folder for a copy, removed by the caller afterwards."""


@dataclass(frozen=True)
class Stored:
    """What an engine says it stored: snapshot and tree ids, files and octets of the source."""

    snapshot: str
    tree: str
    files: int
    bytes: int


class Engine(Protocol):
    """An existing backup program. Errors: Unavailable (missing, unreachable, full), IntegrityFailed (wrong password,
    damage), Conflict (locked by a living process). ``repository`` is a folder."""

    @property
    def name(self) -> str: ...

    def version(self) -> str:
        """``restic 0.14.0``; Unavailable when the program is missing."""

    def prepare(self, repository: Path) -> None:
        """Create the repository unless it is there."""

    def store(self, repository: Path, folder: Path, tag: str) -> Stored:
        """Store all of ``folder`` as a new snapshot tagged ``tag``; never part of it."""

    def snapshots(self, repository: Path) -> list[EngineSnapshot]:
        """All snapshots, oldest first; leaves no trace in the repository."""

    def check(self, repository: Path, *, read_data: bool) -> EngineVerdict:
        """The engine's own check, without writing to the repository. Never raises for damage: that is a verdict."""

    def restore(self, repository: Path, snapshot: str, target: Path) -> EngineVerdict:
        """Restore into the empty folder ``target`` without writing to the repository; damage is a verdict."""

    def retain(self, repository: Path, keep: Keep) -> int:
        """Forget what ``keep`` does not name, free its space, and return how many snapshots went."""

    def digest_of_name(self, name: str) -> str | None:
        """The SHA-256 that a repository file's name promises for its content; None for files named otherwise."""

    def is_passing(self, name: str) -> bool:
        """Whether a repository file comes and goes by itself (locks) and belongs to no inventory."""

    def snapshot_of_name(self, name: str) -> str | None:
        """The id of the snapshot that a repository file describes; None for files that are no snapshot."""


@dataclass(frozen=True)
class FileRead:
    """A file read whole: its octets and digest, or why it could not be read."""

    name: str
    size: int
    sha256: str
    error: str = ""


class SiteStore(Protocol):
    """The place of one site: a repository and its receipts per plan. Unavailable when the site can not be reached."""

    @property
    def name(self) -> str: ...

    def repository(self, plan: str) -> Path:
        """The folder of the plan's repository there."""

    def sizes(self, plan: str) -> dict[str, int]:
        """Names and sizes of all files of the repository, nothing read; empty when there is none."""

    def read(self, plan: str, names: Iterable[str]) -> Iterator[FileRead]:
        """Read the named files whole, with bounded memory; a file that fails is reported, the others go on."""

    def fetch(self, plan: str, name: str) -> AbstractContextManager[Iterator[bytes]]:
        """A file's content in pieces."""

    def put(self, plan: str, name: str, pieces: Iterator[bytes], sha256: str) -> int:
        """Write a file whole or not at all and return its size; IntegrityFailed when its bytes are not those promised."""

    def set_aside(self, plan: str, name: str) -> None:
        """Move a damaged file out of the repository, kept for inquiry."""

    def sweep(self, plan: str) -> int:
        """Remove what a killed copy left unfinished; returns how many files that were."""

    def remove(self, plan: str, name: str) -> None:
        """Delete a file that retention took away at the primary."""

    def put_receipt(self, plan: str, seq: int, data: bytes) -> None:
        """Leave a receipt beside the repository, for the day the primary is lost."""


class ApplicationCheck(Protocol):
    """Asks a restored application questions."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> frozenset[str]:
        """Sources whose restored folders it works on."""

    def check(self, restored: Mapping[str, Path]) -> CheckResult:
        """``restored`` maps each needed source to its folder. An answer that is wrong or absent is ``ok`` False."""


Progress = Callable[[int, int, str], None]


def no_progress(_done: int, _total: int, _message: str) -> None:
    """For callers that show none."""
