"""Reading, verifying and exporting the audit trail (ID-3)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Connection, Row, select

from kernel.audit.chain import GENESIS, audit_head, audit_records, chain_hash
from kernel.audit.model import AuditAction, ChainReport, Fault, FaultKind
from kernel.canonical import iso_utc
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database

_BATCH = 1000


class AuditTrail:
    """What the auditor does with the trail. Reading it is itself audited where the result leaves the suite."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def head(self) -> tuple[int, str]:
        """(sequence number, hash) of the newest record; (0, sixty-four zeros) for an empty trail."""
        with self._database.read() as connection:
            row = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
        return (row.seq, row.hash) if row else (0, GENESIS)

    def find(
        self,
        principal: Principal,
        *,
        target: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before_seq: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Newest first, at most ``limit`` (1 to 500) records; page on with ``before_seq``."""
        self._access.require(principal, Permission.AUDIT_READ)
        query = select(audit_records).order_by(audit_records.c.seq.desc()).limit(max(1, min(limit, 500)))
        for column, wanted in (("target", target), ("actor", actor), ("action", action)):
            if wanted is not None:
                query = query.where(audit_records.c[column] == wanted)
        if since is not None:
            query = query.where(audit_records.c.at >= since)
        if before_seq is not None:
            query = query.where(audit_records.c.seq < before_seq)
        with self._database.read() as connection:
            return [json.loads(row.body) | {"hash": row.hash} for row in connection.execute(query)]

    def verify(self, principal: Principal) -> ChainReport:
        """Read the whole chain and name every broken place; the verification itself is audited."""
        self._access.require(principal, Permission.AUDIT_VERIFY)
        with self._database.read() as connection:
            report = verify_chain(connection)
        with self._database.begin() as uow:
            uow.audit(
                principal,
                AuditAction.AUDIT_VERIFY,
                "audit",
                outcome="success" if report.intact else "failure",
                details={"records": report.records, "faults": len(report.faults)},
            )
        return report

    def export(self, principal: Principal, target: TextIO) -> int:
        """Write every record as one JSON line {body, previous, hash}, oldest first; returns their number.

        An outsider recomputes the chain with SHA-256 over ``previous + body`` alone.
        """
        self._access.require(principal, Permission.AUDIT_EXPORT)
        count = 0
        with self._database.read() as connection:
            for row in _rows(connection):
                record = {"body": row.body, "previous": row.previous, "hash": row.hash}
                target.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.AUDIT_EXPORT, "audit", details={"records": count})
        return count


def verify_chain(connection: Connection) -> ChainReport:
    """Check order, links, bodies and the head; constant memory, one pass."""
    faults: list[Fault] = []
    expected_seq, previous, records = 1, GENESIS, 0
    for row in _rows(connection):
        records += 1
        faults += _faults_of(row, expected_seq, previous)
        expected_seq, previous = row.seq + 1, row.hash
    head = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    faults += _faults_of_end(expected_seq - 1, previous, head)
    return ChainReport(records, expected_seq - 1, previous, tuple(faults))


def _faults_of(row: Row[Any], expected_seq: int, previous: str) -> list[Fault]:
    faults = [
        Fault(FaultKind.REMOVED, missing, N_("the record is missing"))
        for missing in range(expected_seq, min(row.seq, expected_seq + 100))
    ]
    faults += _faults_of_body(row)
    if not faults and row.previous != previous:
        faults.append(Fault(FaultKind.INSERTED, row.seq, N_("the record does not continue its predecessor")))
    return faults


def _faults_of_body(row: Row[Any]) -> list[Fault]:
    body = _parse(row.body)
    if body is None or chain_hash(row.previous, row.body) != row.hash:
        return [Fault(FaultKind.CHANGED, row.seq, N_("the record's content does not match its hash"))]
    if body.get("seq") != row.seq:
        return [
            Fault(FaultKind.REORDERED, row.seq, N_("the record was written at another place of the chain"))
        ]
    if not _columns_match(row, body):
        return [
            Fault(FaultKind.CHANGED, row.seq, N_("the record's searchable columns differ from its content"))
        ]
    return []


def _faults_of_end(last_seq: int, last_hash: str, head: "Row[int, str] | None") -> list[Fault]:
    head_seq, head_hash = (head.seq, head.hash) if head else (0, GENESIS)
    if head_seq > last_seq:
        return [Fault(FaultKind.REMOVED, last_seq + 1, N_("the end of the chain was cut off"))]
    if head_seq < last_seq:
        return [Fault(FaultKind.INSERTED, head_seq + 1, N_("records were added behind the chain's head"))]
    if head_hash != last_hash:
        return [
            Fault(FaultKind.CHANGED, last_seq, N_("the last record is not the one the chain's head names"))
        ]
    return []


def _columns_match(row: Row[Any], body: dict[str, Any]) -> bool:
    columns = (row.actor, row.action, row.target, row.unit, row.outcome, iso_utc(row.at))
    written = (body["actor"], body["action"], body["target"][:300], body["unit"], body["outcome"], body["at"])
    return columns == written


def _parse(body: str) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    last = -1
    while True:
        query = (
            select(audit_records)
            .where(audit_records.c.seq > last)
            .order_by(audit_records.c.seq)
            .limit(_BATCH)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].seq
