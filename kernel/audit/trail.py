"""Reading, verifying and exporting the audit trail (ID-3)."""

import json
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, select

from kernel.audit.chain import GENESIS, audit_head, audit_records, chain_hash, columns_of
from kernel.audit.lists import RECORDS, record_of
from kernel.audit.model import AuditAction, AuditRecord, ChainReport, Fault, FaultKind, Verification
from kernel.canonical import iso_utc
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database
from kernel.store.listing import Ask, Page

VERIFY = "audit.verify"  # the kind of job
AT_ONCE = 50_000  # records that are verified while somebody waits
_BATCH = 1000
Tell = Callable[[int, int], None]


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

    def page(self, principal: Principal, ask: Ask) -> Page[AuditRecord]:
        """Newest first. Who is of the topmost unit sees all; others the acts on what is of their units."""
        self._access.require(principal, Permission.AUDIT_READ)
        scope = self._access.seen(principal, audit_records.c.unit)
        with self._database.read() as connection:
            return RECORDS.page(connection, ask, *scope)

    def get(self, principal: Principal, seq: str) -> AuditRecord:
        """The record with this number; NotFound when there is none or the principal does not see it."""
        self._access.require(principal, Permission.AUDIT_READ)
        number = int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 19 else 0
        seen = self._access.seen(principal, audit_records.c.unit)
        wanted = select(audit_records).where(audit_records.c.seq == number, *seen)
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound(N_("There is no audit record %(seq)s."), seq=seq[:40])
        return record_of(row)

    # --- the whole chain, which concerns every unit
    def verify(self, principal: Principal, tell: Tell | None = None) -> ChainReport:
        """Read the whole chain and name every broken place; the verification itself is audited.

        ``tell(done, total)`` is called every thousand records.
        """
        self._access.require_root(principal, Permission.AUDIT_VERIFY)
        with self._database.read() as connection:
            report = verify_chain(connection, tell)
        with self._database.begin() as uow:
            uow.audit(
                principal,
                AuditAction.AUDIT_VERIFY,
                "audit",
                outcome="success" if report.intact else "failure",
                details={"records": report.records, "faults": len(report.faults)},
            )
        return report

    def verify_or_queue(self, principal: Principal) -> Verification:
        """Verify a chain of at most ``AT_ONCE`` records now; queue the work for a longer one."""
        self._access.require_root(principal, Permission.AUDIT_VERIFY)
        if self.head()[0] <= AT_ONCE:
            return Verification(self.verify(principal))
        request = JobRequest(VERIFY, key=VERIFY, requested_by=principal.id)
        with self._database.begin() as uow:
            job = uow.enqueue(request)
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": VERIFY})
        return Verification(None, job)

    def export(self, principal: Principal) -> Iterator[str]:
        """Every record up to now as one JSON line {body, previous, hash}, oldest first; audited before the first line.

        An outsider recomputes the chain with SHA-256 over ``previous + body`` alone.
        """
        self._access.require_root(principal, Permission.AUDIT_EXPORT)
        last = self.head()[0]
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.AUDIT_EXPORT, "audit", details={"records": last})
        return self._lines(last)

    def _lines(self, last: int) -> Iterator[str]:
        with self._database.read() as connection:
            for row in takewhile(lambda row: row.seq <= last, _rows(connection)):
                record = {"body": row.body, "previous": row.previous, "hash": row.hash}
                yield json.dumps(record, ensure_ascii=False) + "\n"


def verify_chain(connection: Connection, tell: Tell | None = None) -> ChainReport:
    """Check order, links, bodies and the head; constant memory, one pass."""
    faults: list[Fault] = []
    expected_seq, previous, records = 1, GENESIS, 0
    head = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
    for row in _rows(connection):
        records += 1
        if tell is not None and records % _BATCH == 0:
            tell(records, head.seq if head else records)
        faults += _faults_of(row, expected_seq, previous)
        expected_seq, previous = row.seq + 1, row.hash
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
    written = columns_of(body)
    return {name: getattr(row, name) for name in written} == written and iso_utc(row.at) == body["at"]


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
