"""Jobs: claimed once, retried, fenced, scheduled; and killed workers lose nothing and do nothing twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import Column, Integer, String, Table, func, select

from kernel.clock import FixedClock, SystemClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest, JobState, LogKind
from kernel.jobs.queue import JobContext, JobQueue, LeaseLost
from kernel.jobs.store import jobs
from kernel.store import Database, metadata
from kernel.store.listing import Ask

written = metadata.tables.get("test_written")
if written is None:
    written = Table(
        "test_written",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("job", String(60)),
    )


def queue_on(database: Database) -> JobQueue:
    return JobQueue(database, database.clock, Access(database))


def write(context: JobContext) -> None:
    with context.finish({"wrote": 1}) as uow:
        uow.execute(written.insert().values(job=context.job.id))


def rows(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(written)).scalar_one()


def state(database: Database, job_id: str) -> tuple[str, int, str]:
    with database.read() as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
    return row.state, row.attempts, row.error


@pytest.fixture
def queue(any_database: Database) -> JobQueue:
    return queue_on(any_database)


def test_a_job_and_its_result_are_one_transaction(queue: JobQueue, network_admin: Principal) -> None:
    queue.register({"write": write})
    job_id = queue.enqueue(network_admin, JobRequest("write"))
    assert queue.run_next("w1")
    assert not queue.run_next("w1")
    job = queue.get(network_admin, job_id)
    assert (job.state, job.result, rows(queue.database)) == (JobState.SUCCEEDED, {"wrote": 1}, 1)


def test_many_workers_do_each_job_once(queue: JobQueue, network_admin: Principal) -> None:
    queue.register({"write": write})
    for _ in range(40):
        queue.enqueue(network_admin, JobRequest("write"))

    def work(name: str) -> None:
        while queue.run_next(name):
            pass

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert rows(queue.database) == 40


def test_a_failing_job_is_tried_again_later_and_then_given_up(
    queue: JobQueue, clock: FixedClock, network_admin: Principal
) -> None:
    def fail(_context: JobContext) -> None:
        raise Invalid("the list is empty")

    queue.register({"fail": fail})
    job_id = queue.enqueue(network_admin, JobRequest("fail", max_attempts=2))
    assert queue.run_next("w")
    assert state(queue.database, job_id) == ("queued", 1, "the list is empty")
    assert not queue.run_next("w"), "the retry waits"
    clock.advance(minutes=1)
    assert queue.run_next("w")
    assert state(queue.database, job_id) == ("failed", 2, "the list is empty")


def test_an_unexpected_fault_leaves_no_detail_in_the_job(queue: JobQueue, network_admin: Principal) -> None:
    def fault(_context: JobContext) -> None:
        raise RuntimeError("password=hunter2")

    queue.register({"fault": fault})
    job_id = queue.enqueue(network_admin, JobRequest("fault", max_attempts=1))
    queue.run_next("w")
    assert state(queue.database, job_id) == ("failed", 1, "RuntimeError")


def test_a_worker_that_comes_back_late_can_finish_nothing(
    queue: JobQueue, clock: FixedClock, network_admin: Principal
) -> None:
    queue.register({"write": write})
    queue.enqueue(network_admin, JobRequest("write"))
    late = queue.claim("late")
    assert late is not None
    clock.advance(minutes=5)
    assert queue.run_next("other"), "the lease ran out, another worker does it"
    with pytest.raises(LeaseLost), JobContext(queue, late).finish() as uow:
        uow.execute(written.insert().values(job=late.id))
    assert rows(queue.database) == 1


def test_the_same_key_is_queued_once_while_it_is_open(queue: JobQueue, network_admin: Principal) -> None:
    queue.register({"write": write})
    first = queue.enqueue(network_admin, JobRequest("write", key="collect:core"))
    assert queue.enqueue(network_admin, JobRequest("write", key="collect:core")) == first
    queue.run_next("w")
    assert queue.enqueue(network_admin, JobRequest("write", key="collect:core")) != first


def test_cancelling(queue: JobQueue, network_admin: Principal, analyst: Principal) -> None:
    def stops(context: JobContext) -> None:
        queue.cancel(network_admin, context.job.id, "not needed")
        assert context.cancelled()

    queue.register({"write": write, "stops": stops})
    waiting = queue.enqueue(network_admin, JobRequest("write"))
    with pytest.raises(NotPermitted):
        queue.cancel(analyst, waiting, "no")
    queue.cancel(network_admin, waiting, "not needed")
    running = queue.enqueue(network_admin, JobRequest("stops"))
    queue.run_next("w")
    assert state(queue.database, waiting)[0] == state(queue.database, running)[0] == "cancelled"
    with pytest.raises(Conflict):
        queue.cancel(network_admin, waiting, "again")


def test_schedules_queue_what_is_due_and_make_up_missed_runs_once(queue: JobQueue, clock: FixedClock) -> None:
    queue.register({"write": write})
    queue.schedule("nightly", "0 2 * * *", "write")
    assert queue.run_schedules() == 0
    clock.advance(days=3)
    assert queue.run_schedules() == 1
    assert queue.run_schedules() == 0
    with pytest.raises(Invalid, match="no cron expression"):
        queue.schedule("wrong", "every day", "write")


VICTIM = """
import os, sys
from kernel.clock import SystemClock
from kernel.identity.access import Access
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from tests.unit.kernel.test_jobs import written
database = Database(sys.argv[1], SystemClock())
queue = JobQueue(database, database.clock, Access(database))
def work(context):
    with context.finish() as uow:
        uow.execute(written.insert().values(job=context.job.id))
        print("written", flush=True)
        if sys.argv[2] == "inside":
            sys.stdin.read()
    print("committed", flush=True)
    sys.stdin.read()
