"""Runs the migrations. One linear history for all rooms: only the console may know all tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from console.compose.tables import import_all_tables
from kernel.clock import SystemClock
from kernel.store import Database, Json, UtcDateTime, metadata


def render_type(kind: str, item: Any, autogenerate: Any) -> str | Literal[False]:
    """Write our own column types by their names into new revisions."""
    if kind == "type" and (isinstance(item, UtcDateTime) or item is Json):
        name = "UtcDateTime()" if isinstance(item, UtcDateTime) else "Json"
        autogenerate.imports.add(f"from kernel.store import {name.removesuffix('()')}")
        return name
    return False


@contextmanager
def rebuilding(connection: Connection) -> Iterator[None]:
    """One transaction. SQLite makes a changed table anew: what refers to the old one must not stand in the way meanwhile."""
    if connection.dialect.name != "sqlite":
        with connection.begin():
            yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():
            yield
            torn = driver.execute("PRAGMA foreign_key_check").fetchall()
            if torn:
                raise RuntimeError(f"rows refer to what is not there: {torn[:5]}")
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


import_all_tables()
database = Database(context.config.attributes["url"], SystemClock())
try:
    with database.engine.connect() as connection, rebuilding(connection):
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            render_as_batch=True,
            render_item=render_type,
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.close()
