"""Lists of files with digests: what a source held, and whether restored files are the same."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from backup.model import Finding, FindingKind, ManifestEntry


class Seen(NamedTuple):
    """A file before the engine reads it; inode, size and time of change tell whether it changed since."""

    inode: int
    size: int
    changed: int
    sha256: str


def look(folder: Path) -> dict[str, Seen]:
    """Regular files below the folder by relative path; links are not followed, files that vanish are left out."""
    found = {}
    for path in _regular_files(folder):
        try:
            stat = path.stat()
            digest = file_sha256(path)
        except FileNotFoundError:
            continue
        found[path.relative_to(folder).as_posix()] = Seen(stat.st_ino, stat.st_size, stat.st_mtime_ns, digest)
    return found


def steady(folder: Path, before: dict[str, Seen]) -> tuple[ManifestEntry, ...]:
    """The manifest: a file that is the same after the engine read it carries its digest, another none."""
    return tuple(
        ManifestEntry(name, seen.size, seen.sha256 if _same(folder / name, seen) else None)
        for name, seen in sorted(before.items())
    )


def restored_findings(
    site: str, source: str, folder: Path, manifest: Iterable[ManifestEntry]
) -> Iterator[Finding]:
    """Files of the manifest that the restored folder lacks or holds with other bytes."""
    for entry in manifest:
        if entry.sha256 is None:
            continue
        path = folder / entry.path
        actual = file_sha256(path) if path.is_file() else ""
        if actual != entry.sha256:
            yield Finding(FindingKind.RESTORE, site, f"{source}/{entry.path}", entry.sha256, actual)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same(path: Path, seen: Seen) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (seen.inode, seen.size, seen.changed)


def _regular_files(folder: Path) -> list[Path]:
    found = [Path(where) / name for where, _folders, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())
