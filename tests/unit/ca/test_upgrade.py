"""An installation of the first release is brought up to date: what it has issued is found by its names."""

from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import ColumnElement, Table, inspect, text

from ca import tables
from ca.authorities import authority_for
from ca.registration.service import Registration
from console.commands.db import alembic_config, upgrade_database
from kernel.clock import FixedClock
from kernel.errors import Unavailable
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.store import units
from kernel.store import Database
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World

OLD = "0003"
_GONE = {"ca_requests": ("spki_digest",)}  # texts of older releases


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path_factory.mktemp('old') / 'weicheng.sqlite'}"


def test_what_was_issued_before_is_found_after(
    world: World, url: str, clock: FixedClock, officer: Principal
) -> None:
    issued, waiting = world.issue(), world.request(subject={"O": "临江县大数据中心", "CN": "赵敏"})
    command.upgrade(alembic_config(url), OLD)
    copy(world.ca.database, url, clock)
    upgrade_database(url)
    database = Database(url, clock)
    access = Access(database)
    look = Registration(database, clock, access, *[None] * 6).page  # type: ignore[arg-type]
    assert [one.id for one in look(officer, Ask("赵敏")).items] == [waiting.id]
    with database.read() as connection:
        assert authority_for(connection, "person").id == authority_for(connection, "device").id == "issuing"
        owners = connection.execute(text("SELECT word FROM ca_words WHERE owner = :o"), {"o": issued.serial})
        found = set(owners.scalars())
    assert {issued.serial, issued.fingerprint, "陈晓明", "chen@city.gov.cn"} <= found
    database.close()


def copy(source: Database, url: str, clock: FixedClock) -> None:
    """The CA's rows of one store as an old installation holds them."""
    target = Database(url, clock)
    with source.read() as old, target.begin() as new:
        for table in (units, tables.authorities, tables.requests, tables.certificates):
            known = [column["name"] for column in inspect(new.connection).get_columns(table.name)]
            gone = {name: "" for name in _GONE.get(table.name, ()) if name in known}
            known = [name for name in known if name in table.c]
            was = sa.table(
                table.name, *(sa.column(name, table.c[name].type) for name in known), *map(sa.column, gone)
            )
            for row in old.execute(table.select().order_by(*_order(table))).mappings():
                new.execute(was.insert().values({name: row[name] for name in known} | gone))
    target.close()


def _order(table: Table) -> list[ColumnElement[Any]]:
    """Superiors before those below them."""
    parent = table.c.get("parent")
    return [] if parent is None else [parent.is_not(None), parent]


def test_what_waited_for_the_signer_keeps_what_it_is_sent(
    world: World, url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", away)
        with pytest.raises(Unavailable):
            world.ca.registration.approve(world.officer, world.request().id)
    command.upgrade(alembic_config(url), "0023")
    copy(world.ca.database, url, clock)
    database, c = Database(url, clock), tables.certificates.c
    with world.ca.database.read() as connection:
        serial, warrant = connection.execute(
            sa.select(c.serial, c.warrant).where(c.warrant.is_not(None))
        ).one()
    kept = {"serial": serial, "warrant": warrant}
    with database.begin() as uow:
        uow.execute(text("INSERT INTO ca_warrants (serial, warrant) VALUES (:serial, :warrant)"), kept)
    upgrade_database(url)
    with database.read() as connection:
        rows = connection.execute(sa.select(c.serial, c.warrant)).all()
    assert {row.serial: row.warrant for row in rows if row.warrant} == {serial: warrant}
    assert len(rows) > 1
    command.downgrade(alembic_config(url), "0023")
    with database.read() as connection:
        assert [row._asdict() for row in connection.execute(text("SELECT * FROM ca_warrants"))] == [kept]
    database.close()


def away(*_: object) -> bytes:
    raise Unavailable("The signer does not answer.")
