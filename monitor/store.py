"""Tables of monitoring and the statements on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

from kernel.store import Json, UtcDateTime, metadata
from monitor.model import (
    SEVERITIES,
    STANDING,
    Counters,
    Device,
    DeviceState,
    Finding,
    FindingKind,
    FindingState,
    Interface,
    Neighbour,
    Problem,
    Sample,
    TrapRecord,
)
from monitor.thresholds import Crossing

devices = Table(
    "monitor_devices",
    metadata,
    Column("asset", String(60), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("since", UtcDateTime),
    Column("polled_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("problem", String(20)),
    Column("latency", Float),
    Column("lldp", Boolean, nullable=False),
    Column("facts", Json, nullable=False),
)

interfaces = Table(
    "monitor_interfaces",
    metadata,
    Column("asset", String(60), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("index", Integer, nullable=False),
    Column("alias", String(255), nullable=False),
    Column("speed", BigInteger, nullable=False),
    Column("admin_up", Boolean, nullable=False),
    Column("oper_up", Boolean, nullable=False),
    Column("counters", Json),
    Column("in_rate", Float),
    Column("out_rate", Float),
    Column("error_rate", Float),
)

neighbours = Table(
    "monitor_neighbours",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("asset", String(60), nullable=False, index=True),
    Column("local_port", String(255), nullable=False),
    Column("chassis", String(255), nullable=False),
    Column("port", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("addresses", Json, nullable=False),
)

samples = Table(
    "monitor_samples",
    metadata,
    Column("asset", String(60), primary_key=True),
    Column("metric", String(40), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("at", UtcDateTime, primary_key=True, index=True),
    Column("value", Float, nullable=False),
)

crossings = Table(
    "monitor_crossings",
    metadata,
    Column("asset", String(60), primary_key=True),
    Column("object", String(255), primary_key=True),
    Column("threshold", String(80), primary_key=True),
    Column("crossed", Boolean, nullable=False),
    Column("count", Integer, nullable=False),
    Column("value", Float, nullable=False),
    Column("since", UtcDateTime),
)

findings = Table(
    "monitor_findings",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("asset", String(60), nullable=False, index=True),
    Column("subject", String(800), nullable=False),
    Column("details", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("unit", String(80), nullable=False, index=True),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("excepted_until", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("weight", Integer, nullable=False),  # 1 to 5 by severity while it stands, 0 once it is mended
    UniqueConstraint("kind", "asset", "subject"),
    Index("ix_monitor_findings_weight_id", "weight", "id"),
    Index("ix_monitor_findings_unit_state", "unit", "state"),
    Index("ix_monitor_findings_state_weight_id", "state", "weight", "id"),
    Index("ix_monitor_findings_last_seen_id", "last_seen", "id"),
)

certificates = Table(
    "monitor_certificates",
    metadata,
    Column("asset", String(60), primary_key=True),
    Column("endpoint", String(80), nullable=False),
    Column("reachable", Boolean, nullable=False),
    Column("latency", Float),
    Column("tls", String(20), nullable=False),
    Column("problem", String(200), nullable=False),
    Column("facts", Json),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("not_after", UtcDateTime),
)

traps = Table(
    "monitor_traps",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("asset", String(60), nullable=False, index=True),
    Column("source", String(45), nullable=False),
    Column("name", String(255), nullable=False),
    Column("version", String(4), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("digest", String(64), nullable=False, index=True),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False, index=True),
    Column("count", Integer, nullable=False),
    Column("varbinds", Json, nullable=False),
    Index("ix_monitor_traps_severity_last_at_id", "severity", "last_at", "id"),
)


# --- devices
def read_devices(connection: Connection) -> dict[str, Device]:
    return {row.asset: _device(row) for row in connection.execute(select(devices))}


def read_device(connection: Connection, asset: str) -> Device | None:
    row = connection.execute(select(devices).where(devices.c.asset == asset)).one_or_none()
    return _device(row) if row else None


def write_device(connection: Connection, device: Device) -> None:
    row = asdict(device) | {"state": str(device.state), "facts": dict(device.facts)}
    row["problem"] = str(device.problem) if device.problem else None
    connection.execute(devices.delete().where(devices.c.asset == device.asset))
    connection.execute(devices.insert().values(**row))


def delete_device(connection: Connection, asset: str) -> None:
    """A device's state, interfaces, neighbours, crossings and certificate."""
    for table in (devices, interfaces, neighbours, crossings, certificates):
        connection.execute(table.delete().where(table.c.asset == asset))


