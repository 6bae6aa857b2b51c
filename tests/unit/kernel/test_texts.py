"""Text from outside may hold anything: both databases take it, and what one keeps the other keeps too."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from kernel.audit.model import AuditAction
from kernel.audit.trail import AuditTrail, verify_chain
from kernel.errors import Invalid
from kernel.events import Event, EventBus, EventKind
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.jobs.store import jobs
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask

TEXTS = ("a\0b", "\0\0", "\\u0000", "\\\0", "名\0称", "x" * 1000, "'; DROP TABLE jobs; --", "%(x)s %s :x")


@pytest.mark.parametrize("said", TEXTS, ids=range(len(TEXTS)))
def test_whatever_an_act_names_it_is_recorded_told_and_found(
    any_database: Database, sysadmin: Principal, said: str
) -> None:
    heard: list[Event] = []
    bus = EventBus(any_database, lambda *_: None)
    bus.subscribe("one", None, lambda _uow, event: heard.append(event))
    with any_database.begin() as uow:
        uow.audit(sysadmin, AuditAction.UNIT_CREATE, said, reason=said, details={said: [said]})
        uow.emit(Event(EventKind.SIGNED_IN, said, {said: {"deep": [said]}}))
        uow.enqueue(JobRequest("write", {"said": said}, key=said[:200]))
    bus.relay()
    with any_database.read() as connection:
        assert verify_chain(connection).faults == ()
        same_key = connection.execute(select(jobs.c.payload).where(jobs.c.key == said[:200])).scalar_one()
    kept = {said, said.replace("\0", "\ufffd")}
    assert heard[0].subject in {text[:300] for text in kept}
    assert set(heard[0].data) <= kept
    assert same_key["said"] in kept


HALF = "张\ud842"  # a lone surrogate: no character, and no octets in UTF-8


@pytest.mark.parametrize(
    "act",
    [
        lambda uow, by: uow.audit(by, AuditAction.UNIT_CREATE, HALF),
        lambda uow, by: uow.audit(by, AuditAction.UNIT_CREATE, "unit:1", reason=HALF),
        lambda uow, by: uow.audit(by, AuditAction.UNIT_CREATE, "unit:1", details={"name": [HALF]}),
        lambda uow, by: uow.emit(Event(EventKind.SIGNED_IN, "user:1", {HALF: 1})),
        lambda uow, by: uow.enqueue(JobRequest("write", {"said": HALF})),
        lambda uow, by: uow.enqueue(JobRequest("write", key=HALF)),
    ],
    ids=["target", "reason", "details", "event", "payload", "key"],
)
def test_half_a_character_is_refused_with_the_way_to_mend_it(
    any_database: Database, sysadmin: Principal, act: Callable[[UnitOfWork, Principal], object]
) -> None:
    with pytest.raises(Invalid) as refused, any_database.begin() as uow:
        act(uow, sysadmin)
    assert refused.value.mend
    with any_database.read() as connection:
        assert verify_chain(connection).records == 0


def test_half_a_character_in_a_search_is_refused_too(any_database: Database, auditor: Principal) -> None:
    trail = AuditTrail(any_database, Access(any_database))
    for ask in (Ask(text=HALF), Ask().narrowed(actor=HALF)):
        with pytest.raises(Invalid):
            trail.page(auditor, ask)


@pytest.mark.parametrize("said", ["\U00020842", "𠮷野家", "\uffff"])
def test_rare_but_whole_characters_are_kept(any_database: Database, said: str) -> None:
    with any_database.begin() as uow:
        job = uow.enqueue(JobRequest("write", {said: [said]}, key=said))
    with any_database.read() as connection:
        assert connection.execute(select(jobs.c.payload).where(jobs.c.id == job)).scalar_one() == {
            said: [said]
        }
