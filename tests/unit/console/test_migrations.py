"""`weicheng db upgrade` from nothing, on both databases: what the code expects is there, and what is sealed stays sealed."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from console.commands.db import alembic_config, upgrade_database
from console.compose.tables import import_all_tables
from kernel.assets.model import Link
from kernel.assets.store import links
from kernel.audit.chain import GENESIS, audit_records, chain_hash
from kernel.audit.model import AuditAction
from kernel.audit.trail import AuditTrail, verify_chain
from kernel.blobs import MemoryBlobs
from kernel.canonical import canonical_json
from kernel.clock import FixedClock
from kernel.evidence.model import EvidenceKind
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database, metadata
from kernel.store.listing import Ask

CHECK = """
import sys
from alembic import command
from console.commands.db import alembic_config
command.check(alembic_config(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Database]:
    grown = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if grown else f"sqlite:///{tmp_path / 'weicheng.sqlite'}"
    upgrade_database(url)
    made = Database(url, clock)
    yield made
    made.close()


def test_the_migrations_make_exactly_the_tables_of_the_code(migrated: Database) -> None:
    import_all_tables()
    ours = {name for name in metadata.tables if not name.startswith("test_")}
    assert set(inspect(migrated.engine).get_table_names()) == ours | {"alembic_version"}
    # in a process of its own, since tests that ran before may have added tables of theirs to the metadata
    done = subprocess.run(
        [sys.executable, "-c", CHECK, migrated.url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_upgrading_again_changes_nothing(migrated: Database, sysadmin: Principal) -> None:
    with migrated.begin() as uow:
        uow.audit(sysadmin, AuditAction.UNIT_CREATE, "unit:1")
    upgrade_database(migrated.url)
    assert rows(migrated.engine, "audit_records") == 1


@pytest.mark.parametrize("table", ["audit_records", "evidence_records"])
def test_what_is_recorded_can_be_neither_changed_nor_removed(
    migrated: Database, clock: FixedClock, sysadmin: Principal, table: str
) -> None:
    evidence = EvidenceService(migrated, clock, Access(migrated), MemoryBlobs(), NullSealer())
    with migrated.begin() as uow:
        uow.audit(sysadmin, AuditAction.UNIT_CREATE, "unit:1")
        evidence.record(uow, kind=next(iter(EvidenceKind)), subject="s", source="test", summary={"n": 1})
    acts = [f"UPDATE {table} SET unit = 'u_other'"]
    acts.append(f"DELETE FROM {table}")
    if migrated.engine.dialect.name == "postgresql":
        acts.append(f"TRUNCATE {table} CASCADE")
    for act in acts:
        with pytest.raises(DBAPIError, match="append-only"), migrated.engine.begin() as connection:
            connection.execute(text(act))
    assert rows(migrated.engine, table) == 1


def rows(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        count: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return count


BEFORE_LISTS = "0002"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def of_an_earlier_release(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock
) -> Iterator[Database]:
    grown = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if grown else f"sqlite:///{tmp_path / 'weicheng.sqlite'}"
    command.upgrade(alembic_config(url), BEFORE_LISTS)
    made = Database(url, clock)
    yield made
    made.close()


def test_the_trail_and_the_links_of_an_earlier_release_are_taken_over_whole(
    of_an_earlier_release: Database, auditor: Principal
) -> None:
    database = of_an_earlier_release
    with database.engine.begin() as connection:
        _acts_of_before(connection, ["asset:asset_1", "audit", "backup:city/remote"])
        connection.execute(
            text("INSERT INTO identity_units (id, name, path) VALUES ('u_city', '市', '/u_city/')")
        )
        for name in ("a", "b"):
            connection.execute(
                text(
                    "INSERT INTO assets_assets (id, kind, name, unit, address, platform, level, attributes, version, "
                    f"changed_at) VALUES ('{name}', 'device', '{name}', 'u_city', '', '', 0, '{{}}', 1, '2026-01-01')"
                )
            )
        connection.execute(text("INSERT INTO assets_links VALUES ('a', 'GE0/0/1', 'b', '口2')"))
    upgrade_database(database.url)
    trail = AuditTrail(database, Access(database))
    with database.read() as connection:
        assert verify_chain(connection).faults == ()
        found = connection.execute(select(audit_records.c.object).order_by(audit_records.c.seq)).scalars()
        assert list(found) == ["asset_1", "audit", "city/remote"]
        assert connection.execute(select(links.c.id)).scalar_one() == Link("b", "口2", "a", "GE0/0/1").id
    assert [act.seq for act in trail.page(auditor, Ask(text="李娜")).items] == [3, 2, 1]
    with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
        connection.execute(text("UPDATE audit_records SET actor_name = ''"))


def _acts_of_before(connection: Connection, targets: list[str]) -> None:
    """Records as the release before wrote them, without the columns that came later."""
    previous = GENESIS
    for seq, target in enumerate(targets, 1):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        said = {"actor": "usr_1", "action": "ca:issue", "target": target, "unit": None, "outcome": "success"}
        body = canonical_json(
            {**said, "seq": seq, "at": at, "actor_name": "李娜", "roles": [], "reason": None, "details": {}}
        ).decode()
        digest = chain_hash(previous, body)
        row = {**said, "seq": seq, "at": "2026-01-01 00:00:00+00:00", "body": body}
        connection.execute(
            text(
                "INSERT INTO audit_records (seq, at, actor, action, target, unit, outcome, body, previous, hash) "
                "VALUES (:seq, :at, :actor, :action, :target, :unit, :outcome, :body, :previous, :hash)"
            ),
            {**row, "previous": previous, "hash": digest},
        )
        previous = digest
    connection.execute(
        text("INSERT INTO audit_head (id, seq, hash) VALUES (1, :seq, :hash)"),
        {"seq": len(targets), "hash": previous},
    )
