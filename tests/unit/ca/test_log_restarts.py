"""The log begins anew after a fault: two officers agree on the entries that are there, and nothing less will do."""

from typing import Any

import pytest
from sqlalchemy import delete, update

from ca.encoding import merkle
from ca.transparency import store
from ca.transparency.checking import Finding
from ca.transparency.model import Fault, SignedHead
from ca.transparency.tables import entries, heads, restarts
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, NotPermitted, Unavailable
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.logged import AUDITOR, Killed, alarms, begin_anew, report


def _set_back(world: World) -> SignedHead:
    """As after a restore: the newest head that the database still has."""
    world.ca.log.sequencer.run()
    before = world.ca.log.head()
    lost = world.issue()
    world.ca.log.sequencer.run()
    with world.ca.database.begin() as uow:
        uow.execute(delete(heads).where(heads.c.number > before.number))
        uow.execute(delete(entries).where(entries.c.serial == lost.serial))
        uow.execute(update(store.state).values(size=before.head.size))
    return before


def test_a_database_set_back_is_found_and_needs_an_officer(world: World) -> None:
    """As after a restore: the newest entries and heads are gone, and only the file beside the database knows them."""
    before = _set_back(world)
    world.issue()
    for _ in range(2):
        assert world.ca.log.sequencer.run() == 0
    assert world.ca.log.state(AUDITOR).fault is Fault.ROLLED_BACK
    assert len(alarms(world)) == 1
    with pytest.raises(Unavailable):
        world.ca.log.head()
    done = begin_anew(world, "数据库已从备份恢复")
    assert (done.entries, done.lost) == (before.head.size, 1)
    assert world.ca.log.sequencer.run() == 1
    assert world.ca.log.head().head.log == done.begun != before.head.log
    assert world.ca.log.restarts.page(AUDITOR, Ask(filters={"state": ("performed",)})).total == 1


@pytest.mark.parametrize("moved", [True, False], ids=["after the file was moved", "before"])
def test_a_power_cut_while_it_begins_anew_leaves_it_to_be_done_again(world: World, moved: bool) -> None:
    _set_back(world)
    world.ca.log.sequencer.run()
    proposed = world.ca.log.restarts.propose(world.officer, "数据库已从备份恢复")
    kept = world.ca.log.restarts._kept
    put_aside = kept.put_aside

    def cut(label: str) -> None:
        if moved:
            put_aside(label)
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "put_aside", cut)
        with pytest.raises(Killed):
            world.ca.log.restarts.perform(world.second, proposed.id)
    assert world.ca.log.sequencer.run() == 0
    assert world.ca.log.state(AUDITOR).fault is Fault.ROLLED_BACK
    done = world.ca.log.restarts.perform(world.second, proposed.id)
    world.ca.log.sequencer.run()
    assert (world.ca.log.state(AUDITOR).fault, world.ca.log.head().head.log) == (Fault.NONE, done.begun)


def test_a_log_without_fault_is_not_begun_anew(world: World) -> None:
    world.ca.log.sequencer.run()
    with pytest.raises(Conflict):
        world.ca.log.restarts.propose(world.officer, "试试")


def test_one_officer_alone_does_not_begin_the_log_anew(world: World) -> None:
    world.ca.log.sequencer.run()
    world.ca.log.sequencer.alarm(Fault.ROLLED_BACK)
    proposed = world.ca.log.restarts.propose(world.officer, "数据库已从备份恢复")
    with pytest.raises(NotPermitted, match="asked for this"):
        world.ca.log.restarts.perform(world.officer, proposed.id)
    with pytest.raises(NotPermitted):
        world.ca.log.restarts.propose(AUDITOR, "试试")
    with pytest.raises(Conflict, match="proposed already"):
        world.ca.log.restarts.propose(world.second, "再试")
    world.ca.log.restarts.reject(world.second, proposed.id, "原因未查明")
    assert world.ca.log.state(AUDITOR).fault is Fault.ROLLED_BACK
    assert world.ca.log.sequencer.run() == 0
    with pytest.raises(Conflict, match="decided already"):
        world.ca.log.restarts.perform(world.second, proposed.id)


