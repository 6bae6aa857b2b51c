"""The audit trail: acts are chained, and whatever is done to the chain afterwards is named."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text

from kernel.audit.chain import chain_hash
from kernel.audit.model import AuditAction, FaultKind
from kernel.audit.trail import AuditTrail, verify_chain
from kernel.errors import NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal
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
