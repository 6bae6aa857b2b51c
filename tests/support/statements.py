"""How many statements the database is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from kernel.store import Database


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    """The statements that the enclosed work sends, without those that begin transactions."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
