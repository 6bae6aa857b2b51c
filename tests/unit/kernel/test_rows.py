"""What is inserted by the hundred is what one statement each would have inserted; on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text, func, select

from kernel.store import Database, Json, UtcDateTime, insert_rows

_CHINA = timezone(timedelta(hours=8))
_kept = Table(
    "test_rows",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("order", Text),  # a word of SQL
    Column("at", UtcDateTime, nullable=False),
    Column("what", Json),
    Column("octets", LargeBinary),
    Column("good", Boolean, nullable=False),
    Column("left", String(10), server_default="left out"),
)


def _row(**changed: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 23, 9, 30, 0, 123456, tzinfo=_CHINA)
    row = {"id": 1, "name": "甲", "order": None, "at": at, "what": {"b": [1, None]}, "octets": b"\0\xff"}
    return {**row, "good": True, **changed}


@pytest.fixture
def kept(any_database: Database) -> Iterator[Database]:
    _kept.create(any_database.engine)
    yield any_database
    _kept.drop(any_database.engine)


def test_rows_come_back_as_they_were_given(kept: Database) -> None:
    given = [_row(), _row(id=2, name="乙", order="?%s", what=None, octets=None, good=False)]
    with kept.begin() as uow:
        insert_rows(uow.connection, _kept, given)
    with kept.read() as connection:
        rows = [row._asdict() for row in connection.execute(select(_kept).order_by(_kept.c.id))]
    assert [{**row, "left": None} for row in rows] == [{**row, "left": None} for row in given]
    assert {row["left"] for row in rows} == {"left out"}
    assert rows[0]["at"].tzinfo is UTC


def test_what_no_database_keeps_is_kept_without_it(kept: Database) -> None:
    with kept.begin() as uow:
        insert_rows(uow.connection, _kept, [_row(what={"a": "x\0y", "b": "\\u0000"})])
        insert_rows(uow.connection, _kept, [])
    with kept.read() as connection:
        assert connection.execute(select(_kept.c.what)).scalar_one() == {"a": "x\ufffdy", "b": "\\u0000"}


def test_nothing_is_kept_of_rows_of_which_one_can_not_be(kept: Database) -> None:
    with pytest.raises(ValueError, match="naive"), kept.begin() as uow:
        insert_rows(uow.connection, _kept, [_row(), _row(id=2, at=datetime(2026, 11, 23))])
    with kept.read() as connection:
        assert connection.execute(select(func.count()).select_from(_kept)).scalar_one() == 0
