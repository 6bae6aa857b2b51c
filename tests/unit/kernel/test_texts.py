"""Text from outside may hold anything: both databases take it, and what one keeps the other keeps too."""

import pytest
from sqlalchemy import select

from kernel.audit.model import AuditAction
from kernel.audit.trail import verify_chain
from kernel.events import Event, EventBus, EventKind
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.jobs.store import jobs
from kernel.store import Database

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
