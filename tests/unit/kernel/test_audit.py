"""The audit trail: acts are chained, and whatever is done to the chain afterwards is named."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from kernel.audit import jobs as audit_jobs
from kernel.audit.chain import chain_hash
from kernel.audit.model import AuditAction, FaultKind
from kernel.audit.trail import AuditTrail, verify_chain
from kernel.clock import FixedClock
from kernel.errors import IntegrityFailed, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from kernel.store.listing import Ask


def write(database: Database, principal: Principal, count: int) -> None:
    for number in range(count):
        with database.begin() as uow:
            uow.audit(principal, AuditAction.UNIT_CREATE, f"unit:{number}", details={"name": f"单位{number}"})


def unprotect(database: Database) -> None:
    """What an intruder with the database owner's rights would do first."""
    sqlite = database.engine.dialect.name == "sqlite"
    names = (
        ("audit_records_no_update", "audit_records_no_delete") if sqlite else ("audit_records_append_only",)
    )
    with database.begin() as uow:
        for name in names:
            uow.execute(text(f"DROP TRIGGER {name}" + ("" if sqlite else " ON audit_records")))


def faults(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(fault.kind, fault.seq) for fault in verify_chain(connection).faults]


def test_an_untouched_chain_verifies_on_both_stores(any_database: Database, sysadmin: Principal) -> None:
    write(any_database, sysadmin, 5)
    assert faults(any_database) == []


SWAP = (
    "UPDATE audit_records SET seq = -3 WHERE seq = 3",
    "UPDATE audit_records SET seq = 3 WHERE seq = 4",
    "UPDATE audit_records SET seq = 4 WHERE seq = -3",
)
COPY = (
    "INSERT INTO audit_records "
    "(seq, at, actor, actor_name, action, target, object, unit, outcome, body, previous, hash) "
    "SELECT 6, at, actor, actor_name, action, target, object, unit, outcome, body, previous, hash "
    "FROM audit_records WHERE seq = 5",
)


@pytest.mark.parametrize(
    ("statements", "kind", "seq"),
    [
        (
            ("UPDATE audit_records SET body = replace(body, 'unit:2', 'unit:9') WHERE seq = 3",),
            FaultKind.CHANGED,
            3,
        ),
        (("UPDATE audit_records SET actor = 'somebody' WHERE seq = 3",), FaultKind.CHANGED, 3),
        (("UPDATE audit_records SET object = 'other' WHERE seq = 3",), FaultKind.CHANGED, 3),
        (("DELETE FROM audit_records WHERE seq = 2",), FaultKind.REMOVED, 2),
        (("DELETE FROM audit_records WHERE seq = 5",), FaultKind.REMOVED, 5),
        (SWAP, FaultKind.REORDERED, 3),
        (COPY, FaultKind.REORDERED, 6),
    ],
    ids=[
        "body changed",
        "column changed",
        "object changed",
        "removed",
        "tail cut off",
        "reordered",
        "copied behind the head",
    ],
)
def test_tampering_is_found_and_named(
    any_database: Database, sysadmin: Principal, statements: tuple[str, ...], kind: FaultKind, seq: int
) -> None:
    write(any_database, sysadmin, 5)
    unprotect(any_database)
    with any_database.begin() as uow:
        for statement in statements:
            uow.execute(text(statement))
    assert (kind, seq) in faults(any_database)


def test_nothing_is_done_behind_a_record_that_was_put_there(
    any_database: Database, sysadmin: Principal
) -> None:
    write(any_database, sysadmin, 5)
    with any_database.begin() as uow:
        uow.execute(text(COPY[0]))
    with pytest.raises(IntegrityFailed, match="behind its end") as refused:
        write(any_database, sysadmin, 1)
    assert refused.value.place == "audit_records 6"
    assert (FaultKind.REORDERED, 6) in faults(any_database)


def test_a_forged_record_with_a_right_hash_of_its_own_is_found(
    database: Database, sysadmin: Principal
) -> None:
    write(database, sysadmin, 5)
    unprotect(database)
    with database.begin() as uow:
        row = uow.execute(text("SELECT body FROM audit_records WHERE seq = 3")).one()
        forged = row.body.replace("unit:2", "unit:9")
        digest = chain_hash("f" * 64, forged)
        uow.execute(
            text(
                "UPDATE audit_records SET body=:b, target='unit:9', object='9', previous=:p, hash=:h "
                "WHERE seq = 3"
            ),
            {"b": forged, "p": "f" * 64, "h": digest},
        )
    assert (FaultKind.INSERTED, 3) in faults(database)


def test_the_database_itself_refuses_to_change_a_record(any_database: Database, sysadmin: Principal) -> None:
    write(any_database, sysadmin, 1)
    for statement in ("UPDATE audit_records SET outcome = 'denied'", "DELETE FROM audit_records"):
        with pytest.raises(Exception, match="append-only"), any_database.begin() as uow:
            uow.execute(text(statement))


def test_nothing_is_audited_when_the_act_is_rolled_back(database: Database, sysadmin: Principal) -> None:
    with pytest.raises(ZeroDivisionError), database.begin() as uow:
        uow.audit(sysadmin, AuditAction.UNIT_CREATE, "unit:1")
        1 / 0  # noqa: B018 - the fault that ends the act
    with database.read() as connection:
        assert verify_chain(connection).records == 0


