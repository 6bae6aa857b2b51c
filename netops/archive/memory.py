"""The archive in memory: for tests, with the same behaviour as the one in git."""

import difflib
import hashlib
import threading
from datetime import datetime

from kernel.canonical import sha256_hex
from kernel.errors import NotFound
from kernel.i18n import N_
from netops.archive.model import ArchiveReport, Stored, Version
from netops.archive.names import checked_name, checked_version


class MemoryArchive:
    """Keeps (version, text) per device, oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[Version, str]]] = {}
        self._lock = threading.Lock()

    def put(self, device: str, text: str, *, author: str, source: str, at: datetime) -> Stored:
        with self._lock:
            kept = self._kept.setdefault(checked_name(device), [])
            if kept and kept[-1][1] == text:
                return Stored(kept[-1][0], is_new=False)
            seed = f"{device}\0{len(kept)}\0{text}".encode()
            version = Version(
                id=hashlib.sha256(seed).hexdigest()[:40],
                device=device,
                at=at,
                author=author,
                source=source,
                summary="",
                digest=sha256_hex(text.encode()),
            )
            kept.append((version, text))
            return Stored(version, is_new=True)

    def devices(self) -> list[str]:
        return sorted(device for device, kept in self._kept.items() if kept)

    def history(self, device: str, limit: int = 100) -> list[Version]:
        return [version for version, _ in reversed(self._of(device))][:limit]

    def text(self, device: str, version: str = "") -> str:
        kept = self._of(device)
        if not version:
            return kept[-1][1]
        beginning = checked_version(version)
        found = [text for known, text in kept if known.id.startswith(beginning)]
        if len(found) != 1:
            raise NotFound(N_("%(device)s has no version %(version)s."), device=device, version=version)
        return found[0]

    def diff(self, device: str, old: str, new: str = "") -> str:
        before, after = self.text(device, old).splitlines(True), self.text(device, new).splitlines(True)
        return "".join(difflib.unified_diff(before, after, f"a/{device}.cfg", f"b/{device}.cfg"))

    def verify(self) -> ArchiveReport:
        versions = [pair for kept in self._kept.values() for pair in kept]
        bad = [version.id for version, text in versions if sha256_hex(text.encode()) != version.digest]
        return ArchiveReport(len(versions), tuple(bad))

    def _of(self, device: str) -> list[tuple[Version, str]]:
        kept = self._kept.get(checked_name(device))
        if not kept:
            raise NotFound(N_("There is no configuration of %(device)s in the archive."), device=device)
        return kept
