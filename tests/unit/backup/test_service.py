"""What the DR administrator's acts do: states, receipts, replicas, records; who may do them; what failures leave behind."""

import dataclasses
import json
import socket
from pathlib import Path

import pytest
from sqlalchemy import select

from backup import store
from backup.adapters.folder_site import FolderSite
from backup.model import FindingKind, Layer, Level, PlannedSet, RunState, Verdict
from backup.receipts import chain_faults
from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, NotPermitted, Unavailable
from kernel.events import event_outbox
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Principal, Role
from kernel.jobs.store import jobs
from kernel.store import Database
from kernel.store.listing import Ask
from tests.support.plain_engine import PlainEngine
from tests.unit.backup.world import SITES, World, build, make_sources, plan


def test_a_run_stores_every_set_and_brings_it_to_every_site(world: World, dr_admin: Principal) -> None:
    result = world.service.run(dr_admin, "city")
    assert result.run.state is RunState.REPLICATED
    assert [(one.source, one.layer) for one in result.sets] == [
        ("database", Layer.DATABASE),
        ("keys", Layer.CA),
        ("configurations", Layer.CONFIGURATIONS),
    ]
    assert [(copy.site, copy.error) for copy in result.copies] == [(site, "") for site in SITES]
    primary = {p.name: p.read_bytes() for p in world.repository("same-city").rglob("*") if p.is_file()}
    for site in SITES[1:]:
        assert {p.name: p.read_bytes() for p in world.repository(site).rglob("*") if p.is_file()} == primary


def test_receipts_chain_and_lie_at_every_site(world: World, dr_admin: Principal, clock: FixedClock) -> None:
    for _ in range(3):
        world.service.run(dr_admin, "city")
        clock.advance(minutes=1)
    receipts = world.service.receipts(dr_admin, "city")
    assert [receipt.seq for receipt in receipts] == [1, 2, 3]
    assert not chain_faults(receipts)
    for site in SITES:
        kept = sorted((world.folder / "sites" / site / "city" / "receipts").iterdir())
        assert [json.loads(path.read_text())["seq"] for path in kept] == [1, 2, 3]


def test_a_changed_receipt_stops_every_claim(world: World, dr_admin: Principal) -> None:
    world.service.run(dr_admin, "city")
    with world.room.database.begin() as uow:
        row = uow.execute(select(store.backup_receipts.c.body)).scalar_one()
        changed = row.replace('"layer":"ca"', '"layer":"files"')
        uow.execute(store.backup_receipts.update().values(body=changed))
    with pytest.raises(IntegrityFailed, match="receipts"):
        world.service.verify(dr_admin, "city")


def test_run_verification_and_drill_are_audited_announced_and_evidence(
    world: World, dr_admin: Principal, assessor: Principal
) -> None:
    world.service.run(dr_admin, "city")
    world.service.verify(dr_admin, "city", "remote")
    world.service.drill(dr_admin, "city")
    with world.room.database.read() as connection:
        actions = {row.action for row in connection.execute(select(audit_records))}
        kinds = {row.kind for row in connection.execute(select(event_outbox))}
    assert {"backup:run:start", "backup:replica:copy", "backup:replica:verify", "backup:drill:run"} <= actions
    assert {"backup:run:stored", "backup:replica:verified"} <= kinds
    found = {record.kind: record.summary for record in world.room.evidence.find(subject="city")}
    assert found[EvidenceKind.BACKUP_RUN]["verdict"] == "pass"
    assert (found[EvidenceKind.BACKUP_VERIFIED]["site"], found[EvidenceKind.BACKUP_VERIFIED]["level"]) == (
        "remote",
        2,
    )
    assert found[EvidenceKind.RESTORE_DRILL]["rto_seconds"] >= 0


