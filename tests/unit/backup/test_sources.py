"""Sources offer one consistent state while their owners go on writing."""

import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from backup.adapters.checks import CommandCheck, DatabaseCheck, GitCheck
from backup.adapters.sources import (
    FileSource,
    FolderSource,
    GitSource,
    PostgresSource,
    SettledFolderSource,
    SqliteSource,
)
from backup.manifest import look, steady
from backup.store import put_heartbeat
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, NotFound, Unavailable
from kernel.store import Database
from tests.conftest import fresh


def test_a_database_is_copied_whole_while_it_is_written_to(tmp_path: Path, clock: FixedClock) -> None:
    file, scratch = tmp_path / "live.sqlite", tmp_path / "scratch"
    scratch.mkdir()
    live = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("CREATE TABLE pairs (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER)")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            live.execute("INSERT INTO pairs (a, b) VALUES (?, ?)", (number, number))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with SqliteSource(file, clock).open(scratch) as opened:
            assert opened.as_of == clock.now()
            (copy,) = list(opened.folder.iterdir())  # no -wal beside it
            assert copy.stat().st_mode & 0o077 == 0
            restored = sqlite3.connect(copy)
            assert restored.execute("SELECT count(*) FROM pairs WHERE a <> b").fetchone() == (0,)
            assert restored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            restored.close()
    finally:
        stop.set()
        thread.join()
        live.close()


def test_a_damaged_database_is_not_backed_up_as_if_it_were_sound(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / "scratch").mkdir()
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with (
        pytest.raises(IntegrityFailed, match="can not be copied"),
        SqliteSource(broken, clock).open(tmp_path / "scratch"),
    ):
        pass


def test_what_is_not_there_is_said(tmp_path: Path, clock: FixedClock) -> None:
    nowhere = tmp_path / "nowhere"
    for source in (SqliteSource, FileSource, FolderSource, SettledFolderSource, GitSource):
        with pytest.raises(NotFound), source(nowhere, clock).open(tmp_path):
            pass