queue.register({"write": work})
queue.run_next("victim")
"""


@pytest.mark.parametrize(("moment", "kept"), [("inside", 0), ("after", 1)])
def test_kill_9_loses_nothing_and_repeats_nothing(
    any_database: Database, network_admin: Principal, moment: str, kept: int
) -> None:
    url = any_database.engine.url.render_as_string(hide_password=False)
    queue_on(any_database).enqueue(network_admin, JobRequest("write"))
    command = [sys.executable, "-c", VICTIM, url, moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "written\n"
        if moment == "after":
            assert victim.stdout.readline() == "committed\n"
        os.kill(victim.pid, signal.SIGKILL)
    wait_until_rolled_back(any_database)
    assert rows(any_database) == kept
    later = Later()
    survivor = JobQueue(any_database, later, Access(any_database))
    survivor.register({"write": write})
    while survivor.run_next("survivor"):
        pass
    assert rows(any_database) == 1


class Later(SystemClock):
    """Five minutes on: every lease of now has run out."""

    def now(self):  # type: ignore[no-untyped-def]
        from datetime import timedelta

        return super().now() + timedelta(minutes=5)


def wait_until_rolled_back(database: Database) -> None:
    """PostgreSQL notices a dead client when it next writes to it; a write of ours waits for its locks."""
    for _ in range(100):
        try:
            with database.begin():
                return
        except Exception:  # noqa: BLE001
            time.sleep(0.1)
    raise AssertionError("the victim's transaction is still open")


def test_jobs_of_other_units_are_not_there(queue: JobQueue, network_admin: Principal) -> None:
    local = replace(network_admin, id="usr_local", unit="u_county")
    own, foreign, common = (
        queue.enqueue(network_admin, JobRequest("write", unit=unit)) for unit in ("u_county", "u_other", None)
    )
    assert {job.id for job in queue.page(local, Ask()).items} == {own, common}
    for attempt in (lambda: queue.get(local, foreign), lambda: queue.cancel(local, foreign, "mischief")):
        with pytest.raises(NotFound):
            attempt()
    assert state(queue.database, foreign)[0] == JobState.QUEUED
    assert queue.get(network_admin, foreign).id == foreign


def test_a_job_of_no_unit_is_for_who_asked_and_for_who_runs_the_suite(
    queue: JobQueue, network_admin: Principal, dr_admin: Principal, sysadmin: Principal
) -> None:
    mine, other = (queue.enqueue(network_admin, JobRequest("write")) for _ in range(2))
    with pytest.raises(NotPermitted):
        queue.cancel(dr_admin, mine, "not mine")
    assert state(queue.database, mine)[0] == JobState.QUEUED
    queue.cancel(network_admin, mine, "mine")
    queue.cancel(sysadmin, other, "the suite stops")
    assert {state(queue.database, job)[0] for job in (mine, other)} == {JobState.CANCELLED}
    shared = queue.enqueue(network_admin, JobRequest("write", unit="u_city"))
    queue.cancel(dr_admin, shared, "a colleague of the unit may")


def test_the_log_tells_attempts_progress_and_end(
    queue: JobQueue, clock: FixedClock, network_admin: Principal
) -> None:
    def stumble(context: JobContext) -> None:
        context.progress(1, 2, "first half")
        if context.job.attempts == 1:
            raise Invalid("the list is empty")

    queue.register({"stumble": stumble})
    job_id = queue.enqueue(network_admin, JobRequest("stumble", max_attempts=2))
    queue.run_next("w1")
    clock.advance(minutes=1)
    queue.run_next("w2")
    told = [(line.kind, line.attempt, line.message) for line in queue.log(network_admin, job_id)]
    assert told == [
        (LogKind.STARTED, 1, "w1"),
        (LogKind.PROGRESS, 1, "first half"),
        (LogKind.POSTPONED, 1, "the list is empty"),
        (LogKind.STARTED, 2, "w2"),
        (LogKind.PROGRESS, 2, "first half"),
        (LogKind.SUCCEEDED, 2, ""),
    ]


def test_of_much_progress_the_newest_is_kept(
    queue: JobQueue, network_admin: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.jobs.store.LOG_LINES", 5)

    def chatter(context: JobContext) -> None:
        for number in range(12):
            context.progress(number, 12, f"device {number}")

    queue.register({"chatter": chatter})
    ids = [queue.enqueue(network_admin, JobRequest("chatter")) for _ in range(2)]
    while queue.run_next("w"):
        pass
    for job_id in ids:
        lines = queue.log(network_admin, job_id)
        kept = [line.message for line in lines if line.kind is LogKind.PROGRESS]
        assert kept == [f"device {number}" for number in range(7, 12)]
        assert (lines[0].kind, lines[-1].kind) == (LogKind.STARTED, LogKind.SUCCEEDED)


def test_only_a_failed_job_is_done_again_and_not_twice_at_once(
    queue: JobQueue, network_admin: Principal, dr_admin: Principal, analyst: Principal
) -> None:
    def fail(_context: JobContext) -> None:
        raise Invalid("no room on the disk")

    queue.register({"fail": fail})
    job_id = queue.enqueue(network_admin, JobRequest("fail", {"n": 1}, key="one", max_attempts=1))
    with pytest.raises(Conflict):
        queue.retry(network_admin, job_id, "too early")
    queue.run_next("w")
    for stranger in (dr_admin, analyst):
        with pytest.raises(NotPermitted):
            queue.retry(stranger, job_id, "mischief")
    again = queue.retry(network_admin, job_id, "there is room now")
    assert queue.retry(network_admin, job_id, "there is room now") == again
    made = queue.get(network_admin, again)
    assert (made.payload, made.key, made.requested_by) == ({"n": 1}, "one", network_admin.id)
    assert queue.log(network_admin, again)[0].message == job_id


def test_jobs_are_found_by_state_kind_and_who_asked(
    queue: JobQueue, network_admin: Principal, dr_admin: Principal
) -> None:
    queue.register({"write": write})
    done = queue.enqueue(network_admin, JobRequest("write"))
    queue.run_next("w")
    waiting = [queue.enqueue(dr_admin, JobRequest("backup.run", unit="u_city")) for _ in range(3)]

    def found(ask: Ask) -> list[str]:
        return [job.id for job in queue.page(network_admin, ask).items]

    assert sorted(found(Ask())) == sorted([done, *waiting])
    assert found(Ask().narrowed(state="succeeded")) == [done]
    assert sorted(found(Ask().narrowed(requested_by=dr_admin.id))) == sorted(waiting)
    assert sorted(found(Ask(text="backup"))) == sorted(waiting)
    first = queue.page(network_admin, Ask(limit=2))
    assert first.facets["state"] == {"queued": 3, "succeeded": 1}
    assert first.next_cursor is not None
    rest = found(Ask(cursor=first.next_cursor))
    assert {job.id for job in first.items} | set(rest) == {done, *waiting}
    assert len(rest) == 2
