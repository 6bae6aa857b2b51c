"""A restored database, opened for a drill: the SQLite file itself, or a PostgreSQL dump put into a database made for it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from kernel.clock import Clock
from kernel.errors import IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from kernel.ids import new_id
from kernel.store import Database


@contextmanager
def restored_database(folder: Path, clock: Clock, server: str) -> Iterator[Database]:
    """Open what was restored below ``folder``. ``server``: URL of a PostgreSQL where a scratch database may be made."""
    file = only_file(folder)
    if file.suffix != ".pgdump":
        opened = Database(f"sqlite:///{file}", clock)
        try:
            yield opened
        finally:
            opened.close()
        return
    if not server:
        raise Unavailable(
            N_("A PostgreSQL dump needs a server to be restored to."),
            mend=N_("Set backup.drill_database_url to a server kept for drills."),
        )
    with _scratch_database(make_url(server)) as url:
        _restore(file, url)
        opened = Database(url.render_as_string(hide_password=False), clock)
        try:
            yield opened
        finally:
            opened.close()


def only_file(folder: Path) -> Path:
    """The one file a restored set consists of."""
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise NotFound(N_("One restored file was expected here."), place=str(folder))
    return files[0]


@contextmanager
def _scratch_database(server: URL) -> Iterator[URL]:
    name = new_id("weicheng_drill")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        _execute(engine, f"CREATE DATABASE {name}")
        try:
            yield server.set(database=name)
        finally:
            _execute(engine, f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        engine.dispose()


def _execute(engine: Engine, statement: str) -> None:
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    except SQLAlchemyError as error:
        raise Unavailable(
            N_("The server for drills makes no scratch database."),
            mend=N_("Give the account of backup.drill_database_url the right CREATEDB."),
            place=f"{engine.url.host}:{engine.url.port}",
        ) from error


def _restore(dump: Path, url: URL) -> None:
    given = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    environment = {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}
    command = ["pg_restore", "--no-owner", "--exit-on-error", "--dbname", str(url.database), str(dump)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(N_("The program %(program)s is not installed."), program=command[0]) from error
    if done.returncode != 0:
        raise IntegrityFailed(N_("The dump can not be restored: %(error)s"), error=done.stderr.strip()[-300:])