def read_interfaces(connection: Connection, asset: str) -> dict[str, Interface]:
    """Name -> interface, in the order of ifIndex."""
    query = select(interfaces).where(interfaces.c.asset == asset).order_by(interfaces.c.index)
    return {row.name: _interface(row) for row in connection.execute(query)}


def write_interfaces(connection: Connection, asset: str, listed: Sequence[Interface]) -> None:
    connection.execute(interfaces.delete().where(interfaces.c.asset == asset))
    if listed:
        connection.execute(interfaces.insert(), [{"asset": asset, **_interface_row(one)} for one in listed])


def read_neighbours(connection: Connection, asset: str | None = None) -> dict[str, tuple[Neighbour, ...]]:
    """Asset -> its neighbours, of all or of one."""
    found: dict[str, list[Neighbour]] = {}
    query = select(neighbours).order_by(neighbours.c.id)
    for row in connection.execute(query if asset is None else query.where(neighbours.c.asset == asset)):
        neighbour = Neighbour(row.local_port, row.chassis, row.port, row.name, tuple(row.addresses))
        found.setdefault(row.asset, []).append(neighbour)
    return {asset: tuple(listed) for asset, listed in found.items()}


def write_neighbours(connection: Connection, asset: str, listed: Iterable[Neighbour]) -> None:
    connection.execute(neighbours.delete().where(neighbours.c.asset == asset))
    rows = [{"asset": asset, **asdict(one), "addresses": list(one.addresses)} for one in listed]
    if rows:
        connection.execute(neighbours.insert(), rows)


# --- samples and thresholds
def insert_samples(connection: Connection, listed: Sequence[Sample]) -> None:
    if listed:
        connection.execute(samples.insert(), [asdict(sample) for sample in listed])


def read_samples(
    connection: Connection, asset: str, wanted: Mapping[str, Sequence[str]], since: datetime
) -> list[Sample]:
    """Of each object ("" the device itself) these metrics, oldest first, at most 10,000 of each object."""
    found: list[Sample] = []
    for obj, metrics in wanted.items():
        those = (samples.c.asset == asset) & samples.c.metric.in_(metrics) & (samples.c.object == obj)
        query = select(samples).where(those, samples.c.at >= since).order_by(samples.c.at).limit(10_000)
        rows = connection.execute(query)
        found += [Sample(row.asset, row.object, row.metric, row.at, row.value) for row in rows]
    return found


def delete_samples(connection: Connection, before: datetime) -> int:
    return connection.execute(samples.delete().where(samples.c.at < before)).rowcount


def mean_by_asset(
    connection: Connection, listed: Sequence[str], metric: str, since: datetime
) -> dict[str, float]:
    """Mean of a device's own metric since then, by asset."""
    wanted = (samples.c.asset.in_(listed)) & (samples.c.metric == metric) & (samples.c.object == "")
    query = select(samples.c.asset, func.avg(samples.c.value)).where(wanted, samples.c.at >= since)
    return {row[0]: row[1] for row in connection.execute(query.group_by(samples.c.asset))}


def read_crossings(connection: Connection, listed: Sequence[str]) -> dict[tuple[str, str, str], Crossing]:
    query = select(crossings).where(crossings.c.asset.in_(listed))
    found = [Crossing(**row._mapping) for row in connection.execute(query)]
    return {crossing.key: crossing for crossing in found}


