"""Several processes at once on one database: nothing is done twice, nothing out of order, nobody stumbles over the other."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import pytest
from sqlalchemy import func, select, text

from kernel.audit.model import AuditAction
from kernel.audit.trail import verify_chain
from kernel.clock import FixedClock
from kernel.events import MAX_ATTEMPTS, Event, EventBus, EventKind, event_parked
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs import queue as queue_module
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext, JobQueue
from kernel.jobs.store import jobs, schedules
from kernel.store import Database, UnitOfWork, insert_if_absent

T = TypeVar("T")
PATIENCE = 30.0  # seconds until a test that hangs is a failed one


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Let ``count`` threads act at the same moment, each with its number; their results, the first error raised."""
    gate = threading.Barrier(count)

    def enter(number: int) -> T:
        gate.wait(PATIENCE)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(enter, range(count), timeout=PATIENCE * 2))


Opener = Callable[[], Database]


@pytest.fixture
def another(any_database: Database) -> Iterator[Opener]:
    """The same store as another process sees it: connections of its own."""
    with ExitStack() as opened:

        def make() -> Database:
            made = Database(any_database.url, any_database.clock)
            opened.callback(made.close)
            return made

        yield make


def announce(database: Database, subject: str) -> None:
    with database.begin() as uow:
        uow.emit(Event(EventKind.SIGNED_IN, subject, {}))


def relays(another: Opener, handler: Callable[[UnitOfWork, Event], None], count: int) -> list[EventBus]:
    made = [EventBus(another(), lambda *_: None) for _ in range(count)]
    for bus in made:
        bus.subscribe("one", None, handler)
    return made


def queue_on(database: Database) -> JobQueue:
    return JobQueue(database, database.clock, Access(database))


def test_relays_at_once_deliver_each_event_once_and_in_order(any_database: Database, another: Opener) -> None:
    seen: list[str] = []

    def handler(_uow: UnitOfWork, event: Event) -> None:
        time.sleep(0.001)
        seen.append(event.subject)

    for number in range(60):
        announce(any_database, str(number))
    made = relays(another, handler, 4)
    assert sum(at_once(4, lambda number: made[number].relay())) == 60
    assert seen == [str(number) for number in range(60)]


def test_events_announced_while_relays_run_keep_the_order_of_their_commits(
    any_database: Database, another: Opener
) -> None:
    seen: list[str] = []
    made = relays(another, lambda _uow, event: seen.append(event.subject), 2)
    done = threading.Event()

    def act(number: int) -> None:
        if number < 2:
            while not done.is_set():
                made[number].relay()
            return
        for step in range(40):
            announce(any_database, f"{number}:{step}")

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(act, number) for number in range(5)]
        for writer in running[2:]:
            writer.result(PATIENCE)
        done.set()
        for relay in running[:2]:
            relay.result(PATIENCE)
    made[0].relay()
    assert len(seen) == len(set(seen)) == 120
    for number in range(2, 5):
        assert [one for one in seen if one.startswith(f"{number}:")] == [f"{number}:{n}" for n in range(40)]


def test_a_failure_counted_late_takes_nothing_back(any_database: Database, another: Opener) -> None:
    """One relay fails; before it counts that, another delivers the event and the next: neither comes again."""
    seen: list[str] = []
    sound = EventBus(another(), lambda *_: None)
    sound.subscribe("one", None, lambda _uow, event: seen.append(event.subject))

    def faster(_name: str, _event: Event, _error: Exception) -> None:
        """Called after the failure, before it is counted."""
        sound.relay()

    broken = EventBus(any_database, faster)

    def fail(_uow: UnitOfWork, _event: Event) -> None:
        raise OSError("the receiver is away")

    broken.subscribe("one", None, fail)
    for subject in ("1", "2"):
        announce(any_database, subject)
    for _ in range(MAX_ATTEMPTS):
        broken.relay()
    assert sound.relay() == 0
    assert seen == ["1", "2"]
    with any_database.read() as connection:
        assert connection.execute(select(func.count()).select_from(event_parked)).scalar_one() == 0


