"""Recording, finding, sealing and checking evidence."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.audit.model import AuditAction
from kernel.audit.trail import verify_chain
from kernel.blobs import BlobStore
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound, WeichengError
from kernel.evidence import store
from kernel.evidence.check import chain_faults, checks_of, record_faults, seal_faults
from kernel.evidence.files import Part, body_file, bundle_file, signature_file, token_file
from kernel.evidence.lists import RECORDS, listed, parsed
from kernel.evidence.model import (
    Attachment,
    EvidenceFault,
    EvidenceFaultKind,
    EvidenceFile,
    EvidenceKind,
    EvidenceRecord,
    EvidenceReport,
    Listed,
    Proof,
    Seal,
    Statement,
    attachment_ref,
    parse_record,
    validity_end,
)
from kernel.evidence.ports import Sealer
from kernel.evidence.seal import signer_of
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

SUITE = Principal.system("evidence")
SEAL, VERIFY = "evidence.seal", "evidence.verify"  # the kinds of jobs
Tell = Callable[[int, int], None]
_FILE_NAME = re.compile(r"[\w.()@+ -]{1,120}")


class EvidenceService:
    """Evidence of all rooms. ``by`` is who asks; the suite's own parts leave it out."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, blobs: BlobStore, sealer: Sealer
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._blobs = blobs
        self._sealer = sealer

    def record(
        self,
        uow: UnitOfWork,
        *,
        kind: EvidenceKind,
        subject: str,
        source: str,
        summary: Mapping[str, Any],
        attachments: Sequence[Attachment] = (),
        collected_at: datetime | None = None,
        effective_until: datetime | None = None,
        unit: str | None = None,
    ) -> str:
        """Write a record in the caller's transaction and return its id; its seal follows (``seal_pending``).

        ``subject`` names what it speaks of (an asset id, a backup set), ``source`` the collector and its version;
        ``summary`` holds JSON values and no secret. Without ``effective_until`` the kind's rule decides.
        """
        kept = [(attachment, attachment_ref(attachment)) for attachment in attachments]
        _check_names([attachment.name for attachment in attachments])
        for attachment, _ in kept:
            self._blobs.put(attachment.data)
        record = self._new(kind, source, Statement(subject, summary, unit), collected_at or self._clock.now())
        references = tuple(reference for _, reference in kept)
        record = replace(
            record, attachments=references, effective_until=effective_until or record.effective_until
        )
        store.append_records(uow.connection, [record])
        return record.id

    def record_all(
        self, uow: UnitOfWork, *, kind: EvidenceKind, source: str, statements: Sequence[Statement]
    ) -> list[str]:
        """As ``record`` for statements of one kind that are made together, with one look at the end of the chain for all."""
        now = self._clock.now()
        records = [self._new(kind, source, statement, now) for statement in statements]
        store.append_records(uow.connection, records)
        return [record.id for record in records]

    def _new(self, kind: EvidenceKind, source: str, said: Statement, collected: datetime) -> EvidenceRecord:
        return EvidenceRecord(
            id=new_id("evd"),
            seq=0,  # its place in the chain is found when it is stored
            previous="",
            kind=kind,
            subject=said.subject,
            source=source,
            summary=said.summary,
            attachments=(),
            collected_at=collected,
            recorded_at=self._clock.now(),
            effective_until=validity_end(kind, collected),
            unit=said.unit,
        )

    def get(self, evidence_id: str, *, by: Principal = SUITE) -> EvidenceRecord:
        """The record; NotFound when absent or of a unit the asker does not see, IntegrityFailed when unreadable."""
        return parsed(self._row(evidence_id, by))

    def find(
        self,
        kind: EvidenceKind | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        *,
        by: Principal = SUITE,
        limit: int = 1000,
    ) -> list[EvidenceRecord]:
        """Newest first, at most ``limit`` (1 to 10,000); ``since`` is a collection time."""
        self._access.require(by, Permission.EVIDENCE_READ)
        units, bounded = self._access.visible_units(by), max(1, min(limit, 10_000))
        with self._database.read() as connection:
            rows = store.query(
                connection, kind=kind, subject=subject, since=since, units=units, limit=bounded
            )
        return [parsed(row) for row in rows]

    def page(self, principal: Principal, ask: Ask) -> Page[Listed]:
        """Those of the principal's units and of the suite, newest first."""
        self._access.require(principal, Permission.EVIDENCE_READ)
        scope = self._access.seen(principal, store.evidence_records.c.unit, suite=True)
        with self._database.read() as connection:
            return RECORDS.page(connection, ask, *scope)

    def item(self, principal: Principal, evidence_id: str) -> Listed:
        """One record as lists show it."""
        self._access.require(principal, Permission.EVIDENCE_READ)
        scope = self._access.seen(principal, store.evidence_records.c.unit, suite=True)
        wanted = RECORDS.query.where(store.evidence_records.c.id == evidence_id, *scope)
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise _no_evidence(evidence_id)
        return listed(row)

    def seal_of(self, evidence_id: str, *, by: Principal = SUITE) -> Seal | None:
        """The record's seal, None while it waits for one."""
        row = self._row(evidence_id, by)
        with self._database.read() as connection:
            return store.fetch_seal(connection, row.seq)

    def body(self, evidence_id: str, *, by: Principal = SUITE) -> bytes:
        """The canonical bytes that were digested and signed."""
        body: str = self._row(evidence_id, by).body
        return body.encode()

    def attachment(self, digest: str) -> bytes:
        """The bytes of an attachment by its SHA-256."""
        return self._blobs.get(digest)

    # --- taking away
    def file(self, principal: Principal, evidence_id: str, part: Part) -> EvidenceFile:
        """A part of the record; NotFound while it is not sealed and the part is of the seal. Audited: it leaves the suite."""
        row = self._row(evidence_id, principal)
        record, body = parsed(row), row.body.encode()
        with self._database.read() as connection:
            seal = store.fetch_seal(connection, row.seq)
        if part is Part.BODY:
            found = body_file(record, body)
        elif part is Part.BUNDLE:
            attachments = {one.name: self._blobs.get(one.sha256) for one in record.attachments}
            found = bundle_file(record, body, seal, attachments)
        elif seal is None:
            raise NotFound(N_("The record has not been sealed yet."), place=evidence_id[:60])
        else:
            found = (signature_file if part is Part.SIGNATURE else token_file)(record, seal)
        return self._taken(principal, record, found)

    def attached(self, principal: Principal, evidence_id: str, name: str) -> EvidenceFile:
        """An attachment by its name; audited as every file that leaves the suite."""
        record = parsed(self._row(evidence_id, principal))
        found = next((one for one in record.attachments if one.name == name), None)
        if found is None:
            raise NotFound(N_("Evidence %(id)s has no attachment %(name)s."), id=record.id, name=name[:120])
        data = self._blobs.get(found.sha256)
        return self._taken(principal, record, EvidenceFile(found.name, found.media_type, data))

    def _taken(self, principal: Principal, record: EvidenceRecord, file: EvidenceFile) -> EvidenceFile:
        details = {"file": file.name, "sha256": sha256_hex(file.data)}
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.EVIDENCE_EXPORT, record.id, unit=record.unit, details=details)
        return file

    # --- sealing
    @property
    def sealer(self) -> Sealer:
        """Who signs and stamps evidence; packages of evidence are sealed by the same."""
        return self._sealer

    def seal_pending(self, *, by: Principal = SUITE) -> int:
        """Sign and time-stamp every record that waits; returns how many. Nothing happens before the CA has its keys.

        Each seal is stored by itself, so that an interruption loses none and repeats at most one signature.
        """
        self._access.require(by, Permission.EVIDENCE_SEAL)
        if not self._sealer.ready:
            return 0
        sealed = 0
        while waiting := self._waiting():
            for row in waiting:
                sealed += self._seal(row)
        if sealed:
            with self._database.begin() as uow:
                uow.audit(by, AuditAction.EVIDENCE_SEAL, "evidence", details={"records": sealed})
        return sealed

    def queue_sealing(self, principal: Principal) -> str:
        """Have the worker seal what waits; returns the job."""
        self._access.require(principal, Permission.EVIDENCE_SEAL)
        return self._queue(principal, SEAL)

    def queue_verification(self, principal: Principal) -> str:
        """Have the worker check every record and the chain between them; returns the job."""
        self._access.require_root(principal, Permission.EVIDENCE_READ)
        return self._queue(principal, VERIFY)

    def _queue(self, principal: Principal, kind: str) -> str:
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(kind, key=kind, requested_by=principal.id))
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": kind})
        return job

    def _waiting(self) -> list[Any]:
        with self._database.read() as connection:
            return store.unsealed(connection, 100)

    def _seal(self, row: Any) -> bool:
        cms = self._sealer.sign(row.body.encode())
        token = self._sealer.timestamp(hashlib.sha256(cms).digest())
        known = self._sealer.certificates()
        seal = Seal(cms, token, (*known.intermediates, *known.anchors))
        with self._database.begin() as uow:
            return store.insert_seal(uow.connection, row.seq, seal, self._clock.now())

    def anchor_audit(self, *, by: Principal = SUITE) -> str:
        """Verify the audit trail and record its head as evidence: once sealed, no one can rewrite what lies before it."""
        self._access.require(by, Permission.EVIDENCE_SEAL)
        with self._database.read() as connection:
            report = verify_chain(connection)
        summary = {
            "records": report.records,
            "head_seq": report.head_seq,
            "head": report.head_hash,
            "intact": report.intact,
            "faults": [{"seq": fault.seq, "kind": str(fault.kind)} for fault in report.faults[:100]],
        }
        with self._database.begin() as uow:
            anchor = self.record(
                uow, kind=EvidenceKind.AUDIT_ANCHOR, subject="audit", source="kernel", summary=summary
            )
            details = {"evidence": anchor, "records": report.records, "faults": len(report.faults)}
            outcome = "success" if report.intact else "failure"
            uow.audit(by, AuditAction.AUDIT_ANCHOR, "audit", outcome=outcome, details=details)
        return anchor

    # --- checking
    def verify(self, evidence_id: str, *, by: Principal = SUITE) -> EvidenceReport:
        """Check digests, predecessor, attachments, signature and time-stamp of one record; the report names each fault."""
        report = self._checked(self._row(evidence_id, by))
        self._audit_check(by, evidence_id, report)
        return report

    def proof(self, principal: Principal, evidence_id: str) -> Proof:
        """The same as a look: each check and what the seal says, without a record of it."""
        row = self._row(evidence_id, principal)
        report = self._checked(row)
        with self._database.read() as connection:
            seal = store.fetch_seal(connection, row.seq)
        signer, serial = signer_of(row.body.encode(), seal.cms) if seal else ("", "")
        return Proof(checks_of(report.faults), signer, serial, report.sealed_at)

    def _checked(self, row: Any) -> EvidenceReport:
        with self._database.read() as connection:
            before = store.fetch_number(connection, row.seq - 1)
            seal = store.fetch_seal(connection, row.seq)
        faults = [*record_faults(row, before), *self._attachment_faults(row)]
        seals, stamped = seal_faults(row, seal, self._sealer.certificates())
        return EvidenceReport(1, (*faults, *seals), stamped)

    def verify_all(self, *, by: Principal = SUITE, tell: Tell | None = None) -> EvidenceReport:
        """Check every record, the chain between them and its end; ``tell(done, total)`` is called every hundred records."""
        self._access.require_root(by, Permission.EVIDENCE_READ)
        faults: list[EvidenceFault] = []
        known, count, last = self._sealer.certificates(), 0, None
        with self._database.read() as connection:
            total = store.head(connection)[0]
            for row in store.walk(connection):
                count += 1
                if tell is not None and count % 100 == 0:
                    tell(count, total)
                faults += [*record_faults(row, last), *self._attachment_faults(row)]
                faults += chain_faults(row, last)
                faults += seal_faults(row, store.fetch_seal(connection, row.seq), known)[0]
                last = row
            faults += chain_faults(None, last, store.head(connection))
        report = EvidenceReport(count, tuple(faults))
        self._audit_check(by, "evidence", report)
        return report

    def _attachment_faults(self, row: Any) -> list[EvidenceFault]:
        try:
            record = parse_record(row.body.encode())
        except ValueError:
            return []  # record_faults names it
        faults = []
        for reference in record.attachments:
            try:
                self._blobs.get(reference.sha256)
            except WeichengError as error:
                faults.append(
                    EvidenceFault(EvidenceFaultKind.ATTACHMENT, record.id, error.text("en"), reference.name)
                )
        return faults

    def _audit_check(self, by: Principal, target: str, report: EvidenceReport) -> None:
        with self._database.begin() as uow:
            uow.audit(
                by,
                AuditAction.EVIDENCE_VERIFY,
                target,
                outcome="success" if report.intact else "failure",
                details={"records": report.records, "faults": len(report.faults)},
            )

    # --- reading
    def _row(self, evidence_id: str, by: Principal) -> Any:
        self._access.require(by, Permission.EVIDENCE_READ)
        with self._database.read() as connection:
            row = store.fetch(connection, evidence_id)
        if row is None or (row.unit is not None and not self._access.covers(by, row.unit)):
            raise _no_evidence(evidence_id)
        return row


def _no_evidence(evidence_id: str) -> NotFound:
    return NotFound(N_("There is no evidence %(id)s."), id=evidence_id[:60])


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not _FILE_NAME.fullmatch(name) or name.startswith("."):
            raise Invalid(N_("%(name)s is no plain file name."), name=repr(name)[:80])
    if len(set(names)) != len(names):
        raise Invalid(N_("Two attachments have the same name."), place=", ".join(sorted(names)))
