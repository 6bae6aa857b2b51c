"""`weicheng db upgrade` from nothing, on both databases: what the code expects is there, and what is sealed stays sealed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from console.commands.db import upgrade_database
from console.compose.tables import import_all_tables
from kernel.audit.model import AuditAction
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.evidence.model import EvidenceKind
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database, metadata

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
