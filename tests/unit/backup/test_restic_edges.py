"""What goes wrong around restic is a typed error with its mend; a kill leaves nothing half-done."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backup.adapters.restic import Restic
from backup.model import RunState, Verdict
from kernel.errors import Conflict, IntegrityFailed, Unavailable
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.backup.world import World, build, password_file


def test_a_missing_restic_is_named_with_its_mend(restic_world: World, dr_admin: Principal) -> None:
    engine = Restic(password_file(restic_world.folder), program="restic-that-is-not-here")
    world = build(restic_world.folder, restic_world.room.database, restic_world.room.clock, engine)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="not installed") as caught:
        world.service.run(dr_admin, "city")
    assert "apt install restic" in caught.value.text("en")
    assert world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.FAILED
    (looked,) = world.service.verify(dr_admin, "city", "remote")
    assert looked.verdict is Verdict.UNKNOWN  # never a pass


def test_a_wrong_password_is_unknown_for_checks_and_an_error_for_runs(
    restic_world: World, dr_admin: Principal
) -> None:
    (restic_world.folder / "password").write_text("wrong")
    with pytest.raises(IntegrityFailed, match="password"):
        restic_world.room.engines["restic"].snapshots(restic_world.repository("remote"))
    (looked,) = restic_world.service.verify(dr_admin, "city", "remote")
    assert looked.verdict is Verdict.UNKNOWN
    assert not looked.findings  # every byte is as promised; only the engine could not be asked


def test_the_password_is_never_an_argument(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "restic"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$0 $*" >> {seen}\nenv >> {seen}\nexit 1\n')
    fake.chmod(0o755)
    engine = Restic(password_file(tmp_path), program=str(fake))
    with pytest.raises(Unavailable):
        engine.snapshots(tmp_path / "repository")
    text = seen.read_text()
    assert "RESTIC_PASSWORD_FILE=" in text
    assert "correct horse" not in text


def test_exit_status_without_the_words_is_unknown(tmp_path: Path) -> None:
    fake = tmp_path / "restic"
    fake.write_text("#!/bin/sh\necho all is well, trust me\n")
    fake.chmod(0o755)
    said = Restic(password_file(tmp_path), program=str(fake)).check(tmp_path, read_data=True)
    assert (said.verdict, said.exit_code) == (Verdict.UNKNOWN, 0)


def test_a_restic_that_hangs_is_stopped(tmp_path: Path) -> None:
    fake = tmp_path / "restic"
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    engine = Restic(password_file(tmp_path), program=str(fake), timeout=0.3)
    assert engine.check(tmp_path, read_data=False).verdict is Verdict.UNKNOWN
    with pytest.raises(Unavailable, match="too long"):
        engine.snapshots(tmp_path)


def test_a_full_disk_fails_the_run_and_the_repository_stays_sound(
    restic_world: World, dr_admin: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = restic_world.folder / "source" / "configurations" / "noise.bin"
    noise.write_bytes(os.urandom(3_000_000))
    limited = restic_world.folder / "limited-restic"
    limited.write_text(f'#!/bin/sh\nexec prlimit --fsize={1_000_000} restic "$@"\n')
    limited.chmod(0o755)
    engine = Restic(password_file(restic_world.folder), program=str(limited), timeout=120)
    world = build(restic_world.folder, restic_world.room.database, restic_world.room.clock, engine)  # type: ignore[arg-type]
    result = world.service.run(dr_admin, "city")
    assert "configurations: " in result.run.error
    assert "full" in result.run.error
    assert [one.source for one in result.sets] == ["database", "keys"]  # the others went on
    noise.unlink()
    assert restic_world.service.run(dr_admin, "city").run.error == ""
    assert all(one.verdict is Verdict.PASS for one in restic_world.service.verify(dr_admin, "city"))


def test_a_full_replica_site_keeps_no_half_file(restic_world: World, dr_admin: Principal) -> None:
    (restic_world.folder / "source" / "configurations" / "noise.bin").write_bytes(os.urandom(3_000_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    shutil.rmtree(restic_world.repository("remote"))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
    try:
        copies = {copy.site: copy for copy in restic_world.service.replicate(dr_admin, "city")}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "Free space" in copies["remote"].error or "空间" in copies["remote"].error
    assert not copies["provincial"].error
    assert not list(restic_world.repository("remote").rglob(".new-*"))
    assert not any(copy.error for copy in restic_world.service.replicate(dr_admin, "city"))


def test_a_living_lock_is_a_conflict_and_a_dead_one_is_removed(restic_world: World) -> None:
    repository = restic_world.repository("same-city")
    engine = restic_world.room.engines["restic"]
    environment = {**os.environ, "RESTIC_PASSWORD_FILE": str(restic_world.folder / "password")}
    command = ["restic", "-r", str(repository), "--no-cache", "backup", "--stdin"]
    pipe = subprocess.PIPE  # never written to: it waits, and holds its lock
    with subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, env=environment) as locking:
        try:
            for _ in range(300):
                if list((repository / "locks").glob("*")):
                    break
                time.sleep(0.05)
            with pytest.raises(Conflict, match="at work"):
                engine.retain(repository, restic_world.room.book.plans["city"].keep)
        finally:
            locking.kill()
    assert list((repository / "locks").glob("*"))  # it died without taking its lock away
    engine.retain(repository, restic_world.room.book.plans["city"].keep)
    assert not list((repository / "locks").glob("*"))


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from kernel.clock import FixedClock
from kernel.store import Database
from tests.unit.backup.conftest import ADMIN
from tests.unit.backup.world import build
folder = Path(sys.argv[1])
clock = FixedClock(datetime(2026, 11, 23, 3, 0, tzinfo=UTC))
world = build(folder, Database(f"sqlite:///{folder / 'suite.sqlite'}", clock), clock)
print("begins", flush=True)
world.service.run(ADMIN, "city")
print("ends", flush=True)
"""


@pytest.mark.parametrize("moment", [0.3, 1.0, pytest.param(1.8, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_leaves_nothing_half_done(
    restic_world: World, dr_admin: Principal, moment: float
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(restic_world.folder)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    with running.stdout:
        assert running.stdout.readline() == "begins\n"
        time.sleep(moment)
        running.send_signal(signal.SIGKILL)
        running.wait()
    result = restic_world.service.run(dr_admin, "city")
    assert (result.run.state, result.run.error) == (RunState.REPLICATED, "")
    runs = restic_world.service.lists.runs(dr_admin, Ask()).items
    assert {run.state for run in runs} <= {RunState.FAILED, RunState.STORED, RunState.REPLICATED}
    assert list((restic_world.folder / "scratch").iterdir()) == []
    assert all(one.verdict is Verdict.PASS for one in restic_world.service.verify(dr_admin, "city"))
