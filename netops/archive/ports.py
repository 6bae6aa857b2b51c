"""What keeps versions of configurations."""

from datetime import datetime
from typing import Protocol

from netops.archive.model import ArchiveReport, Stored, Version


class Archive(Protocol):
    """Versions of masked texts, one line of history per device. Names are ``archive_name`` of a device."""

    def put(self, device: str, text: str, *, author: str, source: str, at: datetime) -> Stored:
        """Keep ``text`` if it differs from the newest version; durable on return, whole or not at all."""

    def devices(self) -> list[str]:
        """Names of all devices that have a version, sorted."""

    def history(self, device: str, limit: int = 100) -> list[Version]:
        """Newest first; NotFound for a device without versions."""

    def text(self, device: str, version: str = "") -> str:
        """The text of a version (an id or an unambiguous beginning of one; empty: the newest). NotFound when there is none."""

    def diff(self, device: str, old: str, new: str = "") -> str:
        """Unified diff of two versions of a device, empty when they are equal."""

    def verify(self) -> ArchiveReport:
        """Read everything and check every digest."""
