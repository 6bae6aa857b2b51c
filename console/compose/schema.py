"""Whether the database has the tables that this program was written for: an update is two steps, and one is forgotten."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from kernel.errors import Unavailable, WeichengError
from kernel.i18n import N_
from kernel.store import Database

MIGRATIONS = Path(__file__).parent.parent / "migrations"


def newest() -> str:
    """The last revision that the program brings; the migrations are one chain, numbered in their files' names."""
    return max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def require_current(database: Database) -> None:
    """Unavailable when the database was made by an older or newer program."""
    found = _revision(database)
    if found not in (None, newest()):
        raise Unavailable(
            N_("The database is of revision %(found)s, this program needs %(needed)s."),
            mend=N_("Run: weicheng db upgrade. If the database is the newer one, update the program."),
            found=found,
            needed=newest(),
        )


def _revision(database: Database) -> str | None:
    """None where no migration has run, or nobody answers: whoever needs the database tells that better."""
    try:
        with database.read() as connection:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    except (SQLAlchemyError, WeichengError):
        return None