@pytest.mark.postgres
def test_an_act_that_takes_long_keeps_nobody_waiting(postgres_city: str, clock: FixedClock) -> None:
    """It takes the chain's lock last; SQLite has one writer at a time and lets the others wait."""
    seen: list[str] = []
    store = Database(postgres_city, clock)
    bus = EventBus(store, lambda *_: None)
    bus.subscribe("one", None, lambda _uow, event: seen.append(event.subject))
    with store.begin() as uow:
        uow.emit(Event(EventKind.SIGNED_IN, "slow", {}))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(announce, store, "quick").result(PATIENCE)
            pool.submit(bus.relay).result(PATIENCE)
        assert seen == ["quick"]
    bus.relay()
    assert seen == ["quick", "slow"]
    store.close()


def test_schedules_are_made_and_queued_once_by_many_workers(
    any_database: Database, another: Opener, clock: FixedClock
) -> None:
    queues = [queue_on(another()) for _ in range(4)]

    def start(number: int) -> None:
        for name in range(12):
            queues[number].schedule(f"s{name}", "0 2 * * *", "write")

    at_once(4, start)
    clock.advance(days=2)
    assert sum(at_once(4, lambda number: queues[number].run_schedules())) == 12
    with any_database.read() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 12
        assert connection.execute(select(func.count()).select_from(schedules)).scalar_one() == 12


def test_a_changed_cron_expression_moves_the_next_run_and_the_same_one_does_not(
    any_database: Database, clock: FixedClock
) -> None:
    queue, next_run = queue_on(any_database), select(schedules.c.next_run_at)
    queue.schedule("nightly", "0 2 * * *", "write")
    with any_database.read() as connection:
        first = connection.execute(next_run).scalar_one()
    clock.advance(days=3)
    queue.schedule("nightly", "0 2 * * *", "write")
    with any_database.read() as connection:
        assert connection.execute(next_run).scalar_one() == first
    queue.schedule("nightly", "0 3 * * *", "write")
    with any_database.read() as connection:
        assert connection.execute(next_run).scalar_one() > clock.now()


def test_the_same_key_asked_for_at_once_is_one_job(any_database: Database) -> None:
    ids = at_once(8, lambda _n: enqueue(any_database, JobRequest("write", key="collect:core")))
    assert len(set(ids)) == 1


def enqueue(database: Database, request: JobRequest) -> str:
    with database.begin() as uow:
        job_id = uow.enqueue(request)
        time.sleep(0.01)
        return job_id


def test_a_lease_outlives_a_database_that_is_away_for_a_moment(
    any_database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "LEASE", queue_module.LEASE / 600)  # a beat each 33 ms
    queue = queue_on(any_database)
    beats: list[int] = []
    real = queue.heartbeat

    def heartbeat(job: object, **progress: object) -> None:
        beats.append(1)
        if len(beats) == 1:
            with any_database.read() as connection:
                connection.execute(text("SELECT * FROM no_such_table"))
        real(job, **progress)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "heartbeat", heartbeat)

    def slow(_context: JobContext) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(beats) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)

    queue.register({"slow": slow})
    enqueue(any_database, JobRequest("slow"))
    assert queue.run_next("w")
    assert len(beats) >= 3


def test_the_audit_chain_is_whole_after_many_acts_at_once(
    any_database: Database, another: Opener, sysadmin: Principal
) -> None:
    stores = [another() for _ in range(8)]

    def act(number: int) -> None:
        for step in range(50):
            with stores[number].begin() as uow:
                uow.audit(sysadmin, AuditAction.UNIT_CREATE, f"unit:{number}:{step}")

    at_once(8, act)
    with any_database.read() as connection:
        report = verify_chain(connection)
    assert (report.records, report.faults) == (400, ())


def test_whether_a_row_was_there_is_told_alike(any_database: Database) -> None:
    """PostgreSQL's driver counts no rows of such an insertion: the answer must not rest on that count."""
    row = {"name": "nightly", "cron": "0 2 * * *", "kind": "write", "payload": {}, "enabled": True}
    row["next_run_at"] = any_database.clock.now()
    with any_database.begin() as uow:
        told = [insert_if_absent(uow.connection, schedules, row) for _ in range(3)]
        assert told == [True, False, False]
