"""Events: announced with the act, delivered in order, exactly once into the database, parked when they poison."""

import pytest
from sqlalchemy import select

from kernel.events import MAX_ATTEMPTS, Event, EventBus, EventKind, event_outbox, event_parked
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.jobs.store import jobs
from kernel.store import Database, UnitOfWork


def announce(database: Database, *subjects: str, kind: EventKind = EventKind.SIGNED_IN) -> None:
    for subject in subjects:
        with database.begin() as uow:
            uow.emit(Event(kind, subject, {"n": subject}))


def quiet(_name: str, _event: Event, _error: Exception) -> None:
    return None


def test_every_subscriber_gets_every_event_in_order_and_once(any_database: Database) -> None:
    seen: dict[str, list[str]] = {"a": [], "b": []}
    bus = EventBus(any_database, quiet)
    bus.subscribe("a", None, lambda _uow, event: seen["a"].append(event.subject))
    bus.subscribe("b", [EventKind.USER_LOCKED], lambda _uow, event: seen["b"].append(event.subject))
    announce(any_database, "1", "2")
    announce(any_database, "3", kind=EventKind.USER_LOCKED)
    assert bus.relay() == 4
    assert bus.relay() == 0
    assert seen == {"a": ["1", "2", "3"], "b": ["3"]}


def test_what_a_handler_writes_and_its_cursor_are_one_transaction(database: Database) -> None:
    calls = []

    def flaky(uow: UnitOfWork, event: Event) -> None:
        uow.enqueue(JobRequest("notice", {"subject": event.subject}))
        calls.append(event.subject)
        if len(calls) == 1:
            raise OSError("first time fails")

    bus = EventBus(database, quiet)
    bus.subscribe("notices", None, flaky)
    announce(database, "1")
    bus.relay()
    bus.relay()
    with database.read() as connection:
        assert len(connection.execute(select(jobs)).all()) == 1
    assert calls == ["1", "1"]


def test_an_event_rolled_back_with_its_act_is_never_delivered(database: Database) -> None:
    seen: list[str] = []
    bus = EventBus(database, quiet)
    bus.subscribe("a", None, lambda _uow, event: seen.append(event.subject))
    with pytest.raises(ZeroDivisionError), database.begin() as uow:
        uow.emit(Event(EventKind.SIGNED_IN, "never", {}))
        1 / 0  # noqa: B018
    bus.relay()
    assert seen == []


def test_a_poisonous_event_is_parked_and_named_and_the_rest_go_on(database: Database) -> None:
    seen: list[str] = []

    def handler(_uow: UnitOfWork, event: Event) -> None:
        if event.subject == "poison":
            raise ValueError("can not digest")
        seen.append(event.subject)

    named: list[str] = []
    bus = EventBus(database, lambda _name, event, _error: named.append(event.subject))
    bus.subscribe("a", None, handler)
    announce(database, "1", "poison", "2")
    for _ in range(MAX_ATTEMPTS + 1):
        bus.relay()
    assert seen == ["1", "2"]
    assert set(named) == {"poison"}
    with database.read() as connection:
        assert connection.execute(select(event_parked.c.error)).scalar_one() == "ValueError"


def test_acts_carry_their_event_and_audit_together(database: Database, sysadmin: Principal) -> None:
    announce(database, "1")
    events: list[Event] = []
    bus = EventBus(database, quiet)
    bus.subscribe("a", None, lambda _uow, event: events.append(event))
    bus.relay()
    assert events[0].id.startswith("evt_")
    assert events[0].occurred_at == database.clock.now()


def test_an_event_of_another_release_is_parked_and_the_rest_go_on(any_database: Database) -> None:
    announce(any_database, "1", "2", "3")
    with any_database.begin() as uow:
        uow.execute(
            event_outbox.update().where(event_outbox.c.subject == "2").values(kind="future:thing:happened")
        )
    seen: list[str] = []
    bus = EventBus(any_database, quiet)
    bus.subscribe("a", None, lambda _uow, event: seen.append(event.subject))
    assert bus.relay() == 2
    assert seen == ["1", "3"]
