"""Every result in one transaction with its audit record, its event and its evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from backup import store
from backup.codec import finding_row, verification_row
from backup.drilling import drill_summary
from backup.model import (
    Drill,
    Level,
    Plan,
    ReplicaCopy,
    Run,
    RunState,
    StoredSet,
    Verdict,
    Verification,
)
from backup.receipts import Receipt, body
from backup.room import Room
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, iso_utc
from kernel.events import Event, EventKind
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.store import UnitOfWork

SHOWN_FINDINGS = 20  # in events and summaries; the attachment holds them all


def target(plan: Plan, site: str = "") -> str:
    """How a plan, or its replica at a site, is named in the audit trail: as in the lists."""
    return f"backup:{plan.id}.{site}" if site else f"backup:{plan.id}"


class Recorder:
    """Writes what happened, in the caller's transaction."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def queued(
        self,
        uow: UnitOfWork,
        principal: Principal,
        plan: Plan,
        work: str,
        job: str,
        asked: Mapping[str, Any],
    ) -> None:
        details = {"work": work, "job": job, **asked}
        reason = str(details.pop("reason", ""))
        self._audit(uow, principal, AuditAction.JOB_ENQUEUE, plan, "", True, details, reason)

    def stored(
        self, uow: UnitOfWork, principal: Principal, plan: Plan, receipt: Receipt, faults: Sequence[str]
    ) -> None:
        facts = {
            "receipt": receipt.seq,
            "digest": receipt.digest,
            "files": receipt.files,
            "bytes": receipt.bytes,
        }
        details = {**facts, "faults": list(faults), "removed": len(receipt.removed)}
        if receipt.removed:
            self._audit(uow, principal, AuditAction.BACKUP_RETAIN, plan, "", not faults, details)
        self._audit(uow, principal, AuditAction.BACKUP_RUN, plan, "", not faults, details)
        severity = "medium" if faults else "info"
        uow.emit(Event(EventKind.BACKUP_STORED, plan.id, details, plan.unit, severity))

    def failed(self, uow: UnitOfWork, principal: Principal, plan: Plan, run: Run, error: str) -> None:
        now = self._room.clock.now()
        store.move_run(uow.connection, run.id, RunState.FAILED, error=error, finished_at=now)
        details = {"run": run.id, "error": error}
        self._audit(uow, principal, AuditAction.BACKUP_RUN, plan, "", False, details)
        uow.emit(Event(EventKind.BACKUP_FAILED, plan.id, details, plan.unit, "high"))

    def replicated(
        self,
        uow: UnitOfWork,
        principal: Principal,
        plan: Plan,
        receipt: Receipt,
        copies: Sequence[ReplicaCopy],
        errors: Sequence[str],
    ) -> None:
        sites = [vars(copy) for copy in copies]
        details = {"receipt": receipt.seq, "sites": sites}
        self._audit(uow, principal, AuditAction.BACKUP_REPLICATE, plan, "", not errors, details)
        summary = {
            "verdict": str(Verdict.FAIL if errors else Verdict.PASS),
            "sites": sites,
            "receipt": receipt.seq,
            "receipt_digest": receipt.digest,
            "inventory_root": receipt.root,
            "files": receipt.files,
            "bytes": receipt.bytes,
            "sets": [_set_row(stored) for stored in receipt.sets],
            "errors": list(errors),
        }
        attachment = Attachment(f"receipt-{receipt.seq:08d}.json", body(receipt), "application/json")
        self._evidence(uow, EvidenceKind.BACKUP_RUN, plan, summary, receipt.at, [attachment])

    def verified(self, uow: UnitOfWork, principal: Principal, plan: Plan, found: Verification) -> None:
        store.insert_verification(uow.connection, found)
        passed = found.verdict is Verdict.PASS
        if passed:
            store.put_replica(uow.connection, plan.id, found.site, proved=found.receipt)
        summary = {
            "site": found.site,
            "verdict": str(found.verdict),
            "level": max(int(found.reached), 0),
            "receipt": found.receipt,
            "bytes_read": found.bytes_read,
            "findings": [finding_row(finding) for finding in found.findings[:SHOWN_FINDINGS]],
        }
        self._audit(uow, principal, AuditAction.BACKUP_VERIFY, plan, found.site, passed, summary)
        kind = EventKind.BACKUP_REPLICA_VERIFIED if passed else EventKind.BACKUP_REPLICA_DAMAGED
        severity = "info" if passed else "high"
        uow.emit(Event(kind, f"{plan.id}/{found.site}", summary, plan.unit, severity))
        report = Attachment("verification.json", canonical_json(verification_row(found)), "application/json")
        self._evidence(uow, EvidenceKind.BACKUP_VERIFIED, plan, summary, found.finished_at, [report])

    def mended(
        self,
        uow: UnitOfWork,
        principal: Principal,
        plan: Plan,
        files: Sequence[str],
        again: Verification,
        reason: str,
    ) -> None:
        sound = again.verdict is Verdict.PASS
        details = {"files": list(files), "verdict": str(again.verdict)}
        self._audit(uow, principal, AuditAction.BACKUP_MEND, plan, again.site, sound, details, reason)
        run = store.run_of_receipt(uow.connection, plan.id, again.receipt)
        if run is not None and run.state is RunState.FAILED and sound:
            store.move_run(uow.connection, run.id, RunState.REPLICATED, error="")
        self.verified(uow, principal, plan, again)

    def drilled(self, uow: UnitOfWork, principal: Principal, plan: Plan, drill: Drill) -> None:
        store.insert_drill(uow.connection, drill)
        passed = drill.verdict is Verdict.PASS
        summary = drill_summary(drill)
        details = {"drill": drill.id, "verdict": str(drill.verdict), "rto": drill.rto, "rpo": drill.rpo}
        self._audit(uow, principal, AuditAction.BACKUP_DRILL, plan, drill.site, passed, details)
        kind = EventKind.BACKUP_DRILL_PASSED if passed else EventKind.BACKUP_DRILL_FAILED
        severity = "info" if passed else "high"
        uow.emit(Event(kind, f"{plan.id}/{drill.site}", summary, plan.unit, severity))
        self._evidence(uow, EvidenceKind.RESTORE_DRILL, plan, summary, drill.finished_at, [])

    def _audit(
        self,
        uow: UnitOfWork,
        principal: Principal,
        action: AuditAction,
        plan: Plan,
        site: str,
        success: bool,
        details: dict[str, Any],
        reason: str = "",
    ) -> None:
        outcome, name = "success" if success else "failure", target(plan, site)
        uow.audit(
            principal, action, name, unit=plan.unit, outcome=outcome, details=details, reason=reason or None
        )

    def _evidence(
        self,
        uow: UnitOfWork,
        kind: EvidenceKind,
        plan: Plan,
        summary: dict[str, Any],
        at: datetime,
        attachments: Sequence[Attachment],
    ) -> None:
        self._room.evidence.record(
            uow,
            kind=kind,
            subject=plan.id,
            source=f"backup ({plan.engine})",
            summary=summary,
            attachments=attachments,
            collected_at=at,
            unit=plan.unit,
        )


def judge_run(uow: UnitOfWork, plan: Plan, found: Sequence[Verification]) -> None:
    """Move the newest run: to failed when a site fails, to verified when every site of the plan passed V2 or more."""
    newest = store.receipts_of(uow.connection, plan.id)[-1]
    run = store.run_of_receipt(uow.connection, plan.id, newest.seq)
    if run is None:
        return
    damaged = [verification.site for verification in found if verification.verdict is Verdict.FAIL]
    if damaged and run.state in (RunState.REPLICATED, RunState.VERIFIED):
        error = translate(N_("damaged at %(sites)s"), sites=", ".join(damaged))
        store.move_run(uow.connection, run.id, RunState.FAILED, error=error)
        return
    sound = (one for one in found if one.verdict is Verdict.PASS and one.reached >= Level.V2)
    if run.state is RunState.REPLICATED and {one.site for one in sound} == {site.name for site in plan.sites}:
        store.move_run(uow.connection, run.id, RunState.VERIFIED)


def _set_row(stored: StoredSet) -> dict[str, Any]:
    return {**vars(stored), "layer": str(stored.layer), "as_of": iso_utc(stored.as_of)}
