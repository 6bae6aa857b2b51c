"""What every room's tables are made of: one metadata, UTC times, JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, Dialect, MetaData, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in and out, kept as UTC; a naive one is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        moment: datetime = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def insert_if_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is taken; whether it was inserted.

    On PostgreSQL it waits for a transaction that is just taking the same key, and a taken key ends no transaction.
    """
    maker = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = maker(table).values(dict(row)).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).one_or_none() is not None


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the columns of the first; those that are not named get the database's own default.

    For what is written by the hundred a second: the values are turned column by column, at a third of what SQLAlchemy's own
    statements cost.
    """
    if not rows:
        return
    names = tuple(rows[0])
    statement, processors = _insertion(table, names, connection.dialect)
    columns: list[Iterable[Any]] = [[row[name] for row in rows] for name in names]
    for at, process in processors:
        columns[at] = map(process, columns[at])
    connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


@lru_cache(maxsize=256)
def _insertion(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> tuple[str, Sequence[tuple[int, Callable[[Any], Any]]]]:
    """The statement, and by place what turns a value into one of the driver's."""
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    quoted = dialect.identifier_preparer
    listed, marks = ", ".join(map(quoted.quote, names)), ", ".join(mark for _ in names)
    found = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    processors = [(at, process) for at, process in enumerate(found) if process is not None]
    return f"INSERT INTO {quoted.format_table(table)} ({listed}) VALUES ({marks})", processors  # noqa: S608 - no value is in it


def storable(text: str) -> str:
    """The text with U+FFFD for NUL, the one character that PostgreSQL keeps in no text."""
    return text.replace("\0", "\ufffd")
