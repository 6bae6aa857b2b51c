"""Tables of a collection: versions known, host keys pinned, runs and what each did per device."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    ScalarSelect,
    String,
    Table,
    Text,
    select,
)

from kernel.errors import WeichengError
from kernel.store import Json, UnitOfWork, UtcDateTime, insert_if_absent, metadata
from netops.collection.model import DeviceResult, HostKey, Source

versions = Table(
    "netops_versions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("device_id", String(80), primary_key=True),
    Column("device", String(120), nullable=False, index=True),
    Column("unit", String(80)),
    Column("platform", String(40), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("original", String(64), nullable=False),
    Column("lines", Integer, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("legacy_ssh", Boolean, nullable=False),
    Column("source", String(20), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("collected_at", UtcDateTime, nullable=False, index=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("added", Integer),  # lines against the version before; NULL for a first version
    Column("removed", Integer),
    Index("ix_netops_versions_device_id_collected_at", "device_id", "collected_at"),
)

host_keys = Table(
    "netops_host_keys",
    metadata,
    Column("device_id", String(80), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("fingerprint", String(80), nullable=False),
    Column("pinned_at", UtcDateTime, nullable=False),
    Column("pinned_by", String(80), nullable=False),
)

runs = Table(
    "netops_runs",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("source", String(20), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("total", Integer, nullable=False),
    Column("rules_version", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("finished_at", UtcDateTime),
)

results = Table(
    "netops_results",
    metadata,
    Column("run", String(60), primary_key=True),
    Column("device_id", String(80), primary_key=True),
    Column("device", String(120), nullable=False),
    Column("unit", String(80)),
    Column("state", String(20), nullable=False),
    Column("version", String(64)),
    Column("millis", Integer, nullable=False),
    Column("error", Text),
    Column("error_code", String(20)),
    Column("error_params", Json),
    Column("at", UtcDateTime, nullable=False),
)

# how each device stands: its last attempt and its newest version, so that a list need not search all runs
standings = Table(
    "netops_standings",
    metadata,
    Column("device_id", String(80), primary_key=True),
    Column("state", String(20), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("version", String(64)),
    Column("version_at", UtcDateTime),
    Column("error", Text, nullable=False),
    Column("mend", Text, nullable=False),
    Column("error_params", Json, nullable=False),
)


def insert_run(
    uow: UnitOfWork, run: str, source: Source, actor: str, total: int, rules: str, at: datetime
) -> None:
    """The intent: a run that has no end was interrupted."""
    row = {
        "id": run,
        "source": source.value,
        "actor": actor,
        "total": total,
        "rules_version": rules,
        "started_at": at,
    }
    uow.execute(runs.insert().values(row))


def finish_run(uow: UnitOfWork, run: str, at: datetime) -> None:
    uow.execute(runs.update().where(runs.c.id == run).values(finished_at=at))


def insert_result(
    uow: UnitOfWork, run: str, device_id: str, unit: str | None, result: DeviceResult, at: datetime
) -> None:
    error: WeichengError | None = result.error
    uow.execute(
        results.insert().values(
            run=run,
            device_id=device_id,
            device=result.device,
            unit=unit,
            state=result.state.value,
            version=result.version or None,
            millis=round(result.seconds * 1000),
            error=str(error)[:1000] if error else None,
            error_code=error.code.value if error else None,
            error_params=_plain(error.params) if error else None,
            at=at,
        )
    )
    _stand(uow, device_id, result, at)


def _stand(uow: UnitOfWork, device_id: str, result: DeviceResult, at: datetime) -> None:
    error = result.error
    row: dict[str, Any] = {
        "state": result.state.value,
        "at": at,
        "error": error.message if error else "",
        "mend": error.mend if error else "",
        "error_params": _plain(error.params) if error else {},
    }
    if result.version:
        row |= {"version": result.version, "version_at": _collected_at(device_id, result.version)}
    if not insert_if_absent(uow.connection, standings, {"device_id": device_id, **row}):
        uow.execute(standings.update().where(standings.c.device_id == device_id).values(row))


def _collected_at(device_id: str, version: str) -> ScalarSelect[Any]:
    known = (versions.c.id == version) & (versions.c.device_id == device_id)
    return select(versions.c.collected_at).where(known).scalar_subquery()


def keep_version(uow: UnitOfWork, row: Mapping[str, Any]) -> bool:
    """Record a version once; a text seen again only moves ``seen_at``. Returns whether it was new."""
    known = (versions.c.id == row["id"]) & (versions.c.device_id == row["device_id"])
    seen = versions.update().where(known).values(seen_at=row["seen_at"], unread=row["unread"])
    if uow.execute(seen).rowcount:
        return False
    return insert_if_absent(uow.connection, versions, row)


def newest_version(connection: Connection, device_id: str) -> Row[Any] | None:
    query = (
        select(versions)
        .where(versions.c.device_id == device_id)
        .order_by(versions.c.collected_at.desc(), versions.c.id)
    )
    return connection.execute(query.limit(1)).one_or_none()


def find_version(connection: Connection, device_id: str, version: str) -> Row[Any] | None:
    """The one version whose id begins with ``version``; None when there is none or several."""
    begins = versions.c.id.startswith(version, autoescape=True)
    rows = connection.execute(
        select(versions).where(versions.c.device_id == device_id, begins).limit(2)
    ).all()
    return rows[0] if len(rows) == 1 else None


def pinned_key(connection: Connection, device_id: str) -> HostKey | None:
    row = connection.execute(select(host_keys).where(host_keys.c.device_id == device_id)).one_or_none()
    return HostKey(row.kind, row.fingerprint) if row else None


def pin_key(uow: UnitOfWork, device_id: str, key: HostKey, actor: str, at: datetime) -> None:
    """Pin or replace the host key of a device."""
    uow.execute(host_keys.delete().where(host_keys.c.device_id == device_id))
    row = {
        "device_id": device_id,
        "kind": key.kind,
        "fingerprint": key.fingerprint,
        "pinned_at": at,
        "pinned_by": actor,
    }
    uow.execute(host_keys.insert().values(row))


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, (int, float, bool)) else str(value) for name, value in params.items()
    }


def all_versions(connection: Connection) -> list[Row[Any]]:
    """Device, id and digest of every version known."""
    query = select(versions.c.device, versions.c.id, versions.c.digest).order_by(versions.c.device)
    return list(connection.execute(query))
