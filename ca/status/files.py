"""The published lists as files: the newest of each is what relying parties get, whatever the database says.

A list's number and end are in its name and its thisUpdate is the file's time, so that serving needs no database, and one that
was restored from a backup can not bring an older list back. Written beside, synced, recorded, renamed: none is half there.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ca.scopes import ListKind, Scope
from ca.status.model import RevocationList

_NAME = re.compile(r"(\d{1,20})-(\d{1,12})\.crl")


@dataclass(frozen=True)
class ListFile:
    """A published list."""

    path: Path
    number: int
    this_update: datetime
    next_update: datetime

    @property
    def size(self) -> int:
        return self.path.stat().st_size


@dataclass(frozen=True)
class Draft:
    """A signed list that is not published yet."""

    path: Path
    size: int
    digest: str


class ListFiles:
    """Lists below one folder, which is made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, scope: Scope, kind: ListKind) -> ListFile | None:
        """The list with the highest number."""
        found = max(self._all(scope, kind), default=None, key=lambda one: one[0])
        return None if found is None else _file(*found)

    def holds(self, one: RevocationList) -> bool:
        return self._path(one).exists()

    @contextmanager
    def draft(self, parts: Iterable[bytes]) -> Iterator[Draft]:
        """Write a signed list beside; it is gone at the end unless it was kept."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        path, hashed, size = Path(name), hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                for part in parts:
                    file.write(part)
                    hashed.update(part)
                    size += len(part)
                file.flush()
                os.fsync(file.fileno())
            yield Draft(path, size, hashed.hexdigest())
        finally:
            path.unlink(missing_ok=True)

    def keep(self, draft: Draft, one: RevocationList) -> None:
        """Publish what is recorded: from now on it is the newest."""
        path = self._path(one)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        moment = one.this_update.timestamp()
        os.utime(draft.path, (moment, moment))
        draft.path.rename(path)
        _sync(path.parent)

    def remove(self, old: Iterable[RevocationList]) -> None:
        for one in old:
            self._path(one).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what a crash left half written more than an hour ago."""
        before = datetime.now(UTC).timestamp() - 3600
        for path in self._folder.glob(".new-*"):
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)

    def _all(self, scope: Scope, kind: ListKind) -> Iterator[tuple[int, int, Path]]:
        try:
            names = os.listdir(self._place(scope, kind))
        except FileNotFoundError:
            return
        for name in names:
            match = _NAME.fullmatch(name)
            if match:
                yield int(match[1]), int(match[2]), self._place(scope, kind) / name

    def _place(self, scope: Scope, kind: ListKind) -> Path:
        return self._folder / scope.authority / str(scope.shard) / str(kind)

    def _path(self, one: RevocationList) -> Path:
        name = f"{one.number}-{int(one.next_update.timestamp())}.crl"
        return self._place(one.scope, one.kind) / name


def _file(number: int, ends: int, path: Path) -> ListFile:
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ListFile(path, number, made, datetime.fromtimestamp(ends, UTC))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
