"""The stores that the demo fills when the environment names others than the embedded ones: PostgreSQL, Elasticsearch."""

import os
from collections.abc import Mapping
from pathlib import Path

from kernel.clock import SystemClock
from kernel.errors import Conflict
from kernel.i18n import N_
from kernel.secrets import write_private
from kernel.store import Database
from siem.adapters.open_events import open_events

_DRILL = "backup__drill_database_url"
_SETTINGS = ("database_url", "events_url", _DRILL)


def start_afresh(folder: Path) -> None:
    """Empty the stores of the environment if an earlier demo in ``folder`` filled them; Conflict if they are others'."""
    chosen = _chosen()
    if url := chosen.get("database_url"):
        _empty_database(url, _was(folder, "database_url", url))
    if (url := chosen.get("events_url", "")).startswith("http"):
        _empty_events(url, _was(folder, "events_url", url))


def remember(folder: Path) -> None:
    """Keep the choice as secret files, since URLs may hold passwords: all of the demo and ``make serve`` read them."""
    for name, value in _chosen().items():
        write_private(_file(folder, name), value.encode())


def _chosen() -> Mapping[str, str]:
    given = {name: os.environ.get(f"WEICHENG_{name.upper()}", "") for name in _SETTINGS}
    if given["database_url"].startswith("postgresql") and not given[_DRILL]:
        given[_DRILL] = given["database_url"]  # a drill makes and drops a scratch database of its own there
    return {name: value for name, value in given.items() if value}


def _file(folder: Path, name: str) -> Path:
    return folder / "secrets" / name


def _was(folder: Path, name: str, url: str) -> bool:
    file = _file(folder, name)
    return file.exists() and file.read_text() == url


def _empty_database(url: str, ours: bool) -> None:
    from sqlalchemy import MetaData

    database = Database(url, SystemClock())
    try:
        with database.engine.begin() as connection:
            found = MetaData()
            found.reflect(connection)
            if found.tables and not ours:
                raise _foreign("WEICHENG_DATABASE_URL")
            found.drop_all(connection)
    finally:
        database.close()


def _empty_events(url: str, ours: bool) -> None:
    clock = SystemClock()
    events = open_events(url)
    try:
        if any(part.events for part in events.parts()):
            if not ours:
                raise _foreign("WEICHENG_EVENTS_URL")
            events.delete_before(clock.now())
    finally:
        events.close()


def _foreign(place: str) -> Conflict:
    return Conflict(
        N_("This store holds data that is not a demo's."), mend=N_("Name an empty one."), place=place
    )
