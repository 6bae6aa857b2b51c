"""A connection for whoever looks into the database time and again: kept, so that a look costs its statements and no more."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar
from weakref import finalize

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from kernel.store import Database

T = TypeVar("T")


class KeptConnection:
    """Looks into the database one after another, without a transaction where that would cost more than the look.

    With PostgreSQL each statement of a look is then of a moment of its own, never of an earlier one than that before it.
    """

    def __init__(self, database: Database) -> None:
        autocommit = {} if database.url.startswith("sqlite") else {"isolation_level": "AUTOCOMMIT"}
        self._engine = database.engine.execution_options(read_only=True, **autocommit)
        self._kept: list[Connection] = []  # one, or none
        self._lock = Lock()
        finalize(self, _close, self._kept)

    def look(self, look: Callable[[Connection], T]) -> T:
        """What ``look`` finds. If the connection was lost since the last time it is called again with a new one."""
        with self._lock:
            fresh = not self._kept
            try:
                return self._found(look)
            except DBAPIError as error:
                if fresh or not error.connection_invalidated:
                    raise
                return self._found(look)

    def _found(self, look: Callable[[Connection], T]) -> T:
        if not self._kept:
            self._kept.append(self._engine.connect())
            self._kept[0].detach()  # it is ours until it is closed: the pool has all its own
        try:
            found = look(self._kept[0])
            self._kept[0].rollback()  # nothing was written: SQLite's next transaction sees what is then
        except BaseException:
            _close(self._kept)
            raise
        return found


def _close(kept: list[Connection]) -> None:
    while kept:
        kept.pop().close()
