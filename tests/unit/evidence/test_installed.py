"""An installed database, made by the migrations, keeps evidence from change as the tests' own tables do."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from console.commands.db import upgrade_database
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.evidence.store import evidence_records, evidence_seals
from kernel.identity.access import Access
from kernel.store import Database
from tests.unit.evidence.conftest import LocalSealer


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_migrated_database_refuses_to_change_or_delete_evidence(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock
) -> None:
    url = (
        f"sqlite:///{tmp_path / 'installed.sqlite'}"
        if kind == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    upgrade_database(url)
    database = Database(url, clock)
    evidence = EvidenceService(database, clock, Access(database), MemoryBlobs(), LocalSealer(clock))
    with database.begin() as uow:
        evidence.record(uow, kind=EvidenceKind.CA_STATUS, subject="ca", source="ca", summary={})
    assert evidence.seal_pending() == 1
    for table in (evidence_records, evidence_seals):
        with pytest.raises(DBAPIError, match="append-only"), database.begin() as uow:
            uow.execute(table.delete())
    assert evidence.verify_all().intact
    database.close()
