"""Looking through backups: pages, whose plans one sees, how a place stands, and what is asked of the worker."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from backup import store
from backup.model import Level, RunState, Verdict
from backup.overview import Standing
from backup.resources.plans import plan_record, replica_record
from backup.resources.proofs import drill_record, verification_record
from backup.resources.runs import receipt_record, run_record
from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Invalid, NotFound
from kernel.identity.model import Principal, Role
from kernel.jobs.store import jobs
from kernel.store import Database
from kernel.store.listing import Ask
from tests.support.plain_engine import PlainEngine
from tests.unit.backup.world import SITES, World, build, make_sources

STRANGER = Principal("usr_x", "x", frozenset({Role.DR_ADMINISTRATOR}), "u_county", "password")


def standing(world: World, who: Principal, site: str) -> Standing:
    return world.service.lists.replica(who, f"city.{site}").worst(world.room.clock.now())


# --- pages
def test_a_day_is_found_page_by_page(
    any_database: Database, tmp_path: pytest.TempPathFactory, clock: FixedClock, dr_admin: Principal
) -> None:
    make_sources(tmp_path)  # type: ignore[arg-type]
    world = build(tmp_path, any_database, clock, PlainEngine())  # type: ignore[arg-type]
    for _hour in range(3):
        world.service.run(dr_admin, "city")
        clock.advance(hours=1)
    world.service.verify(dr_admin, "city")
    drill = world.service.drill(dr_admin, "city", "remote")
    lists = world.service.lists
    first = lists.runs(dr_admin, Ask(limit=2))
    rest = lists.runs(dr_admin, Ask(limit=2, cursor=first.next_cursor or ""))
    starts = [run.started_at for run in (*first.items, *rest.items)]
    assert starts == sorted(starts, reverse=True)
    assert (first.total, len(rest.items), rest.next_cursor) == (3, 1, None)
    assert first.facets["state"] == {"replicated": 2, "verified": 1}
    assert {run.state for run in lists.runs(dr_admin, Ask(filters={"state": ("verified",)})).items} == {
        RunState.VERIFIED
    }
    late = Ask(filters={"since": ((clock.now() - timedelta(hours=2)).isoformat(),)})
    assert lists.runs(dr_admin, late).total == 2
    receipts = lists.receipts(dr_admin, Ask()).items
    assert [(one.receipt.seq, one.sound) for one in receipts] == [(3, True), (2, True), (1, True)]
    remote = lists.verifications(dr_admin, Ask(filters={"site": ("remote",), "verdict": ("pass",)}))
    assert [one.reached for one in remote.items] == [Level.V2]
    assert [one.id for one in lists.drills(dr_admin, Ask(sort="-rto")).items] == [drill.id]
    assert [entry.run.id for entry in lists.history(dr_admin, "city", 2)] == [
        run.id for run in reversed(first.items)
    ]
    assert all(entry.octets and entry.seconds is not None for entry in lists.history(dr_admin, "city"))


def test_a_receipt_that_was_changed_or_torn_out_shows_in_the_list(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    for _hour in range(3):
        world.service.run(dr_admin, "city")
        clock.advance(hours=1)
    with world.room.database.begin() as uow:
        second = store.backup_receipts.c.seq == 2
        uow.execute(update(store.backup_receipts).where(second).values(digest="f" * 64))
    found = {one.receipt.seq: one.sound for one in world.service.lists.receipts(dr_admin, Ask()).items}
    assert found == {1: True, 2: False, 3: False}  # the third names a predecessor that is there no more


def test_other_units_find_nothing_and_learn_nothing(world: World, dr_admin: Principal) -> None:
    run = world.service.run(dr_admin, "city").run
    lists = world.service.lists
    for page in (lists.plans, lists.replicas, lists.runs, lists.receipts, lists.verifications, lists.drills):
        assert page(STRANGER, Ask()).total == 0
    wanted: tuple[tuple[Callable[[Principal, str], object], str], ...] = (
        (lists.run, run.id),
        (lists.plan, "city"),
        (lists.replica, "city.remote"),
    )
    for item, name in wanted:
        with pytest.raises(NotFound) as refused:
            item(STRANGER, name)
        with pytest.raises(NotFound) as absent:
            item(STRANGER, "nothing.there")
        assert type(refused.value) is type(absent.value)
        assert "remote" not in (refused.value.mend or "")
    with pytest.raises(NotFound):
        world.service.request(STRANGER, "city", "run")


# --- how a place stands
def test_a_place_is_green_only_after_every_byte_was_read(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    assert standing(world, dr_admin, "remote") is Standing.MISSING
    world.service.run(dr_admin, "city")
    assert standing(world, dr_admin, "remote") is Standing.UNPROVEN
    world.service.verify(dr_admin, "city", "remote", Level.V1)
    assert standing(world, dr_admin, "remote") is Standing.UNPROVEN
    world.service.verify(dr_admin, "city", "remote")
    assert standing(world, dr_admin, "remote") is Standing.PROVED
    clock.advance(minutes=61)  # the plan promises an RPO of an hour
    assert standing(world, dr_admin, "remote") is Standing.LATE
    world.service.run(dr_admin, "city")
    assert standing(world, dr_admin, "remote") is Standing.PROVED
    clock.advance(days=8)
    world.service.run(dr_admin, "city")
    assert standing(world, dr_admin, "remote") is Standing.OLD_PROOF
    world.flip(world.largest_pack("remote"))
    world.service.verify(dr_admin, "city", "remote")
    assert standing(world, dr_admin, "remote") is Standing.DAMAGED
    assert standing(world, dr_admin, "same-city") is Standing.UNPROVEN
    (plan,) = world.service.lists.plans(dr_admin, Ask()).items
    assert plan.standing is Standing.DAMAGED  # a plan stands as its worst place


def test_a_site_that_was_not_reached_is_told_though_its_old_data_is_sound(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    world.service.run(dr_admin, "city")
    world.service.verify(dr_admin, "city")
    (world.folder / "sites" / "remote").rename(world.folder / "away")
    (world.folder / "sites" / "remote").write_text("the mount is broken")
    world.service.run(dr_admin, "city")
    assert standing(world, dr_admin, "remote") is Standing.UNREACHABLE
    assert standing(world, dr_admin, "same-city") is Standing.PROVED


def test_a_drill_takes_no_proof_away(world: World, dr_admin: Principal, clock: FixedClock) -> None:
    world.service.run(dr_admin, "city")
    world.service.verify(dr_admin, "city", "remote")
    clock.advance(minutes=10)
    world.service.run(dr_admin, "city")  # of this receipt nothing is verified yet
    world.service.drill(dr_admin, "city", "remote")
    level, verdict, _at = world.service.lists.replica(dr_admin, "city.remote").proof
    assert (level, verdict) == (Level.V2, Verdict.PASS)


# --- what is asked of the worker
def test_what_is_asked_for_is_queued_with_its_parameters_and_audited(
    world: World, dr_admin: Principal
) -> None:
    request = world.service.request
    verify = request(dr_admin, "city", "verify", site="remote", level=Level.V3)
    assert request(dr_admin, "city", "verify", site="remote", level=Level.V3) == verify
    assert request(dr_admin, "city", "verify", site="same-city") != verify
    request(dr_admin, "city", "mend", site="remote", reason="磁盘更换")
    with world.room.database.read() as connection:
        payloads = {row.kind: row.payload for row in connection.execute(select(jobs)) if row.id == verify}
        audited = connection.execute(
            select(audit_records).where(audit_records.c.action == "jobs:job:enqueue")
        ).all()
    assert payloads == {"backup.verify": {"plan": "city", "site": "remote", "level": "V3"}}
    assert "磁盘更换" in audited[-1].body


@pytest.mark.parametrize(
    ("work", "asked"),
    [
        ("verify", {"site": "moon"}),
        ("verify", {"level": Level.V4}),
        ("mend", {"site": "remote"}),
        ("mend", {"reason": "no site"}),
        ("mend", {"site": "remote", "reason": "  "}),
        ("dance", {}),
    ],
)
def test_what_can_not_be_done_is_refused_before_it_is_queued(
    world: World, dr_admin: Principal, work: str, asked: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        world.service.request(dr_admin, "city", work, **asked)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="application check"):
        world.service.request(dr_admin, "city", "drill", checks=("fortune",))
    with world.room.database.read() as connection:
        assert connection.execute(select(jobs)).all() == []


def test_what_is_due_is_audited_once(world: World) -> None:
    system = Principal.system("worker")
    (job,) = world.service.queue_due(system)
    assert world.service.queue_due(system) == []  # it is open: nothing new, nothing to record
    with world.room.database.read() as connection:
        rows = connection.execute(select(audit_records)).all()
    assert [(row.action, row.target, job in row.body) for row in rows] == [
        ("jobs:job:enqueue", "backup:city", True)
    ]


# --- what is shown
def test_records_show_what_is_kept(world: World, dr_admin: Principal) -> None:
    world.service.run(dr_admin, "city")
    (world.folder / "sites" / "remote").rename(world.folder / "away")
    (world.folder / "sites" / "remote").write_text("the mount is broken")
    found = world.service.verify(dr_admin, "city")
    drill = world.service.drill(dr_admin, "city", "provincial")
    lists, now = world.service.lists, world.room.clock.now()
    unknown = verification_record(next(one for one in found if one.verdict is Verdict.UNKNOWN))
    assert unknown.replica == "city.remote"
    assert unknown.why.startswith("V0: ")
    assert [one.level for one in verification_record(found[0]).outcomes] == ["V0", "V1", "V2"]
    assert drill_record(drill).rto_aim_seconds == 7200
    assert plan_record(lists.plan(dr_admin, "city")).sites == SITES
    (first, *_rest) = lists.replicas(dr_admin, Ask(sort="")).items
    assert replica_record(first, first.worst(now)).newest == 1
    assert run_record(lists.runs(dr_admin, Ask()).items[0]).receipt == 1
    assert receipt_record(lists.receipts(dr_admin, Ask()).items[0]).chain == "sound"
