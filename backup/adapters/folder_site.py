"""A site as a folder: a disk of this machine or a mount of the other centre.

Layout: ``<site>/<plan>/repository/…``, ``<site>/<plan>/receipts/<number>.json``, ``<site>/<plan>/aside/…`` (damaged files
that were replaced). Files appear whole or not at all.
"""

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backup.ports import FileRead
from kernel.errors import IntegrityFailed, Invalid, Unavailable
from kernel.i18n import N_
from kernel.secrets import write_private

PIECE = 1 << 20
_NAME = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_UNFINISHED = ".new-"


class FolderSite:
    """One site below one folder. ``required`` False: the folder is made at first use (a disk of our own)."""

    def __init__(self, name: str, folder: Path, *, required: bool = True) -> None:
        self.name = name
        self._folder = folder
        self._required = required

    def repository(self, plan: str) -> Path:
        self._reach()
        return self._folder / plan / "repository"

    def sizes(self, plan: str) -> dict[str, int]:
        repository = self.repository(plan)
        found = {}
        with self._trouble():
            for folder, _folders, files in os.walk(repository, onerror=_raise):
                for file in files:
                    path = Path(folder) / file
                    if not file.startswith(_UNFINISHED):
                        found[path.relative_to(repository).as_posix()] = path.lstat().st_size
        return found

    def read(self, plan: str, names: Iterable[str]) -> Iterator[FileRead]:
        repository = self.repository(plan)
        buffer = memoryview(bytearray(PIECE))
        for name in names:
            digest, size = hashlib.sha256(), 0
            path = repository / _checked(name)
            try:
                if not stat.S_ISREG(path.lstat().st_mode):  # a pipe would never end, a link leads elsewhere
                    raise OSError(errno.EINVAL, "not a regular file")
                with path.open("rb", buffering=0) as file:
                    while got := file.readinto(buffer):
                        digest.update(buffer[:got])
                        size += got
            except OSError as error:
                yield FileRead(name, size, "", error.strerror or type(error).__name__)
            else:
                yield FileRead(name, size, digest.hexdigest())

    @contextmanager
    def fetch(self, plan: str, name: str) -> Iterator[Iterator[bytes]]:
        try:
            with (self.repository(plan) / _checked(name)).open("rb") as file:
                yield iter(lambda: file.read(PIECE), b"")
        except FileNotFoundError as error:
            raise IntegrityFailed(N_("The site lacks file %(file)s."), place=self.name, file=name) from error

    def put(self, plan: str, name: str, pieces: Iterator[bytes], sha256: str) -> int:
        target = self.repository(plan) / _checked(name)
        with self._trouble():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as file:
                    size = _write(file.fileno(), pieces, sha256, f"{self.name}: {name}")
                Path(temporary).rename(target)
            finally:
                Path(temporary).unlink(missing_ok=True)
        return size

    def set_aside(self, plan: str, name: str) -> None:
        damaged = self.repository(plan) / _checked(name)
        aside = self._folder / plan / "aside" / name.replace("/", "_")
        with self._trouble():
            aside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if damaged.exists():
                damaged.rename(aside)

    def remove(self, plan: str, name: str) -> None:
        with self._trouble():
            (self.repository(plan) / _checked(name)).unlink(missing_ok=True)

    def put_receipt(self, plan: str, seq: int, data: bytes) -> None:
        self._reach()
        path = self._folder / plan / "receipts" / f"{seq:08d}.json"
        with self._trouble():
            if not path.exists():
                write_private(path, data)

    def sweep(self, plan: str) -> int:
        repository = self.repository(plan)
        with self._trouble():
            left = list(repository.rglob(f"{_UNFINISHED}*"))
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """What the file system refuses at this site is the site's trouble, not the suite's."""
        try:
            yield
        except OSError as error:
            raise Unavailable(
                N_("The site can not be read or written: %(error)s"),
                mend=N_("Free space at the site, or check its mount and the account's rights."),
                place=f"{self.name}: {error.filename or self._folder}",
                error=error.strerror or type(error).__name__,
            ) from error

    def _reach(self) -> None:
        if self._folder.is_dir():
            return
        if self._required:
            raise Unavailable(
                N_("Site %(site)s can not be reached."),
                mend=N_("Mount it, or correct backup.sites."),
                place=str(self._folder),
                site=self.name,
            )
        with self._trouble():
            self._folder.mkdir(parents=True, mode=0o700)


def _write(handle: int, pieces: Iterator[bytes], sha256: str, place: str) -> int:
    """Write the pieces and flush them to the disk; IntegrityFailed when they are not those promised."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(handle, view) :]
        digest.update(piece)
        size += len(piece)
    if digest.hexdigest() != sha256:
        raise IntegrityFailed(
            N_("The copy's bytes are not those that were stored: the file it was copied from is damaged."),
            mend=N_("Verify all sites, then mend the damaged one from a good site."),
            place=place,
        )
    os.fsync(handle)
    return size


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(N_("%(name)s is no file of a repository."), name=repr(name)[:120])
    return name


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