@pytest.mark.parametrize("act", ["run", "verify", "drill", "replicate"])
def test_only_a_dr_administrator_of_the_unit_may_act(
    world: World, assessor: Principal, network_admin: Principal, act: str
) -> None:
    outsider = Principal("usr_x", "x", frozenset({Role.DR_ADMINISTRATOR}), "u_county", "password")
    for principal, refusal in ((assessor, NotPermitted), (network_admin, NotPermitted), (outsider, NotFound)):
        with pytest.raises(refusal):
            getattr(world.service, act)(principal, "city")
    assert world.service.plans(outsider) == []
    assert [one.id for one in world.service.plans(assessor)] == ["city"]


def test_a_source_that_is_missing_is_named_and_the_others_are_stored(
    world: World, dr_admin: Principal
) -> None:
    (world.folder / "source" / "keys" / "issuing.key").unlink()
    (world.folder / "source" / "keys").rmdir()
    result = world.service.run(dr_admin, "city")
    assert [one.source for one in result.sets] == ["database", "configurations"]
    assert "keys: " in result.run.error
    (found,) = world.service.verify(dr_admin, "city", "remote")
    assert [(f.kind, f.file) for f in found.findings] == [(FindingKind.MISSING, "set:keys")]


def test_a_plan_whose_sources_are_all_missing_fails_and_says_so(world: World, dr_admin: Principal) -> None:
    broken = dataclasses.replace(plan("plain"), sets=(PlannedSet("mainframe", Layer.FILES),))
    other = build(world.folder, world.room.database, world.room.clock, PlainEngine(), planned=broken)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="mainframe"):
        other.service.run(dr_admin, "city")
    assert world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.FAILED
    assert [fault.place for fault in other.service.plan_faults(dr_admin)] == ["city: sets"]


def test_a_site_that_can_not_be_reached_is_brought_up_later(world: World, dr_admin: Principal) -> None:
    blocked = world.folder / "sites" / "remote"
    blocked.parent.mkdir()
    blocked.write_text("not a folder: the mount is broken")
    result = world.service.run(dr_admin, "city")
    assert result.run.state is RunState.STORED
    assert "remote" in result.run.error
    assert [bool(copy.error) for copy in result.copies] == [False, True, False]
    (looked,) = world.service.verify(dr_admin, "city", "remote")
    assert looked.verdict is Verdict.UNKNOWN
    blocked.unlink()
    assert not any(copy.error for copy in world.service.replicate(dr_admin, "city"))
    assert world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.REPLICATED


def test_replication_never_carries_damage(world: World, dr_admin: Principal) -> None:
    world.service.run(dr_admin, "city")
    pack = world.largest_pack("same-city")
    name = pack.relative_to(world.repository("same-city"))
    world.flip(pack)
    (world.repository("provincial") / name).unlink()
    copies = {copy.site: copy.error for copy in world.service.replicate(dr_admin, "city")}
    assert copies["same-city"] == copies["remote"] == ""
    assert copies["provincial"]
    assert not (world.repository("provincial") / name).exists()
    assert not list(world.repository("provincial").rglob(".new-*"))


def test_a_run_on_a_primary_that_lost_a_file_fails(world: World, dr_admin: Principal) -> None:
    world.service.run(dr_admin, "city")
    snapshot = next((world.repository("same-city") / "snapshots").iterdir())
    snapshot.unlink()
    with pytest.raises(IntegrityFailed, match="missing or damaged"):
        world.service.run(dr_admin, "city")
    assert len(world.service.receipts(dr_admin, "city")) == 1


