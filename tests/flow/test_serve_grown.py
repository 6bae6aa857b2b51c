"""`weicheng serve` on PostgreSQL and Elasticsearch: one after the other is killed, the health page names it, all comes back."""

import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from console.compose.app import App
from console.demo.processes import Processes
from console.health import Probe, check_parts
from kernel.audit.trail import verify_chain
from kernel.config import CONFIG_VARIABLE, load_settings
from kernel.errors import WeichengError
from kernel.events import Event, EventKind
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.jobs.store import jobs
from kernel.store import Database
from tests.flow.conftest import run_demo
from tests.support.elasticsearch import Elasticsearch
from tests.support.plugin import started
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.elasticsearch]
READER = Principal.system("worker")
PATIENCE = 150.0  # a dead worker's lease runs a minute


@dataclass
class Suite:
    """A running suite, seen from outside."""

    app: App
    postgres: Postgres
    processes: Processes
    folder: Path

    def wait(self, told: str, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"{told}\n{(self.folder / 'serve.log').read_text()[-4000:]}"
            time.sleep(0.3)

    def away(self) -> set[str]:
        """The parts that the health page would name."""
        settings, clock = self.app.settings, self.app.clock
        database = Database(settings.database, clock)
        try:
            return {
                one.part for one in check_parts(Probe(settings, clock, lambda: database)) if not one.works
            }
        finally:
            database.close()

    def ready(self) -> int:
        """HTTP status of the console's readiness."""
        web = self.app.settings.web
        context = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(f"https://{web.host}:{web.port}/readyz", context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def pids(self, part: str) -> list[int]:
        """Our processes of one part; a child of the console's server is one too."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
                ours = os.fsencode(self.folder) in (path / "environ").read_bytes()
            except OSError:
                continue
            if ours and words[-2:-1] == [part.encode()] and b"serve" in words:
                found.append(int(path.name))
        return found

    def kill(self, part: str) -> None:
        for pid in self.pids(part):
            os.kill(pid, signal.SIGKILL)

    def announce(self, count: int) -> set[str]:
        """Acts of which the suite's own events tell; their subjects, acknowledged when this returns."""
        subjects = {f"act-{uuid.uuid4().hex}" for _ in range(count)}
        for subject in subjects:
            with self.app.floor.database.begin() as uow:
                uow.emit(Event(EventKind.ASSET_CHANGED, subject, {"n": subject}))
                uow.enqueue(JobRequest("evidence.seal", {"for": subject}, key=subject))
        return subjects

    def arrived(self, subjects: set[str]) -> bool:
        """Each act is an event in Elasticsearch, once."""
        try:
            return all(self.app.siem.events.search(READER, subject).total == 1 for subject in subjects)
        except WeichengError:
            return False

    def worked(self, subjects: set[str]) -> bool:
        """Each act's job has succeeded."""
        with self.app.floor.database.read() as connection:
            ended = connection.execute(select(jobs.c.key, jobs.c.state).where(jobs.c.key.in_(subjects))).all()
        assert len(ended) == len(subjects), "a job came twice or is lost"
        return all(row.state == "succeeded" for row in ended)


@pytest.fixture
def own_elasticsearch() -> Iterator[str]:
    """A node of its own: the demo takes no store that others have filled."""
    server = started(Elasticsearch)
    yield server.url
    server.stop()


@pytest.fixture
def suite(tmp_path: Path, own_elasticsearch: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """The data of a finished main job, served, with a second worker beside."""
    postgres = started(lambda: Postgres(durable=True))
    folder = tmp_path / "demo"
    processes = Processes(tmp_path / "processes.json")
    try:
        stores = {
            "WEICHENG_DATABASE_URL": postgres.fresh_database(),
            "WEICHENG_EVENTS_URL": own_elasticsearch,
        }
        done = run_demo(folder, **stores)
        assert done.returncode == 0, done.stdout + done.stderr
        monkeypatch.setenv(CONFIG_VARIABLE, str(folder / "weicheng.toml"))
        command = [sys.executable, "-m", "console.main", "serve"]
        processes.start("suite", command, log=folder / "serve.log")
        processes.start("second", [*command, "worker"], log=folder / "second.log")
        app = App(load_settings())
        yield Suite(app, postgres, processes, folder)
        app.floor.database.close()
    finally:
        processes.stop_all()
        postgres.stop()


def test_whatever_is_killed_nothing_acknowledged_is_lost_and_all_comes_back(suite: Suite) -> None:
    suite.wait("all parts work", lambda: suite.away() == set())
    acts = suite.announce(30)
    for part in ("worker", "collector", "web"):
        suite.kill(part)
        if part != "worker":  # its absence shows when something has been due for long
            assert part in suite.away()
        acts |= suite.announce(5)
        suite.wait(f"{part} is back", lambda: suite.away() == set())
    suite.postgres.crash()
    suite.wait("the database is named", lambda: "database" in suite.away())
    assert suite.ready() == 503
    suite.postgres.recover()
    suite.wait("all parts work again", lambda: suite.away() == set() and suite.ready() == 200)
    acts |= suite.announce(5)
    suite.wait("every job is done", lambda: suite.worked(acts))
    suite.wait("every event has arrived", lambda: suite.arrived(acts))
    with suite.app.floor.database.read() as connection:
        assert verify_chain(connection).faults == ()
