"""The worker on the data of a finished main job: every kind of scheduled work has its handler, and the inner ones succeed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from console.compose.app import App
from console.worker import register_work
from kernel.config import CONFIG_VARIABLE, load_settings
from kernel.jobs.store import jobs, schedules

INSIDE = {"ca.recover", "evidence.seal", "siem.retain", "siem.record", "monitor.prune", "policies.suite"}


@pytest.fixture
def app(finished_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A copy of the finished job's data with a signer beside it."""
    shutil.copytree(finished_demo / "data", tmp_path / "data", ignore=shutil.ignore_patterns("*.sock"))
    shutil.copytree(finished_demo / "secrets", tmp_path / "secrets")
    (tmp_path / "weicheng.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "weicheng.toml"))
    monkeypatch.delenv("WEICHENG_SECRETS_DIR", raising=False)
    signer = subprocess.Popen([sys.executable, "-m", "console.main", "serve", "signer"], env=dict(os.environ))
    made = App(load_settings())
    deadline = time.monotonic() + 30
    while not made.settings.signer_socket.is_socket():
        assert time.monotonic() < deadline
        assert signer.poll() is None
        time.sleep(0.05)
    yield made
    made.floor.database.close()
    signer.terminate()
    signer.wait(20)


def test_every_schedule_has_a_handler_and_the_work_inside_the_suite_succeeds(app: App) -> None:
    register_work(app)
    database = app.floor.database
    with database.begin() as uow:
        now = app.clock.now() - timedelta(seconds=1)
        uow.execute(schedules.update().where(schedules.c.kind.in_(INSIDE)).values(next_run_at=now))
        # the others may fall due during this test, at the turn of a minute
        uow.execute(schedules.update().where(schedules.c.kind.not_in(INSIDE)).values(enabled=False))
        kinds = set(uow.execute(select(schedules.c.kind)).scalars())
    assert kinds >= INSIDE
    assert app.jobs.run_schedules() == len(INSIDE)
    app.floor.bus.relay()
    while app.jobs.run_next("test"):
        continue
    with database.read() as connection:
        ended = connection.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all()
    assert {row.kind for row in ended} >= INSIDE
    ours = [row for row in ended if row.kind in INSIDE]
    assert [(row.kind, row.error) for row in ours if row.state == "failed" or row.error] == []