def test_a_folder_that_never_settles_is_refused(
    tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scratch = tmp_path / "events", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    (folder / "segment").write_text("1")
    with SettledFolderSource(folder, clock).open(scratch) as opened:
        assert (opened.folder / "segment").read_text() == "1"
    original = shutil.copytree

    def copy_while_it_grows(*given: object, **named: object) -> object:
        copied = original(*given, **named)  # type: ignore[call-overload]
        with (folder / "segment").open("a") as file:
            file.write("more")
        return copied

    monkeypatch.setattr(shutil, "copytree", copy_while_it_grows)
    with pytest.raises(Conflict, match="faster"), SettledFolderSource(folder, clock).open(scratch):
        pass


def test_a_file_that_changes_during_the_backup_is_marked_not_vouched_for(tmp_path: Path) -> None:
    (tmp_path / "still").write_text("still")
    (tmp_path / "moving").write_text("one")
    (tmp_path / "vanishing").write_text("soon gone")
    before = look(tmp_path)
    (tmp_path / "moving").write_text("other")
    (tmp_path / "vanishing").unlink()
    vouched = {entry.path: entry.sha256 is not None for entry in steady(tmp_path, before)}
    assert vouched == {"moving": False, "still": True, "vanishing": False}


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_a_git_archive_is_mirrored_and_checked_by_git(tmp_path: Path, clock: FixedClock) -> None:
    archive, scratch = tmp_path / "archive", tmp_path / "scratch"
    scratch.mkdir()
    git("init", "-q", str(archive))
    (archive / "core.cfg").write_text("hostname core\n")
    git("-C", str(archive), "add", ".")
    git("-C", str(archive), "commit", "-q", "-m", "first")
    with GitSource(archive, clock).open(scratch) as opened:
        result = GitCheck("configurations").check({"configurations": opened.folder})
        assert (result.ok, result.facts) == (True, {"versions": 1})
        objects = [path for path in (opened.folder / "mirror.git" / "objects").rglob("*") if path.is_file()]
        for path in objects:
            path.chmod(0o600)
            path.write_bytes(b"damaged")
        assert not GitCheck("configurations").check({"configurations": opened.folder}).ok


def test_the_database_check_dates_the_data_and_sees_damage(tmp_path: Path, clock: FixedClock) -> None:
    database = fresh(tmp_path / "suite.sqlite", clock)
    with database.begin() as uow:
        put_heartbeat(uow.connection, "suite", clock.now())
    database.close()
    check = DatabaseCheck("suite-database")
    found = check.check({"suite-database": tmp_path})
    assert (found.ok, found.newest) == (True, clock.now())
    file = tmp_path / "suite.sqlite"
    data = bytearray(file.read_bytes())
    data[4096:12288] = b"\xaa" * 8192
    file.write_bytes(data)
    assert not check.check({"suite-database": tmp_path}).ok
    file.unlink()
    assert not check.check({"suite-database": tmp_path}).ok


@pytest.mark.parametrize(
    ("script", "ok"),
    [
        ('echo \'{"ok": true, "newest": null, "facts": {"n": 1}, "said": "fine"}\'', True),
        ("echo '{\"ok\": true}'; exit 3", False),
        ('echo \'{"ok": false, "said": "no"}\'', False),
        ("echo fine", False),
        ("exit 0", False),
        ("echo '[]'", False),
    ],
)
def test_a_check_by_command_passes_only_on_a_clear_yes(tmp_path: Path, script: str, ok: bool) -> None:
    check = CommandCheck("ca", frozenset({"keys"}), lambda _folders: ["sh", "-c", script])
    assert check.check({"keys": tmp_path}).ok is ok


def test_a_check_whose_program_is_missing_fails(tmp_path: Path) -> None:
    check = CommandCheck("ca", frozenset(), lambda _folders: ["program-that-is-not-here"])
    found = check.check({})
    assert (found.ok, found.facts["status"]) == (False, 127)


@pytest.mark.postgres
def test_a_postgresql_database_is_dumped_dated_and_restorable(
    postgres_city: str, tmp_path: Path, clock: FixedClock
) -> None:
    database = Database(postgres_city, clock)
    with database.begin() as uow:
        put_heartbeat(uow.connection, "suite", clock.now())
    with PostgresSource(postgres_city, clock).open(tmp_path) as opened:
        check = DatabaseCheck("suite-database")
        found = check.check({"suite-database": opened.folder})
        assert (found.ok, found.newest) == (True, clock.now())
        dump = opened.folder / "database.pgdump"
        assert dump.stat().st_mode & 0o077 == 0
        assert _restored_heartbeats(postgres_city, dump) == 1
        dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
        assert not check.check({"suite-database": opened.folder}).ok
    database.close()


def _restored_heartbeats(url: str, dump: Path) -> int:
    """Restore the dump into the database, emptied, and count there."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    plain = url.replace("postgresql+psycopg:", "postgresql:")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    subprocess.run(
        ["pg_restore", "--no-owner", "--dbname", plain, str(dump)], check=True, capture_output=True
    )
    with engine.connect() as connection:
        counted: int = connection.execute(text("SELECT count(*) FROM backup_heartbeats")).scalar_one()
    engine.dispose()
    return counted


@pytest.mark.postgres
def test_a_postgresql_that_does_not_answer_is_said(
    postgres_url: str, tmp_path: Path, clock: FixedClock
) -> None:
    gone = postgres_url.rsplit("/", 1)[0] + "/no_such_database"
    with pytest.raises(Unavailable, match="pg_dump failed"), PostgresSource(gone, clock).open(tmp_path):
        pass


def test_what_belongs_to_a_file_goes_with_it_where_it_is(tmp_path: Path, clock: FixedClock) -> None:
    file, beside = tmp_path / "signer.keys", (tmp_path / "signer.activation", tmp_path / "token.index")
    file.write_bytes(b"keys")
    beside[0].write_bytes(b"shares")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with FileSource(file, clock, beside=beside).open(scratch) as opened:
        found = {one.name: one.read_bytes() for one in opened.folder.iterdir()}
    assert found == {"signer.keys": b"keys", "signer.activation": b"shares"}