def write_crossings(connection: Connection, listed: Sequence[Crossing]) -> None:
    for one in listed:
        same = (crossings.c.asset == one.asset) & (crossings.c.object == one.object)
        connection.execute(crossings.delete().where(same, crossings.c.threshold == one.threshold))
    if listed:
        connection.execute(crossings.insert(), [asdict(one) for one in listed])


# --- findings
def read_findings(
    connection: Connection,
    *,
    kinds: Iterable[FindingKind] | None = None,
    asset: str | None = None,
    states: Iterable[FindingState] | None = None,
) -> list[Finding]:
    """Those of all units that a check lays its observations over."""
    query = select(findings).order_by(findings.c.first_seen, findings.c.id)
    if kinds is not None:
        query = query.where(findings.c.kind.in_([str(kind) for kind in kinds]))
    if asset is not None:
        query = query.where(findings.c.asset == asset)
    if states is not None:
        query = query.where(findings.c.state.in_([str(state) for state in states]))
    return [finding_of(row) for row in connection.execute(query)]


def read_finding(connection: Connection, finding_id: str) -> Finding | None:
    row = connection.execute(
        select(findings).where(findings.c.id == finding_id).with_for_update()
    ).one_or_none()
    return finding_of(row) if row else None


def insert_finding(connection: Connection, finding: Finding) -> None:
    connection.execute(findings.insert().values(**_finding_row(finding)))


def update_finding(connection: Connection, finding: Finding) -> None:
    connection.execute(findings.update().where(findings.c.id == finding.id).values(**_finding_row(finding)))


# --- endpoints and traps
def write_certificate(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(certificates.delete().where(certificates.c.asset == row["asset"]))
    connection.execute(certificates.insert().values(**row))


def count_repeat(connection: Connection, digest: str, since: datetime, now: datetime) -> bool:
    """Count the same notification up; False when none came since."""
    same = (traps.c.digest == digest) & (traps.c.last_at >= since)
    repeated = traps.update().where(same).values(count=traps.c.count + 1, last_at=now)
    return connection.execute(repeated).rowcount > 0


def insert_trap(connection: Connection, record: TrapRecord, digest: str) -> None:
    row = asdict(record) | {"varbinds": dict(record.varbinds)}
    connection.execute(traps.insert().values(**row, digest=digest))


def delete_traps(connection: Connection, before: datetime) -> int:
    return connection.execute(traps.delete().where(traps.c.last_at < before)).rowcount


# --- rows
def _device(row: Row[Any]) -> Device:
    state, problem = DeviceState(row.state), Problem(row.problem) if row.problem else None
    return Device(**dict(row._mapping) | {"state": state, "problem": problem})


def _interface(row: Row[Any]) -> Interface:
    values = {name: value for name, value in row._mapping.items() if name != "asset"}
    if row.counters:
        values["counters"] = Counters(**{**row.counters, "at": datetime.fromisoformat(row.counters["at"])})
    return Interface(**values)


def _interface_row(interface: Interface) -> dict[str, Any]:
    row = asdict(interface)
    if interface.counters:
        row["counters"]["at"] = interface.counters.at.isoformat()
    return row


def finding_of(row: Row[Any]) -> Finding:
    fields = {name: row._mapping[name] for name in _FINDING_FIELDS}
    return Finding(**fields | {"kind": FindingKind(row.kind), "state": FindingState(row.state)})


def _finding_row(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {
        "kind": str(finding.kind),
        "state": str(finding.state),
        "details": dict(finding.details),
        "weight": SEVERITIES.index(finding.severity) + 1 if finding.state in STANDING else 0,
    }


def trap_of(row: Row[Any]) -> TrapRecord:
    return TrapRecord(**{name: row._mapping[name] for name in _TRAP_FIELDS})


_FINDING_FIELDS = tuple(one.name for one in fields(Finding))
_TRAP_FIELDS = tuple(one.name for one in fields(TrapRecord))
