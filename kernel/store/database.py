"""The relational store and its unit of work.

SQLite on one machine, PostgreSQL beyond, one set of statements for both. A unit of work is one transaction; what it audits,
announces and enqueues is written in that same transaction, just before the commit, so that none exists without the others.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from kernel.audit.model import AuditAction, AuditEntry
from kernel.clock import Clock
from kernel.errors import Invalid, NotPermitted, Unavailable
from kernel.i18n import N_
from kernel.ids import new_id
from kernel.store.base import metadata, storable

if TYPE_CHECKING:
    from kernel.events import Event
    from kernel.identity.model import Principal
    from kernel.jobs.model import JobRequest

_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_active: ContextVar[bool] = ContextVar("transaction_active", default=False)


class UnitOfWork:
    """One transaction. Made by Database.begin(); committed when the block ends, rolled back when it raises."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self._clock = clock
        self._audit: list[AuditEntry] = []
        self._events: list[Event] = []

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement (or many, when ``parameters`` is a list) in this transaction."""
        result: CursorResult[Any] = self.connection.execute(statement, parameters)
        return result

    def audit(
        self,
        principal: "Principal",
        action: AuditAction,
        target: str,
        *,
        unit: str | None = None,
        outcome: str = "success",
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record who did what to which object; ``details`` must be JSON values and hold no secret.

        What a program did is told from what its owner did: the details name the token.
        """
        through = {"token": principal.via} if principal.method == "token" else {}
        self._audit.append(
            AuditEntry(
                at=self._clock.now(),
                actor=principal.id,
                actor_name=principal.name,
                roles=tuple(sorted(principal.roles)),
                action=action,
                target=storable(target),
                unit=unit,
                outcome=outcome,
                reason=reason,
                details={**(details or {}), **through},
            )
        )

    def emit(self, announced: "Event") -> None:
        """Announce an event; its id and time are filled in here, subscribers get it after the commit."""
        self._events.append(
            replace(
                announced,
                id=announced.id or new_id("evt"),
                occurred_at=announced.occurred_at or self._clock.now(),
            )
        )

    def enqueue(self, request: "JobRequest") -> str:
        """Queue a job and return its id; a job with the same ``key`` that is still open is returned instead."""
        from kernel.jobs.store import insert_job

        return insert_job(self.connection, request, self._clock.now())

    def flush(self) -> None:
        """Write what was audited and announced. Last in the transaction: it takes the chain's lock."""
        from kernel.audit.chain import append_entries  # whose tables need this package first
        from kernel.events import append_events

        if self._audit or self._events:
            append_entries(self.connection, self._audit)
            append_events(self.connection, self._events)
            self._audit, self._events = [], []


class Database:
    """A relational store by URL: ``sqlite:///path`` or ``postgresql+psycopg://user@host/name``."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.engine = _engine(url)
        # a look of several statements: PostgreSQL has to be asked for what SQLite's transactions are anyway
        isolation = {} if url.startswith("sqlite") else {"isolation_level": "REPEATABLE READ"}
        self._reading = self.engine.execution_options(read_only=True, **isolation)

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """Open a unit of work. Nesting one in another is refused: it would deadlock on SQLite."""
        if _active.get():
            raise RuntimeError("a unit of work is already open in this context")
        token = _active.set(True)
        denied: NotPermitted | None = None
        try:
            with _whole_characters(), self.engine.begin() as connection:
                uow = UnitOfWork(connection, self.clock)
                yield uow
                uow.flush()
                self._check_file(connection)
        except NotPermitted as error:
            denied = error
            raise
        finally:
            _active.reset(token)
            if denied is not None:
                self.record_denial(denied)

    def _check_file(self, connection: Connection) -> None:
        """Unavailable when the database's file is gone: SQLite writes on into what nobody will ever open again."""
        path = self.engine.url.database
        opened = connection.info.get("file")
        if opened is not None and path is not None and opened != _file_of(path):
            connection.invalidate()
            raise Unavailable(
                N_("The database's file was removed or replaced."),
                mend=N_("Put it back, or restore it from the backup."),
                place=path,
            )

    def record_denial(self, denied: NotPermitted) -> None:
        """Audit a refused act. Inside a unit of work that is put off until its roll-back, which would undo it."""
        denial = denied.__dict__.get("denial")
        if denial is None or _active.get():
            return
        denied.__dict__["denial"] = None
        principal, action, target, unit = denial
        with self.begin() as uow:
            uow.audit(principal, action, target, unit=unit, outcome="denied")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only look that sees one consistent state and blocks no writer."""
        with _whole_characters(), self._reading.connect() as connection:
            yield connection

    def create_all(self) -> None:
        """Make all known tables at once: for tests and scratch copies; installations are migrated with Alembic."""
        metadata.create_all(self.engine)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _whole_characters() -> Iterator[None]:
    """Half a character (a lone surrogate) has no octets: neither database keeps it, no digest is over it."""
    try:
        yield
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        raise Invalid(
            N_("The text holds half of a character (a lone surrogate), which can not be stored."),
            mend=N_("Type the text anew."),
        ) from None


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        options: dict[str, Any] = {}
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # what one connection has read and written is not at hand for another
            options["pool_use_lifo"] = True
        arguments = {"check_same_thread": False}
        engine = create_engine(url, connect_args=arguments, json_serializer=_json_of_storable, **options)
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "do_connect", _remember_file)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url, pool_pre_ping=True, isolation_level="READ COMMITTED", json_serializer=_json_of_storable
    )
    event.listen(engine, "before_cursor_execute", _bind_storable, retval=True)
    return engine


def unreachable() -> Unavailable:
    """What is told when no connection is to be had."""
    return Unavailable(
        N_("The database cannot be reached."),
        mend=N_("Check the address and that the database is running."),
        place="database_url",
    )


def no_connection(error: Exception) -> bool:
    """Whether the error came before any statement: the database did not answer at all."""
    return isinstance(error, OperationalError) and error.statement is None


def _make_private(_dialect: Any, _record: Any, arguments: list[Any], _named: Any) -> None:
    """A new file is 0600 before SQLite opens it: its write-ahead log and shared memory get the mode of the file."""
    file = Path(arguments[0])
    if arguments[0] != ":memory:" and not file.exists():
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise unreachable() from error


def _bind_storable(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
) -> tuple[str, Any]:
    """Names and texts come from outside, and PostgreSQL ends the transaction at a NUL where SQLite stores it."""
    rows = parameters if many else [parameters]
    cleaned = [_storable_row(row) if isinstance(row, Mapping) else tuple(map(_cleaned, row)) for row in rows]
    return statement, cleaned if many else cleaned[0]


def _storable_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cleaned(value) for name, value in row.items()}


def _cleaned(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _json_of_storable(value: Any) -> str:
    """JSON without the escape of NUL, which JSONB refuses; an escaped backslash before ``u0000`` is not that."""
    text = _AS_JSON(value)
    return _NUL.sub("\\1\ufffd", text) if r"\u0000" in text else text


def _file_of(path: str) -> tuple[int, int] | None:
    """Which file that is (device, inode); None when there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _remember_file(_dialect: Any, record: Any, arguments: list[Any], _named: Any) -> None:
    record.info["file"] = None if arguments[0] == ":memory:" else _file_of(arguments[0])


_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    "busy_timeout=30000",
    "synchronous=FULL",
    # a piece of work writes pages all over the indexes: they are at hand (8 MiB), and go into the file not with every other
    # piece but when 32 MiB of log are full
    "cache_size=-8192",
    "wal_autocheckpoint=8000",
)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver's guess
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
