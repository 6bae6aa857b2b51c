"""What every archive does: in memory and in git, the same."""

import multiprocessing
import os
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kernel.canonical import sha256_hex
from kernel.errors import Invalid, NotFound
from netops.archive.git import GitArchive
from netops.archive.memory import MemoryArchive
from netops.archive.names import archive_name
from netops.archive.ports import Archive

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "git"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    return MemoryArchive() if request.param == "memory" else GitArchive(tmp_path / "archive.git")


def put(archive: Archive, device: str, text: str, minutes: int = 0) -> str:
    at = AT + timedelta(minutes=minutes)
    return archive.put(device, text, author="黄强", source="on_demand", at=at).version.id


def test_a_text_is_kept_once(archive: Archive) -> None:
    first = archive.put("r1", "a\nb\n", author="黄强", source="scheduled", at=AT)
    again = archive.put("r1", "a\nb\n", author="another", source="on_demand", at=AT + timedelta(hours=1))
    assert first.is_new
    assert not again.is_new
    assert again.version == first.version
    assert (first.version.author, first.version.source, first.version.at) == ("黄强", "scheduled", AT)
    assert first.version.digest == sha256_hex(b"a\nb\n")


def test_history_is_newest_first_and_per_device(archive: Archive) -> None:
    ids = [put(archive, "r1", f"line {n}\n", n) for n in range(3)]
    put(archive, "r2", "other\n", 5)
    assert [version.id for version in archive.history("r1")] == ids[::-1]
    assert [version.id for version in archive.history("r1", 2)] == ids[:0:-1]
    assert archive.devices() == ["r1", "r2"]


def test_going_back_to_an_older_text_is_a_new_version(archive: Archive) -> None:
    ids = [put(archive, "r1", text, n) for n, text in enumerate(("a\n", "b\n", "a\n"))]
    assert len(set(ids)) == 3
    assert archive.text("r1") == "a\n"


def test_versions_are_shown_whole_by_a_beginning_of_their_name(archive: Archive) -> None:
    old = put(archive, "r1", "a\n中文 \x7f\n")
    put(archive, "r1", "b\n", 1)
    assert archive.text("r1", old) == archive.text("r1", old[:12]) == "a\n中文 \x7f\n"
    assert archive.text("r1") == "b\n"


def test_a_difference_names_what_went_and_what_came(archive: Archive) -> None:
    old = put(archive, "r1", "a\nb\nc\n")
    new = put(archive, "r1", "a\nx\nc\n", 1)
    lines = archive.diff("r1", old).splitlines()
    assert lines[:2] == ["--- a/r1.cfg", "+++ b/r1.cfg"]
    assert [line for line in lines[3:] if line] == [" a", "-b", "+x", " c"]
    assert archive.diff("r1", old, new) == archive.diff("r1", old)
    assert archive.diff("r1", new, new) == ""


@pytest.mark.parametrize("name", ["", "../r1", "a/b", "a b", "a\n", "x" * 301])
def test_a_name_that_leaves_its_place_is_refused(archive: Archive, name: str) -> None:
    with pytest.raises(Invalid):
        put(archive, name, "a\n")


@pytest.mark.parametrize("name", ["交换机-1", "-rf", ".git", "sw(1)", archive_name("bd/1%"), "HEAD", "..."])
def test_every_registered_name_works(archive: Archive, name: str) -> None:
    put(archive, name, "a\n")
    put(archive, name, "b\n", 1)
    assert len(archive.history(name)) == 2
    assert archive.devices() == [name]
    assert archive.text(name) == "b\n"


def test_unknown_devices_and_versions(archive: Archive) -> None:
    put(archive, "r1", "a\n")
    for ask in (
        lambda: archive.text("r2"),
        lambda: archive.history("r2"),
        lambda: archive.text("r1", "0" * 40),
    ):
        with pytest.raises(NotFound):
            ask()
    for version in ("HEAD", "main~1", "--help", "a", "g" * 40):
        with pytest.raises(Invalid):
            archive.text("r1", version)


def test_an_empty_archive(archive: Archive) -> None:
    assert archive.devices() == []
    assert archive.verify().versions == 0
    with pytest.raises(NotFound):
        archive.text("r1")


def test_a_whole_archive_verifies(archive: Archive) -> None:
    for n in range(3):
        put(archive, "r1", f"{n}\n", n)
    report = archive.verify()
    assert (report.versions, report.faults) == (3, ())


# --- git alone
def _writer(folder: Path, device: str, count: int) -> None:
    archive = GitArchive(folder)
    for n in range(count):
        archive.put(
            device, f"{device} {n}\n" * 200, author=device, source="scheduled", at=AT + timedelta(minutes=n)
        )


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "archive.git"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_writer, args=(folder, f"r{n}", 6)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    archive = GitArchive(folder)
    assert [len(archive.history(f"r{n}")) for n in range(4)] == [6, 6, 6, 6]
    assert archive.verify().faults == ()


def test_a_killed_writer_leaves_a_whole_archive_and_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "archive.git"
    spawn = multiprocessing.get_context("spawn")
    for round_number in range(3):
        writer = spawn.Process(target=_writer, args=(folder, f"r{round_number}", 500))
        writer.start()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and f"r{round_number}" not in GitArchive(folder).devices():
            time.sleep(0.02)
        time.sleep(0.03 * round_number)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
    (folder / "refs" / "heads" / "device" / "r0.lock").touch()  # what a kill at the worst moment leaves
    archive = GitArchive(folder)
    before = len(archive.history("r0", 1000))
    assert archive.put(
        "r0", "after the kill\n", author="x", source="on_demand", at=AT + timedelta(days=1)
    ).is_new
    assert len(archive.history("r0", 1000)) == before + 1
    assert archive.verify().faults == ()


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    archive = GitArchive(tmp_path / "archive.git")
    for n in range(3):
        put(archive, "r1", f"line {n}\n" * 50, n)
    objects = [
        path
        for path in (tmp_path / "archive.git" / "objects").rglob("*")
        if path.is_file() and len(path.name) == 38
    ]
    blob = next(path for path in objects if _kind(tmp_path, path) == "blob")
    blob.chmod(0o600)
    data = bytearray(blob.read_bytes())
    data[-3] ^= 0xFF
    blob.write_bytes(bytes(data))
    assert archive.verify().faults


def _kind(tmp_path: Path, path: Path) -> str:
    name = path.parent.name + path.name
    command = ["git", f"--git-dir={tmp_path / 'archive.git'}", "cat-file", "-t", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_any_git_can_read_it(tmp_path: Path) -> None:
    put(GitArchive(tmp_path / "archive.git"), "r1", "hostname r1\n")
    source, copy = str(tmp_path / "archive.git"), str(tmp_path / "copy")
    subprocess.run(["git", "clone", "-q", "--branch", "device/r1", source, copy], check=True)
    assert (tmp_path / "copy" / "r1.cfg").read_text() == "hostname r1\n"
    assert (tmp_path / "archive.git").stat().st_mode & 0o077 == 0