def test_two_officers_agree_on_exactly_the_entries_that_are_there(world: World) -> None:
    """Whoever can write into the database and change an entry between the two has agreed on nothing."""
    lost = world.issue()
    world.ca.log.sequencer.run()
    world.ca.log.sequencer.alarm(Fault.DAMAGED)
    proposed = world.ca.log.restarts.propose(world.officer, "存储故障")
    with world.ca.database.begin() as uow:
        uow.execute(update(entries).where(entries.c.serial == lost.serial).values(leaf="{}"))
    with pytest.raises(Conflict, match="no longer those"):
        world.ca.log.restarts.perform(world.second, proposed.id)
    with world.ca.database.begin() as uow:
        uow.execute(delete(entries).where(entries.c.number == 0))
    with pytest.raises(IntegrityFailed, match="Entry 0"):
        world.ca.log.restarts.perform(world.second, proposed.id)
    assert world.ca.log.state(AUDITOR).fault is Fault.DAMAGED
    with world.ca.database.begin() as uow:
        uow.execute(update(restarts).values(entries=1))
    with pytest.raises(IntegrityFailed, match="not the one"):
        world.ca.log.restarts.perform(world.second, proposed.id)


def test_after_a_clock_that_was_ahead_two_officers_have_the_log_sign_again(
    world: World, clock: FixedClock
) -> None:
    clock.advance(minutes=10 * 24 * 60)
    world.ca.log.sequencer.run()
    false = world.ca.log.head()
    clock.advance(minutes=-10 * 24 * 60)
    world.issue()
    with pytest.raises(Unavailable, match="log restart propose"):
        world.ca.log.sequencer.run()
    done = begin_anew(world, "时钟曾快十天，已校准")
    assert (done.fault, done.lost) == (Fault.AHEAD, 0)
    world.ca.log.sequencer.run()
    newest = world.ca.log.head()
    assert (newest.head.log, newest.head.at) == (done.begun, clock.now())
    assert newest.number == false.number + 1
    assert report(world) == set()


def test_the_new_log_is_sound_also_when_the_signer_is_away_at_its_beginning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the old log signed last is nothing that the new one is measured by."""
    issued = world.issue()
    world.ca.log.sequencer.run()
    (entry,) = world.ca.log.page(AUDITOR, Ask(filters={"serial": (issued.serial,)})).items
    changed = entry.leaf.replace(b'"reason":null', b'"reason":"?"')
    with world.ca.database.begin() as uow:
        values = {"leaf": changed.decode(), "hash": merkle.leaf_hash(changed)}
        uow.execute(update(entries).where(entries.c.number == entry.number).values(values))
    assert Finding.HEAD_DIFFERS in report(world)
    begin_anew(world, "存储故障")
    with monkeypatch.context() as away:
        away.setattr(world.ca.services, "ready", lambda _role: False)
        world.ca.log.sequencer.run()
    world.ca.log.sequencer.run()
    assert world.ca.log.state(AUDITOR).fault is Fault.NONE
    assert world.ca.log.head().head.size > 0


@on_both
def test_the_tree_of_a_long_log_is_made_anew_piece_by_piece(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_REBUILT", 2)
    monkeypatch.setattr(store, "_STREAMED", 3)
    for _ in range(5):
        world.issue()
    world.ca.log.sequencer.run()
    before = world.ca.log.head().head
    world.ca.log.sequencer.alarm(Fault.DAMAGED)
    begin_anew(world, "存储故障")
    world.ca.log.sequencer.run()
    after = world.ca.log.head().head
    assert (after.size, after.root) == (before.size, before.root)
    assert report(world) == set()


def test_at_two_terminals_the_log_begins_anew(world: World, at: Any) -> None:
    world.ca.log.sequencer.run()
    world.ca.log.sequencer.alarm(Fault.ROLLED_BACK)
    first, second = at(world.officer), at(world.second)
    turned_down = first.run("log", "restart", "propose", "--reason", "试试")
    assert (
        second.run("log", "restart", "reject", turned_down["id"], "--reason", "原因未查明")["state"]
        == "rejected"
    )
    proposed = first.run("log", "restart", "propose", "--reason", "数据库已从备份恢复")
    assert second.run("log", "restart", "perform", proposed["id"])["state"] == "performed"
    assert [one["state"] for one in first.run("log", "restart", "list")] == ["performed", "rejected"]
    assert first.run("log", "state")["fault"] == ""
