"""Sources: each offers a consistent state of something that goes on changing."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backup.ports import OpenSource
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from kernel.secrets import write_private

SETTLE_ATTEMPTS = 5


class SqliteSource:
    """A SQLite database, copied by SQLite's own backup interface: one state, writers go on meanwhile."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        if not self._file.is_file():
            raise _absent(self._file)
        as_of = self._clock.now()
        copy = scratch / self._file.name
        try:
            self._copy(copy)
        except sqlite3.Error as error:
            raise IntegrityFailed(
                N_("The database can not be copied: %(error)s"),
                mend=N_("Restore it from a backup."),
                place=str(self._file),
                error=str(error)[:200],
            ) from error
        yield OpenSource(scratch, as_of)

    def _copy(self, copy: Path) -> None:
        source = sqlite3.connect(self._file, timeout=30)
        target = sqlite3.connect(copy)
        copy.chmod(0o600)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
            said = target.execute("PRAGMA quick_check").fetchone()[0]
            if said != "ok":
                raise sqlite3.DatabaseError(said)
        finally:
            target.close()
            source.close()


class FolderSource:
    """A folder read where it is: for files that are written once. What changes meanwhile is marked in the manifest."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        if not self._folder.is_dir():
            raise _absent(self._folder)
        yield OpenSource(self._folder, self._clock.now())


class FileSource:
    """One file that its application replaces whole, such as the signer's key file: copied into a folder of its own.

    ``beside`` are files that belong to it and need not be there.
    """

    def __init__(self, file: Path, clock: Clock, *, beside: Sequence[Path] = ()) -> None:
        self._file = file
        self._clock = clock
        self._beside = beside

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        if not self._file.is_file():
            raise _absent(self._file)
        as_of = self._clock.now()
        for file in (self._file, *(one for one in self._beside if one.is_file())):
            write_private(scratch / file.name, file.read_bytes())
        yield OpenSource(scratch, as_of)


class SettledFolderSource:
    """A folder whose files belong together, such as a search index: copied until nothing changed during the copy."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        if not self._folder.is_dir():
            raise _absent(self._folder)
        for _ in range(SETTLE_ATTEMPTS):
            as_of, before = self._clock.now(), _state(self._folder)
            copy = scratch / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            if _copied(self._folder, copy) and _state(self._folder) == before:
                yield OpenSource(copy, as_of)
                return
        raise Conflict(
            N_("The folder changes faster than it can be copied."),
            mend=N_("Back it up at a quieter hour."),
            place=str(self._folder),
        )


class GitSource:
    """A git repository as a mirror clone: refs and the objects they need, of one moment."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        if not self._folder.is_dir():
            raise _absent(self._folder)
        as_of = self._clock.now()
        command = [
            "git",
            "clone",
            "--quiet",
            "--mirror",
            "--no-hardlinks",
            str(self._folder),
            str(scratch / "mirror.git"),
        ]
        _run(command, {}, str(self._folder))
        yield OpenSource(scratch, as_of)


class PostgresSource:
    """A PostgreSQL database by pg_dump: one snapshot, uncompressed, so that the engine finds what did not change.

    ``url`` is an SQLAlchemy URL; its password reaches pg_dump by its environment.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock

    @contextmanager
    def open(self, scratch: Path) -> Iterator[OpenSource]:
        from sqlalchemy.engine import make_url

        url = make_url(self._url)
        variables = {
            "PGHOST": url.host,
            "PGPORT": url.port,
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
            **{f"PG{name.upper()}": value for name, value in url.query.items() if isinstance(value, str)},
        }
        as_of = self._clock.now()
        target = scratch / "database.pgdump"
        given = {name: str(value) for name, value in variables.items() if value is not None}
        command = ["pg_dump", "--format=custom", "--compress=0", "--no-password", "--file", str(target)]
        _run(command, given, f"{url.host}:{url.port}/{url.database}")
        target.chmod(0o600)
        yield OpenSource(scratch, as_of)


def _run(command: list[str], variables: dict[str, str], place: str) -> None:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **variables,
    }
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Unavailable(
            N_("The program %(program)s is not installed."), place=place, program=command[0]
        ) from error
    if done.returncode != 0:
        raise Unavailable(
            N_("%(program)s failed: %(error)s"),
            place=place,
            program=command[0],
            error=done.stderr.strip()[-300:],
        )


def _absent(path: Path) -> NotFound:
    return NotFound(
        N_("There is nothing to back up here."),
        mend=N_("Correct the plan or the settings."),
        place=str(path),
    )


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file's inode, size and time of change: equal before and after means that nothing moved."""
    found = {}
    for path in folder.rglob("*"):
        try:
            stat = path.lstat()
        except FileNotFoundError:
            found[str(path)] = (0, 0, 0)
        else:
            found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def _copied(folder: Path, copy: Path) -> bool:
    try:
        shutil.copytree(folder, copy, symlinks=True)
    except (shutil.Error, FileNotFoundError):
        return False  # a file went away meanwhile
    return True
