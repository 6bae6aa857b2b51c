"""Devices and versions as people look through them: the register beside what collections left."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal, select

from kernel.assets.lists import FILTERS, beside
from kernel.assets.store import assets
from kernel.errors import ErrorCode, WeichengError
from kernel.identity.store import users
from kernel.store import UtcDateTime
from kernel.store.listing import Listing, equals, since, until
from netops.collection.model import DeviceStanding, DeviceState, KeptVersion
from netops.collection.store import standings, versions
from netops.collection.targets import KINDS

_LONG_AGO = literal(datetime(1970, 1, 1, tzinfo=UTC), UtcDateTime)
_STATE = func.coalesce(standings.c.state, DeviceState.NEVER.value)
_COLLECTABLE = (
    assets.c.kind.in_([kind.value for kind in KINDS])
    & assets.c.retired_at.is_(None)
    & (assets.c.platform != "")
    & (assets.c.address != "")
)
VERSION_KEY: ColumnElement[str] = versions.c.device_id + "." + versions.c.id


def _standing(row: Row[Any]) -> DeviceStanding:
    return DeviceStanding(
        id=row.id,
        name=row.name,
        unit=row.unit,
        zone=row.zone or "",
        zone_name=row.zone_name or "",
        address=row.address,
        platform=row.platform,
        state=DeviceState(row.state),
        at=row.at,
        version=row.version or "",
        version_at=row.version_at,
        error=WeichengError(ErrorCode.UNAVAILABLE, row.error, mend=row.mend, **row.error_params)
        if row.error
        else None,
    )


def _version(row: Row[Any]) -> KeptVersion:
    return KeptVersion(
        device_id=row.device_id,
        device=row.device,
        unit=row.unit or "",
        platform=row.platform,
        version=row.id,
        digest=row.digest,
        lines=row.lines,
        unread=row.unread,
        added=row.added,
        removed=row.removed,
        source=row.source,
        actor=row.who,
        collected_at=row.collected_at,
        seen_at=row.seen_at,
        legacy_ssh=row.legacy_ssh,
    )


DEVICES = Listing(
    query=beside(
        standings,
        standings.c.device_id,
        _STATE.label("state"),
        standings.c.at,
        standings.c.version,
        standings.c.version_at,
        standings.c.error,
        standings.c.mend,
        standings.c.error_params,
    ).where(_COLLECTABLE),
    key=assets.c.id,
    orders={
        "name": assets.c.name,
        "platform": assets.c.platform,
        "state": _STATE,
        "at": func.coalesce(standings.c.at, _LONG_AGO),
        "version_at": func.coalesce(standings.c.version_at, _LONG_AGO),
    },
    default="name",
    row=_standing,
    text=(assets.c.name, assets.c.address),
    filters={
        **FILTERS,
        "state": equals(_STATE),
    },
    facets={"state": _STATE},
)

VERSIONS = Listing(
    query=select(versions, func.coalesce(users.c.name, versions.c.actor).label("who")).select_from(
        versions.outerjoin(users, users.c.id == versions.c.actor)
    ),
    key=VERSION_KEY,
    orders={"collected_at": versions.c.collected_at, "device": versions.c.device},
    default="-collected_at",
    row=_version,
    text=(versions.c.device, versions.c.id),
    filters={
        "device": equals(versions.c.device),
        "device_id": equals(versions.c.device_id),
        "platform": equals(versions.c.platform),
        "source": equals(versions.c.source),
        "since": since(versions.c.collected_at),
        "until": until(versions.c.collected_at),
    },
)
