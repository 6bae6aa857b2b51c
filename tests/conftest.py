"""What every test stands on: a clock that stands still, fresh stores on both databases, the people of a small city."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.compose.tables import import_all_tables
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.store import Database

pytest_plugins = ["tests.support.plugin"]

UNITS = (
    {"id": "u_city", "parent": None, "name": "市大数据局", "path": "/u_city/"},
    {"id": "u_county", "parent": "u_city", "name": "临江县大数据中心", "path": "/u_city/u_county/"},
    {"id": "u_other", "parent": "u_city", "name": "山阳县大数据中心", "path": "/u_city/u_other/"},
)


def fresh(url: str, clock: FixedClock) -> Database:
    import_all_tables()
    made = Database(url, clock)
    made.create_all()
    with made.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    return made


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


@pytest.fixture
def database(tmp_path: Path, clock: FixedClock) -> Iterator[Database]:
    made = fresh(f"sqlite:///{tmp_path / 'weicheng.sqlite'}", clock)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'weicheng.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = fresh(url, clock)
    yield made
    made.close()


@pytest.fixture
def access(database: Database) -> Access:
    return Access(database)


@pytest.fixture
def approvals(clock: FixedClock, access: Access) -> Approvals:
    return Approvals(clock, access)


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


def person(name: str, role: Role, unit: str = "u_city") -> Principal:
    return Principal(f"usr_{name}", name, frozenset({role}), unit, "password")


@pytest.fixture
def officer() -> Principal:
    return person("officer", Role.SECURITY_OFFICER)


@pytest.fixture
def second_officer() -> Principal:
    return person("second-officer", Role.SECURITY_OFFICER)


@pytest.fixture
def registrar() -> Principal:
    return person("registrar", Role.REGISTRAR, "u_county")


@pytest.fixture
def network_admin() -> Principal:
    return person("network-admin", Role.NETWORK_ADMINISTRATOR)


@pytest.fixture
def analyst() -> Principal:
    return person("analyst", Role.SOC_ANALYST)


@pytest.fixture
def dr_admin() -> Principal:
    return person("dr-admin", Role.DR_ADMINISTRATOR)


@pytest.fixture
def assessor() -> Principal:
    return person("assessor", Role.ASSESSOR)


@pytest.fixture
def auditor() -> Principal:
    return person("auditor", Role.AUDITOR)


@pytest.fixture
def sysadmin() -> Principal:
    return person("sysadmin", Role.SYSTEM_ADMINISTRATOR)
