"""Runs the migrations. One linear history for all rooms: only the console may know all tables."""

from alembic import context

from console.compose.tables import import_all_tables
from kernel.clock import SystemClock
from kernel.store import Database, metadata

import_all_tables()
database = Database(context.config.attributes["url"], SystemClock())
try:
    with database.engine.begin() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=True
        )
        with context.begin_transaction():
            context.run_migrations()
finally:
    database.close()
