"""Devices, findings, endpoints and notifications as people look through them: the register beside what was measured."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, literal, select

from kernel.assets.lists import FILTERS, beside
from kernel.assets.store import assets
from kernel.store import UtcDateTime
from kernel.store.listing import Listing, equals, since, until
from monitor.model import POLLED_KINDS, Device, DeviceState, Problem
from monitor.standing import EndpointStanding, EndpointState, NamedFinding, NamedTrap, Status
from monitor.store import certificates, devices, finding_of, findings, trap_of, traps

_LONG_AGO = literal(datetime(1970, 1, 1, tzinfo=UTC), UtcDateTime)
_FAR_AHEAD = literal(datetime(9999, 12, 31, tzinfo=UTC), UtcDateTime)
_IN_USE = assets.c.retired_at.is_(None) & (assets.c.address != "")
_STATE = func.coalesce(devices.c.state, DeviceState.UNKNOWN.value)
_TROUBLE = case(
    {DeviceState.DOWN.value: 3, DeviceState.DEGRADED.value: 2, DeviceState.UNKNOWN.value: 1},
    value=_STATE,
    else_=0,
)
_CHECKED = func.coalesce(certificates.c.state, EndpointState.NEVER.value)


def _name_of(asset: ColumnElement[str]) -> ColumnElement[str]:
    """The entry's name as a column, its id if there is none: a join would cost the counts of a list as much as its rows."""
    return func.coalesce(select(assets.c.name).where(assets.c.id == asset).scalar_subquery(), asset)


def _status(row: Row[Any]) -> Status:
    device = Device(
        asset=row.id,
        state=DeviceState(row.state),
        since=row.since,
        polled_at=row.polled_at,
        answered_at=row.answered_at,
        failures=row.failures or 0,
        problem=Problem(row.problem) if row.problem else None,
        latency=row.latency,
        lldp=bool(row.lldp),
        facts=row.facts or {},
    )
    return Status(
        row.id, row.name, row.unit, row.zone or "", row.zone_name or "", row.address, row.platform, device
    )


def _endpoint(row: Row[Any]) -> EndpointStanding:
    return EndpointStanding(
        id=row.id,
        name=row.name,
        unit=row.unit,
        endpoint=row.endpoint or f"{row.address}:{row.attributes['tls_port']}",
        state=EndpointState(row.state),
        tls=row.tls or "",
        problem=row.problem or "",
        latency=row.latency,
        facts=row.facts or {},
        not_after=row.not_after,
        checked_at=row.checked_at,
    )


DEVICES = Listing(
    query=beside(
        devices,
        devices.c.asset,
        _STATE.label("state"),
        *(column for column in devices.c if column.name not in ("asset", "state")),
    ).where(_IN_USE & assets.c.kind.in_([kind.value for kind in POLLED_KINDS])),
    key=assets.c.id,
    orders={
        "name": assets.c.name,
        "trouble": _TROUBLE,
        "answered_at": func.coalesce(devices.c.answered_at, _LONG_AGO),
    },
    default="name",
    row=_status,
    text=(assets.c.name, assets.c.address),
    filters={
        **FILTERS,
        "state": equals(_STATE),
    },
    facets={"state": _STATE},
)

FINDINGS = Listing(
    query=select(findings, _name_of(findings.c.asset).label("device")),
    key=findings.c.id,
    orders={
        "weight": findings.c.weight,
        "last_seen": findings.c.last_seen,
    },
    default="-weight",
    row=lambda row: NamedFinding(finding_of(row), row.device),
    text=(_name_of(findings.c.asset), findings.c.subject),
    filters={
        "state": equals(findings.c.state),
        "severity": equals(findings.c.severity),
        "kind": equals(findings.c.kind),
        "asset": equals(findings.c.asset),
        "device": lambda names: findings.c.asset.in_(select(assets.c.id).where(assets.c.name.in_(names))),
    },
    facets={"state": findings.c.state},
)

ENDPOINTS = Listing(
    query=select(
        assets.c.id,
        assets.c.name,
        assets.c.unit,
        assets.c.address,
        assets.c.attributes,
        _CHECKED.label("state"),
        *(column for column in certificates.c if column.name not in ("asset", "state")),
    )
    .select_from(assets.outerjoin(certificates, certificates.c.asset == assets.c.id))
    .where(_IN_USE & assets.c.attributes["tls_port"].as_integer().is_not(None)),
    key=assets.c.id,
    orders={"name": assets.c.name, "not_after": func.coalesce(certificates.c.not_after, _FAR_AHEAD)},
    default="not_after",
    row=_endpoint,
    text=(
        assets.c.name,
        assets.c.address,
        certificates.c.facts["subject"].as_string(),
        certificates.c.facts["issuer"].as_string(),
    ),
    filters={
        "state": equals(_CHECKED),
        "tls": equals(certificates.c.tls),
        "before": until(certificates.c.not_after),
        "unit": equals(assets.c.unit),
    },
    facets={"state": _CHECKED},
)

TRAPS = Listing(
    query=select(traps, _name_of(traps.c.asset).label("device")),
    key=traps.c.id,
    orders={"last_at": traps.c.last_at},
    default="-last_at",
    row=lambda row: NamedTrap(trap_of(row), row.device or ""),
    text=(_name_of(traps.c.asset), traps.c.source, traps.c.name),
    filters={
        "severity": equals(traps.c.severity),
        "name": equals(traps.c.name),
        "asset": equals(traps.c.asset),
        "source": equals(traps.c.source),
        "since": since(traps.c.last_at),
        "until": until(traps.c.last_at),
    },
    facets={"severity": traps.c.severity},
)
