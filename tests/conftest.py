"""What every test stands on: a clock that stands still, fresh stores on both databases, the people of a small city."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import argon2
import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from console.compose.tables import import_all_tables
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock, SystemClock
from kernel.i18n import DEFAULT_LANGUAGE, speaking
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.store import Database
from tests.support.postgres import Postgres

pytest_plugins = ["tests.support.plugin"]

UNITS = (
    {"id": "u_city", "parent": None, "name": "市大数据局", "path": "/u_city/"},
    {"id": "u_county", "parent": "u_city", "name": "临江县大数据中心", "path": "/u_city/u_county/"},
    {"id": "u_other", "parent": "u_city", "name": "山阳县大数据中心", "path": "/u_city/u_other/"},
)


def fill(url: str) -> None:
    """Make all tables and the units in an empty database."""
    import_all_tables()
    made = Database(url, SystemClock())
    made.create_all()
    with made.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    made.close()


@cache
def _filled() -> bytes:
    """The file of a filled SQLite database: writing it down is much quicker than making a hundred tables for each test."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weicheng.sqlite"
        fill(f"sqlite:///{file}")
        return file.read_bytes()


def fresh(file: Path, clock: FixedClock) -> Database:
    """A new SQLite database with all tables and the units."""
    file.touch(mode=0o600)
    file.write_bytes(_filled())
    return Database(f"sqlite:///{file}", clock)


@pytest.fixture(scope="session")
def postgres_filled(postgres: Postgres) -> str:
    """What ``postgres_city`` copies."""
    url = postgres.fresh_database()
    fill(url)
    return url


@pytest.fixture
def postgres_city(postgres: Postgres, postgres_filled: str) -> Iterator[str]:
    """A new PostgreSQL database with all tables and the units."""
    url = postgres.fresh_database(postgres_filled)
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Passwords of tests cost next to nothing; what installations hash with is tested by itself and in every served one."""
    quick = partial(argon2.PasswordHasher.from_parameters, argon2.profiles.CHEAPEST)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argon2, "PasswordHasher", quick)
        yield


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """What one test asked for in English is not the language of the next."""
    with speaking(DEFAULT_LANGUAGE):
        yield


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nearly each test makes the console anew; compiling its templates took longer than showing them."""
    compiled = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": compiled})
        yield


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))


@pytest.fixture
def database(tmp_path: Path, clock: FixedClock) -> Iterator[Database]:
    made = fresh(tmp_path / "weicheng.sqlite", clock)
    yield made
    made.close()


@pytest.fixture
def postgres_database(postgres_city: str, clock: FixedClock) -> Iterator[Database]:
    made = Database(postgres_city, clock)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> Database:
    """For tests whose statements both databases have to understand alike."""
    made: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return made


# for those among them that have nothing to do with statements: one database is enough
on_sqlite = pytest.mark.parametrize("any_database", ["sqlite"], indirect=True)


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
