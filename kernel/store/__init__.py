"""The relational store: engine, unit of work, column types."""

from kernel.store.base import Json, UtcDateTime, metadata
from kernel.store.database import Database, UnitOfWork

__all__ = ["Database", "Json", "UnitOfWork", "UtcDateTime", "metadata"]
