"""Worlds for the tests: one with a quick engine, and one of real restic that has run once and is copied for each test."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kernel.clock import FixedClock
from kernel.i18n import speaking
from kernel.identity.model import Principal, Role
from kernel.store import Database
from tests.conftest import fresh
from tests.support.plain_engine import PlainEngine
from tests.unit.backup.world import World, build, make_sources

ADMIN = Principal("usr_dr-admin", "dr-admin", frozenset({Role.DR_ADMINISTRATOR}), "u_city", "password")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What is recorded is in the language of who acts; here it is English."""
    with speaking("en"):
        yield


@pytest.fixture
def world(tmp_path: Path, database: Database, clock: FixedClock) -> World:
    make_sources(tmp_path)
    return build(tmp_path, database, clock, PlainEngine())


@pytest.fixture(scope="session")
def restic_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the plan has run once with restic at all three sites."""
    folder = tmp_path_factory.mktemp("restic-master")
    clock = FixedClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    make_sources(folder)
    database = fresh(folder / "suite.sqlite", clock)
    result = build(folder, database, clock).service.run(ADMIN, "city")
    database.close()
    assert result.run.state == "replicated", result.run.error
    return folder


@pytest.fixture
def restic_world(restic_master: Path, tmp_path: Path, clock: FixedClock) -> Iterator[World]:
    folder = tmp_path / "copy"
    shutil.copytree(restic_master, folder)
    database = Database(f"sqlite:///{folder / 'suite.sqlite'}", clock)
    yield build(folder, database, clock)
    database.close()