def test_export_can_be_recomputed_by_an_outsider(
    database: Database, sysadmin: Principal, auditor: Principal
) -> None:
    write(database, sysadmin, 3)
    lines = list(AuditTrail(database, Access(database)).export(auditor))
    assert len(lines) == 3
    previous = "0" * 64
    for line in lines:
        record = json.loads(line)
        assert record["previous"] == previous
        assert chain_hash(previous, record["body"]) == record["hash"]
        previous = record["hash"]


ACTS: dict[str, Callable[[AuditTrail, Principal], object]] = {
    "page": lambda trail, who: trail.page(who, Ask()),
    "get": lambda trail, who: trail.get(who, "1"),
    "verify": lambda trail, who: trail.verify(who),
    "queue": lambda trail, who: trail.verify_or_queue(who),
    "export": lambda trail, who: trail.export(who),
}


@pytest.mark.parametrize("act", ACTS)
def test_only_the_auditor_reads_the_trail_and_a_refusal_is_itself_audited(
    database: Database, sysadmin: Principal, auditor: Principal, act: str
) -> None:
    trail = AuditTrail(database, Access(database))
    with pytest.raises(NotPermitted):
        ACTS[act](trail, sysadmin)
    newest = trail.page(auditor, Ask(limit=1)).items[0]
    assert (newest.action, newest.actor, newest.outcome) == (
        AuditAction.ACCESS_DENIED,
        sysadmin.id,
        "denied",
    )


def test_records_are_found_by_object_person_act_and_time(
    any_database: Database, clock: FixedClock, sysadmin: Principal, officer: Principal, auditor: Principal
) -> None:
    trail = AuditTrail(any_database, Access(any_database))
    write(any_database, sysadmin, 3)
    clock.advance(hours=1)
    with any_database.begin() as uow:
        uow.audit(officer, AuditAction.ROLE_GRANT, "unit:1", outcome="failure", reason="不合规")

    def found(ask: Ask) -> list[int]:
        return [record.seq for record in trail.page(auditor, ask).items]

    assert found(Ask()) == [4, 3, 2, 1]
    assert found(Ask(sort="seq", limit=2)) == [1, 2]
    assert found(Ask().narrowed(target="unit:1")) == found(Ask().narrowed(target="1")) == [4, 2]
    assert found(Ask().narrowed(actor=officer.id)) == [4]
    assert found(Ask().narrowed(outcome="success", since=clock.now().isoformat())) == []
    assert found(Ask().narrowed(until=clock.now().isoformat())) == [3, 2, 1]
    assert found(Ask(text="OFFICER")) == [4], "by the name, whatever the case"
    assert found(Ask(text="100%")) == found(Ask(text="unit_")) == [], "no wildcards"
    one = trail.get(auditor, "4")
    assert (one.reason, one.details, one.hash) == ("不合规", {}, trail.head()[1])
    assert trail.page(auditor, Ask()).facets["outcome"] == {"success": 3, "failure": 1}
    for number in ("5", "0", "-1", "x", "９", "9" * 30):
        with pytest.raises(NotFound):
            trail.get(auditor, number)


def test_a_countys_auditor_sees_the_acts_on_what_is_the_countys(
    any_database: Database, sysadmin: Principal, auditor: Principal
) -> None:
    trail = AuditTrail(any_database, Access(any_database))
    for unit in ("u_county", "u_other", None):
        with any_database.begin() as uow:
            uow.audit(sysadmin, AuditAction.ASSET_PUT, f"asset:{unit}", unit=unit)
    local = replace(auditor, unit="u_county")
    assert [record.target for record in trail.page(local, Ask()).items] == ["asset:u_county"]
    assert trail.get(local, "1").seq == 1
    with pytest.raises(NotFound):
        trail.get(local, "2")
    for act in ("verify", "queue", "export"):
        with pytest.raises(NotPermitted):
            ACTS[act](trail, local)


def test_a_long_chain_is_verified_by_the_worker(
    any_database: Database,
    clock: FixedClock,
    sysadmin: Principal,
    auditor: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trail = AuditTrail(any_database, Access(any_database))
    queue = JobQueue(any_database, clock, Access(any_database))
    queue.register(audit_jobs.handlers(trail))
    write(any_database, sysadmin, 5)
    assert trail.verify_or_queue(auditor).report is not None
    monkeypatch.setattr("kernel.audit.trail.AT_ONCE", 3)
    monkeypatch.setattr("kernel.audit.trail._BATCH", 2)
    found = trail.verify_or_queue(auditor)
    assert (found.report, trail.verify_or_queue(auditor).job) == (None, found.job), "once at a time"
    assert queue.run_next("w")
    job = queue.get(sysadmin, found.job)
    assert job.result is not None
    assert (job.result["intact"], job.result["faults"], job.done) == (True, [], 8)


def test_an_export_holds_what_was_there_when_it_was_asked_for(
    any_database: Database, sysadmin: Principal, auditor: Principal
) -> None:
    trail = AuditTrail(any_database, Access(any_database))
    write(any_database, sysadmin, 2)
    lines = trail.export(auditor)
    write(any_database, sysadmin, 2)
    assert len(list(lines)) == 2
    newest = trail.page(auditor, Ask().narrowed(action="audit:trail:export")).items[0]
    assert (newest.actor, newest.details["records"]) == (auditor.id, 2)
