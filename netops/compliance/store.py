"""The table of findings."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
)

from kernel.store import Json, UnitOfWork, UtcDateTime, insert_if_absent, metadata
from kernel.store.listing import Listing, equals
from netops.compliance.model import Deviation, Finding, FindingState, Severity

findings = Table(
    "netops_findings",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("device_id", String(80), nullable=False),
    Column("identity", String(32), nullable=False),
    Column("device", String(120), nullable=False),
    Column("unit", String(80), index=True),
    Column("rule", String(80), nullable=False, index=True),
    Column("severity", String(20), nullable=False),
    Column("controls", Json, nullable=False),
    Column("line", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("path", Json, nullable=False),
    Column("mend", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", String(64), nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("owner", String(120), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("until", UtcDateTime),
    Column("changed_by", String(80), nullable=False, default=""),
    Column("weight", Integer, nullable=False),  # 1 to 4 by severity while it is there, 0 once it is mended
    UniqueConstraint("device_id", "identity"),
    Index("ix_netops_findings_weight_id", "weight", "id"),
    Index("ix_netops_findings_unit_state", "unit", "state"),
    Index("ix_netops_findings_state_weight_id", "state", "weight", "id"),
    Index("ix_netops_findings_last_seen_id", "last_seen", "id"),
    Index("ix_netops_findings_device_id_weight", "device_id", "weight"),
    Index("ix_netops_findings_device_id", "device", "id"),
)


def of_device(connection: Connection, device_id: str) -> dict[str, Finding]:
    """All findings ever seen on a device, by identity."""
    rows = connection.execute(select(findings).where(findings.c.device_id == device_id))
    return {row.identity: read(row) for row in rows}


def one(connection: Connection, finding_id: str) -> Finding | None:
    row = connection.execute(select(findings).where(findings.c.id == finding_id)).one_or_none()
    return read(row) if row else None


def counts(connection: Connection, device_ids: Iterable[str]) -> dict[str, dict[Severity, int]]:
    """How many findings of each severity are there, by device id."""
    there = findings.c.device_id.in_(list(device_ids)) & (findings.c.weight > 0)
    query = select(findings.c.device_id, findings.c.weight, func.count()).where(there)
    severities = list(Severity)
    found: dict[str, dict[Severity, int]] = {}
    for device_id, weight, number in connection.execute(
        query.group_by(findings.c.device_id, findings.c.weight)
    ):
        found.setdefault(device_id, {})[severities[weight - 1]] = number
    return found


def expired(connection: Connection, now: datetime) -> list[Finding]:
    due = (findings.c.state == FindingState.EXCEPTED.value) & (findings.c.until <= now)
    return [read(row) for row in connection.execute(select(findings).where(due))]


def insert(uow: UnitOfWork, finding: Finding, identity: str) -> bool:
    """Add a finding; False when a collection at the same time has just added it."""
    return insert_if_absent(uow.connection, findings, _row(finding) | {"identity": identity})


def update(uow: UnitOfWork, finding: Finding, before: FindingState) -> bool:
    """Write a finding if it is still in the state it was read in; False when somebody else was faster."""
    unchanged = (findings.c.id == finding.id) & (findings.c.state == before.value)
    return bool(uow.execute(findings.update().where(unchanged).values(_row(finding))).rowcount)


def from_deviation(deviation: Deviation) -> Mapping[str, Any]:
    """What a collection refreshes on a finding that is still there."""
    return {
        "severity": deviation.severity,
        "controls": deviation.controls,
        "line": deviation.line,
        "text": deviation.text,
        "path": deviation.path,
        "mend": deviation.mend,
    }


def read(row: Row[Any]) -> Finding:
    return Finding(
        id=row.id,
        device_id=row.device_id,
        device=row.device,
        unit=row.unit,
        rule=row.rule,
        severity=Severity(row.severity),
        controls=tuple(row.controls),
        file=f"{row.device}.cfg",
        line=row.line,
        text=row.text,
        path=tuple(row.path),
        mend=tuple(row.mend),
        state=FindingState(row.state),
        version=row.version,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        owner=row.owner,
        reason=row.reason,
        until=row.until,
        changed_by=row.changed_by,
    )


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "device_id": finding.device_id,
        "device": finding.device,
        "unit": finding.unit,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "controls": list(finding.controls),
        "line": finding.line,
        "text": finding.text,
        "path": list(finding.path),
        "mend": list(finding.mend),
        "state": finding.state.value,
        "version": finding.version,
        "first_seen": finding.first_seen,
        "last_seen": finding.last_seen,
        "owner": finding.owner,
        "reason": finding.reason,
        "until": finding.until,
        "changed_by": finding.changed_by,
        "weight": finding.severity.rank + 1 if finding.is_present else 0,
    }


LISTING = Listing(
    query=select(findings),
    key=findings.c.id,
    orders={
        "weight": findings.c.weight,
        "device": findings.c.device,
        "last_seen": findings.c.last_seen,
    },
    default="-weight",
    row=read,
    text=(findings.c.device, findings.c.rule, findings.c.text),
    filters={
        "state": equals(findings.c.state),
        "severity": equals(findings.c.severity),
        "rule": equals(findings.c.rule),
        "device": lambda values: or_(findings.c.device.in_(values), findings.c.device_id.in_(values)),
        "device_id": equals(findings.c.device_id),
        "version": equals(findings.c.version),
    },
    facets={"state": findings.c.state},
)
