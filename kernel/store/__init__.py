"""The relational store: engine, unit of work, column types."""

from kernel.store.base import Json, UtcDateTime, insert_if_absent, insert_rows, metadata
from kernel.store.database import Database, UnitOfWork

__all__ = ["Database", "Json", "UnitOfWork", "UtcDateTime", "insert_if_absent", "insert_rows", "metadata"]
