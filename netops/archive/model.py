"""Values of the archive."""

from dataclasses import dataclass
from datetime import datetime

VERIFY = "netops.verify"  # the kind of job that verifies the archive


@dataclass(frozen=True)
class Version:
    """One kept version of a device's masked configuration. ``id`` names it for ever; ``digest`` is SHA-256 of its text."""

    id: str
    device: str
    at: datetime
    author: str
    source: str
    summary: str
    digest: str


@dataclass(frozen=True)
class Stored:
    """What keeping a text led to: the newest version, and whether it is a new one."""

    version: Version
    is_new: bool


@dataclass(frozen=True)
class ArchiveReport:
    """Result of verifying the archive: versions read and the faults found (empty when it is whole)."""

    versions: int
    faults: tuple[str, ...]
