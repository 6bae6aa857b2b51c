"""A small city's backup: one plan, a database, keys and configurations, three sites, in one folder that can be copied."""

import random
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from backup.adapters.folder_site import FolderSite
from backup.adapters.plan_files import read_plan_book
from backup.adapters.restic import Restic
from backup.adapters.sources import FolderSource, SqliteSource
from backup.claims import Claims
from backup.model import Aims, Keep, Layer, Plan, PlannedSet, PlannedSite, Schedule, SiteKind, Text
from backup.plans import PlanBook
from backup.ports import ApplicationCheck, Engine
from backup.room import Room
from backup.service import BackupService
from kernel.blobs import FolderBlobs
from kernel.clock import FixedClock
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.store import Database

PLANS = Path(__file__).parent.parent.parent.parent / "policies" / "data" / "backup_plans"
SITES = ("same-city", "remote", "provincial")


def plan(engine: str = "restic", **changes: object) -> Plan:
    values: dict[str, object] = {
        "id": "city",
        "title": Text("市级数据", "The city's data"),
        "unit": "u_city",
        "engine": engine,
        "sets": (
            PlannedSet("database", Layer.DATABASE),
            PlannedSet("keys", Layer.CA),
            PlannedSet("configurations", Layer.CONFIGURATIONS),
        ),
        "sites": tuple(PlannedSite(name, SiteKind(name)) for name in SITES),
        "schedule": Schedule("0 * * * *", "30 2 * * *", "0 4 1 * *"),
        "keep": Keep(2, 1, 1),
        "aims": Aims(timedelta(hours=1), timedelta(hours=2), 4, "GB/T 20988-2025"),
        "checks": (),
        "coverage": timedelta(days=7),
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


@dataclass
class World:
    """The service and the folders behind it."""

    folder: Path
    room: Room
    service: BackupService

    def repository(self, site: str) -> Path:
        return self.folder / "sites" / site / "city" / "repository"

    def largest_pack(self, site: str) -> Path:
        packs = [path for path in (self.repository(site) / "data").rglob("*") if path.is_file()]
        return max(packs, key=lambda path: path.stat().st_size)

    def flip(self, path: Path, at: int = 1000) -> None:
        """Change one byte, as a failing disk would."""
        path.chmod(0o600)
        data = bytearray(path.read_bytes())
        data[min(at, len(data) - 1)] ^= 1
        path.write_bytes(data)


def make_sources(folder: Path) -> None:
    source = folder / "source"
    (source / "keys").mkdir(parents=True)
    (source / "configurations").mkdir()
    (source / "keys" / "issuing.key").write_bytes(b"not a key " * 40)
    for number in range(8):
        text = f"hostname sw-{number}\n" + "interface GigabitEthernet0/1\n description 上联\n" * (20 + number)
        (source / "configurations" / f"sw-{number}.cfg").write_text(text)
    application = sqlite3.connect(source / "application.sqlite")
    application.execute("PRAGMA journal_mode=WAL")
    application.execute("CREATE TABLE certificates (serial INTEGER PRIMARY KEY, body BLOB)")
    noise = random.Random(7)  # certificates do not compress
    rows = [(number, noise.randbytes(997)) for number in range(600)]
    application.executemany("INSERT INTO certificates VALUES (?, ?)", rows)
    application.commit()
    application.close()


def password_file(folder: Path) -> Path:
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("correct horse battery staple")
    return path


def build(
    folder: Path,
    database: Database,
    clock: FixedClock,
    engine: Engine | None = None,
    checks: Mapping[str, ApplicationCheck] | None = None,
    planned: Plan | None = None,
) -> World:
    engine = engine or Restic(password_file(folder), timeout=120)
    access, blobs = Access(database), FolderBlobs(folder / "blobs")
    shipped = read_plan_book(PLANS)
    source = folder / "source"
    room = Room(
        database=database,
        clock=clock,
        blobs=blobs,
        evidence=EvidenceService(database, clock, access, blobs, NullSealer()),
        claims=Claims(database, clock, folder / "scratch", timedelta(hours=12)),
        book=PlanBook({"city": planned or plan(engine.name)}, shipped.levels, shipped.faults),
        engines={engine.name: engine},
        sources={
            "database": SqliteSource(source / "application.sqlite", clock),
            "keys": FolderSource(source / "keys", clock),
            "configurations": FolderSource(source / "configurations", clock),
        },
        sites={name: FolderSite(name, folder / "sites" / name, required=False) for name in SITES},
        checks=dict(checks or {}),
    )
    return World(folder, room, BackupService(room, access))