def test_retention_takes_away_at_every_site_what_the_receipt_names(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    configuration = world.folder / "source" / "configurations" / "sw-0.cfg"
    for day in range(5):
        configuration.write_text(f"version of day {day}\n" * 50)
        world.service.run(dr_admin, "city")
        clock.advance(days=1)
    newest = world.service.receipts(dr_admin, "city")[-1]
    assert newest.removed
    for site in SITES:
        names = {path.name for path in world.repository(site).rglob("*") if path.is_file()}
        assert not names & {Path(name).name for name in newest.removed}
    assert all(found.verdict is Verdict.PASS for found in world.service.verify(dr_admin, "city"))


def test_reading_can_be_spread_over_several_nights(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    world.service.run(dr_admin, "city")
    nights = 0
    while True:
        (found,) = world.service.verify(dr_admin, "city", "remote", Level.V2, budget=1)
        nights += 1
        if found.verdict is Verdict.PASS:
            break
        assert (found.verdict, found.files_read) == (Verdict.UNKNOWN, 1)
        clock.advance(minutes=1)
    assert nights == sum(path.is_file() for path in world.repository("remote").rglob("*"))
    clock.advance(days=8)  # the time of coverage has run out
    (late,) = world.service.verify(dr_admin, "city", "remote", Level.V2, budget=1)
    assert late.verdict is Verdict.UNKNOWN


def test_the_matrix_tells_level_and_ages(world: World, dr_admin: Principal, clock: FixedClock) -> None:
    world.service.run(dr_admin, "city")
    world.service.verify(dr_admin, "city", "remote")
    clock.advance(hours=2)
    rows = world.service.status(dr_admin)
    assert len(rows) == 9
    remote = next(row for row in rows if row.site == "remote" and row.layer == "ca")
    assert (remote.level, remote.data_age_seconds, remote.proof_age_seconds) == ("V2", 7200, 7200)
    assert next(row for row in rows if row.site == "provincial").level == "-"


def test_schedules_make_work_due_once(world: World, dr_admin: Principal, clock: FixedClock) -> None:
    system = Principal.system("worker")

    def due() -> set[str]:
        world.service.queue_due(system)
        with world.room.database.read() as connection:
            return {row.kind for row in connection.execute(select(jobs))}

    assert due() == due() == {"backup.run"}
    world.service.run(dr_admin, "city")
    clock.advance(minutes=59)
    with world.room.database.begin() as uow:
        uow.execute(jobs.delete())
    assert due() == set()
    clock.advance(minutes=1)
    assert due() == {"backup.run"}
    clock.advance(days=1)
    assert due() == {"backup.run", "backup.verify"}


def test_two_at_once_on_one_plan_are_refused_but_the_dead_hold_nothing(
    world: World, dr_admin: Principal, database: Database
) -> None:
    with world.room.claims.hold("city", "verify"), pytest.raises(Conflict, match="worked on"):
        world.service.run(dr_admin, "city")
    world.service.run(dr_admin, "city")
    gone = {"plan": "city", "work": "run", "token": "t", "host": socket.gethostname()}
    with database.begin() as uow:
        store.put_claim(
            uow.connection, {**gone, "pid": 1, "process": "0", "claimed_at": world.room.clock.now()}
        )
    assert world.service.run(dr_admin, "city").run.state is RunState.REPLICATED


def test_what_is_not_there_is_a_typed_error(world: World, dr_admin: Principal) -> None:
    with pytest.raises(NotFound, match="no backup plan"):
        world.service.run(dr_admin, "nothing")
    with pytest.raises(Invalid, match="no site"):
        world.service.verify(dr_admin, "city", "moon")
    with pytest.raises(NotFound, match="never run"):
        world.service.verify(dr_admin, "city")
    with pytest.raises(Invalid, match="no work"):
        world.service.request(dr_admin, "city", "dance")


def test_a_required_site_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="can not be reached"):
        FolderSite("remote", tmp_path / "mnt").sizes("city")
    assert not (tmp_path / "mnt").exists()


def test_both_stores_keep_it_all(
    any_database: Database, tmp_path: Path, clock: FixedClock, dr_admin: Principal
) -> None:
    make_sources(tmp_path)
    service = build(tmp_path, any_database, clock, PlainEngine()).service
    service.run(dr_admin, "city")
    assert [one.reached for one in service.verify(dr_admin, "city")] == [Level.V2] * 3
    assert service.lists.runs(dr_admin, Ask()).items[0].state is RunState.VERIFIED
    assert service.lists.verifications(dr_admin, Ask()).items[0].outcomes[0].level is Level.V0
    drill = service.drill(dr_admin, "city", "remote")
    assert service.lists.drills(dr_admin, Ask()).items == (drill,)
    assert service.status(dr_admin)
