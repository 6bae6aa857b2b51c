"""Building the room of disaster recovery: what this installation can back up, where, and what a drill asks."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from backup.adapters.checks import CommandCheck, DatabaseCheck, GitCheck
from backup.adapters.folder_site import FolderSite
from backup.adapters.plan_files import read_plan_book
from backup.adapters.restic import Restic
from backup.adapters.sources import (
    FileSource,
    FolderSource,
    GitSource,
    PostgresSource,
    SettledFolderSource,
    SqliteSource,
)
from backup.claims import Claims
from backup.model import Plan
from backup.plans import PlanBook
from backup.ports import ApplicationCheck, SiteStore, Source
from backup.room import Room
from backup.service import BackupService
from console.compose.floor import Floor
from kernel.config import Settings
from kernel.errors import Unavailable
from kernel.i18n import N_
from kernel.secrets import write_private

PLANS = Path(__file__).parent.parent.parent / "policies" / "data" / "backup_plans"


def build(floor: Floor) -> BackupService:
    """The service over one floor; repositories lie at the sites of the settings, scratch below the data folder."""
    settings, folder = floor.settings, floor.settings.data_dir / "backup"
    longest = timedelta(hours=settings.backup.timeout_hours)
    sources = _sources(floor)
    book = _plan_book(settings, sources)
    engine = Restic(_password_file(settings), timeout=longest.total_seconds())
    room = Room(
        database=floor.database,
        clock=floor.clock,
        blobs=floor.blobs,
        evidence=floor.evidence,
        claims=Claims(floor.database, floor.clock, folder / "scratch", 2 * longest),
        book=book,
        engines={engine.name: engine},
        sources=sources,
        sites=_sites(settings, book.plans),
        checks=_checks(),
        timezone=settings.timezone,
    )
    return BackupService(room, floor.access)


def _plan_book(settings: Settings, sources: Mapping[str, Source]) -> PlanBook:
    """The settings' plans as they stand; the suite's own plan asks for what this installation has."""
    if settings.backup.plans is not None:
        return read_plan_book(settings.backup.plans)
    book = read_plan_book(PLANS)
    own = {
        name: replace(plan, sets=tuple(one for one in plan.sets if one.source in sources))
        for name, plan in book.plans.items()
    }
    return replace(book, plans=own)


def _sources(floor: Floor) -> Mapping[str, Source]:
    """What plans may name. With Elasticsearch there is no source ``events``: its own snapshots are the way there."""
    settings, clock = floor.settings, floor.clock
    found: dict[str, Source] = {
        "ca-keys": FileSource(settings.signer_keys, clock, beside=settings.signer_records),
        "configurations": GitSource(settings.data_dir / "netops" / "archive.git", clock),
        "evidence": FolderSource(settings.data_dir / "blobs", clock),
    }
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite":
        found["suite-database"] = SqliteSource(Path(url.database or ""), clock)
    else:
        found["suite-database"] = PostgresSource(settings.database, clock)
    if settings.events.startswith("tantivy:"):
        found["events"] = SettledFolderSource(Path(settings.events.removeprefix("tantivy://")), clock)
    return found


def _sites(settings: Settings, plans: Mapping[str, Plan]) -> Mapping[str, SiteStore]:
    """Sites of the settings have to be mounted; those that only a plan names are folders of this machine."""
    named = {site.name for plan in plans.values() for site in plan.sites}
    local = settings.data_dir / "backup" / "sites"
    sites = {name: FolderSite(name, local / name, required=False) for name in named}
    sites |= {name: FolderSite(name, folder) for name, folder in settings.backup.sites.items()}
    return sites


def _checks() -> Mapping[str, ApplicationCheck]:
    def ask_ca(restored: Mapping[str, Path]) -> list[str]:
        database, keys = str(restored["suite-database"]), str(restored["ca-keys"])
        return [sys.executable, "-m", "console.main", "drill", "ca", "--database", database, "--keys", keys]

    checks: tuple[ApplicationCheck, ...] = (
        CommandCheck("ca", frozenset({"suite-database", "ca-keys"}), ask_ca),
        DatabaseCheck("suite-database"),
        GitCheck("configurations"),
    )
    return {check.name: check for check in checks}


def _password_file(settings: Settings) -> Path:
    """A 0600 file with the repositories' password: the one of the settings, else one made here at first use."""
    path = settings.data_dir / "secrets" / "backup-password"
    given = settings.backup.password
    if given is not None:
        wanted = given.get_secret_value().strip().encode()
        if not path.exists() or path.read_bytes() != wanted:
            write_private(path, wanted)
    elif not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    if path.stat().st_mode & 0o077:
        raise Unavailable(
            N_("The password file can be read by others."), mend=N_("Run chmod 600 on it."), place=str(path)
        )
    return path
