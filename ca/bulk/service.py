"""Revoking many certificates: looked at without doing anything, proposed, performed by another officer as a job (CA-5)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from ca import store as core
from ca.bulk import choosing, store
from ca.bulk.choosing import Preview
from ca.bulk.selection import MOST, Selection
from ca.bulk.store import Bulk, BulkRow, BulkState, Outcome, bulks
from ca.encoding.decoded import is_authority
from ca.model import Reason
from ca.status.lifecycle import check_revocation
from ca.status.marking import Marking
from ca.tables import certificates
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.errors import Conflict, IntegrityFailed, Invalid, LimitExceeded, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

WORK = "ca.bulk-revoke"
_SAMPLE = 20
_PROGRESS = 100


class BulkRevocations:
    """Previews, proposes, performs."""

    def __init__(self, database: Database, access: Access, approvals: Approvals, marking: Marking) -> None:
        self._database = database
        self._access = access
        self._approvals = approvals
        self._marking = marking

    def page(self, principal: Principal, ask: Ask) -> Page[Bulk]:
        """What was proposed in the principal's units, newest first. Filter: state."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return store.BULKS.page(connection, ask, *self._access.seen(principal, bulks.c.unit))

    def show(self, principal: Principal, bulk_id: str) -> Bulk:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.read(connection, bulk_id)
        if not self._access.covers(principal, found.unit):
            raise store.none_such(bulk_id)
        return found

    def rows(self, principal: Principal, ask: Ask) -> Page[BulkRow]:
        """Certificates of bulk revocations of the principal's units, each with what became of it. Filters: bulk, outcome."""
        self._access.require(principal, Permission.CA_READ)
        mine = store.rows_of(self._access.seen(principal, bulks.c.unit))
        with self._database.read() as connection:
            return store.ROWS.page(connection, ask, *mine)

    # --- the dry run
    def preview(self, principal: Principal, selection: Selection) -> Preview:
        """What would be touched. Does nothing."""
        self._access.require(principal, Permission.CA_REVOKE)
        with self._database.read() as connection:
            chosen, left_out = self._chosen(connection, principal, selection)
            return choosing.preview(connection, [serial for serial, _ in chosen], chosen[:_SAMPLE], left_out)

    def propose(
        self,
        principal: Principal,
        selection: Selection,
        reason: Reason,
        note: str,
        *,
        invalid_since: datetime | None = None,
        expected: str = "",
    ) -> Bulk:
        """Ask a second officer to revoke exactly what fits now; what comes to fit later is left alone.

        ``expected`` is the digest of a preview: Conflict when what fits is something else by now.
        """
        self._access.require(principal, Permission.CA_REVOKE)
        check_revocation(reason, invalid_since, self._marking.now())
        with self._database.begin() as uow:
            chosen, _ = self._chosen(uow.connection, principal, selection)
            if not chosen:
                raise Invalid(N_("No certificate that can be revoked fits."), place="selection")
            made = self._bulk(principal, selection, reason, note, invalid_since)
            serials = [serial for serial, _ in chosen]
            if expected and choosing.digest_of(serials) != expected:
                raise Conflict(
                    N_("What fits is not what the dry run showed any more: %(count)s certificates by now."),
                    mend=N_("Look again what would be revoked."),
                    place="selection",
                    count=len(serials),
                )
            made = replace(made, total=len(chosen), digest=_digest(made, serials))
            approval = self._open(uow, principal, made)
            made = replace(made, approval=approval)
            store.add(uow.connection, made, chosen)
            self._audit(uow, principal, AuditAction.CA_BULK_PROPOSE, made)
            return store.read(uow.connection, made.id)

    def perform(self, principal: Principal, bulk_id: str) -> Bulk:
        """Approve as the second officer; a job revokes them. NotPermitted for who proposed it."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        self.show(principal, bulk_id)
        with self._database.begin() as uow:
            found = _waiting(uow, bulk_id)
            approval = self._approvals.decide(uow, found.approval, principal, approve=True)
            if approval.digest != _digest(found, store.serials_of(uow.connection, bulk_id)):
                raise IntegrityFailed(N_("The revocation is not the one that was proposed."), place=bulk_id)
            asked = JobRequest(
                WORK, {"bulk": bulk_id}, key=f"{WORK}:{bulk_id}", unit=found.unit, requested_by=principal.id
            )
            job = uow.enqueue(asked)
            decided = {"decided_by": principal.id, "decided_at": self._marking.now(), "job": job}
            store.set_state(uow.connection, bulk_id, BulkState.PERFORMING, **decided)
            self._audit(uow, principal, AuditAction.CA_BULK_PERFORM, found)
            return store.read(uow.connection, bulk_id)

    def reject(self, principal: Principal, bulk_id: str, reason: str) -> Bulk:
        """Turn the proposal down; nothing is revoked."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        self.show(principal, bulk_id)
        with self._database.begin() as uow:
            found = _waiting(uow, bulk_id)
            self._approvals.decide(uow, found.approval, principal, approve=False, reason=reason)
            decided = {"decided_by": principal.id, "decided_at": self._marking.now()}
            store.set_state(uow.connection, bulk_id, BulkState.REJECTED, **decided)
            self._audit(uow, principal, AuditAction.CA_BULK_REJECT, found, reason)
            return store.read(uow.connection, bulk_id)

    # --- the job
    def run(self, context: JobContext) -> None:
        """Revoke each in a transaction of its own, with its result; one publication tells of all. Safe to repeat."""
        bulk_id = str(context.payload["bulk"])
        with self._database.read() as connection:
            found = store.read(connection, bulk_id)
            waiting = store.serials_of(connection, bulk_id, Outcome.WAITING)
        actor = Principal(found.decided_by, found.decided_by, frozenset(), found.unit, "system")
        for number, serial in enumerate(waiting, 1):
            if number % _PROGRESS == 0:
                if context.cancelled():
                    return
                context.progress(number, len(waiting))
            self._one(actor, found, serial)
        context.progress(len(waiting), len(waiting))
        self._publish(bulk_id)
        with context.finish({"total": found.total}) as uow:
            store.set_state(uow.connection, bulk_id, BulkState.PERFORMED)

    def _one(self, actor: Principal, found: Bulk, serial: str) -> None:
        try:
            with self._database.begin() as uow:
                certificate = core.read_certificate(uow.connection, serial)
                self._marking.revoke(uow, actor, certificate, found.reason, found.note, found.invalid_since)
                store.set_outcome(uow.connection, found.id, serial, Outcome.REVOKED)
        except WeichengError as error:  # revoked meanwhile, for one
            with self._database.begin() as uow:
                store.set_outcome(uow.connection, found.id, serial, Outcome.REFUSED, error.text("en"))

    def _publish(self, bulk_id: str) -> None:
        with self._database.read() as connection:
            done = store.serials_of(connection, bulk_id, Outcome.REVOKED)
            changed = [core.read_certificate(connection, serial) for serial in done]
        self._marking.all_published(changed)

    # --- parts
    def _chosen(
        self, connection: Any, principal: Principal, selection: Selection
    ) -> tuple[list[tuple[str, str]], int]:
        """(serial, subject) of what fits and can be revoked so, and how many CA certificates were left out."""
        found = choosing.fitting(connection, selection, self._access.seen(principal, certificates.c.unit))
        if len(found) > MOST:
            raise LimitExceeded(
                N_("At most %(most)s certificates are revoked at once."), place="selection", most=MOST
            )
        leaves = [(serial, subject) for serial, subject, der in found if not is_authority(der)]
        return leaves, len(found) - len(leaves)

    def _bulk(
        self, principal: Principal, selection: Selection, reason: Reason, note: str, since: datetime | None
    ) -> Bulk:
        return Bulk(
            id=new_id("blk"),
            selection=selection.as_dict(),
            total=0,
            digest="",
            reason=reason,
            note=note,
            invalid_since=since,
            unit=principal.unit,
            state=BulkState.PROPOSED,
            approval="",
            job="",
            proposed_by=principal.id,
            proposed_at=self._marking.now(),
            decided_by="",
            decided_at=None,
        )

    def _open(self, uow: UnitOfWork, principal: Principal, made: Bulk) -> str:
        approval = self._approvals.open(
            uow,
            kind="ca:bulk",
            subject=f"bulk:{made.id}",
            title=made.note,
            digest=made.digest,
            requested_by=principal,
            permission=Permission.CA_CEREMONY_APPROVE,
            unit=made.unit,
        )
        return approval.id

    @staticmethod
    def _audit(
        uow: UnitOfWork, principal: Principal, action: AuditAction, made: Bulk, reason: str = ""
    ) -> None:
        details = {"total": made.total, "reason": made.reason.name.lower(), "sha256": made.digest}
        details |= {"selection": made.selection}
        uow.audit(
            principal, action, f"bulk:{made.id}", unit=made.unit, reason=reason or made.note, details=details
        )


def _waiting(uow: UnitOfWork, bulk_id: str) -> Bulk:
    found = store.read(uow.connection, bulk_id, lock=True)
    if found.state is not BulkState.PROPOSED:
        raise Conflict(N_("This is decided already (%(state)s)."), place=found.id, state=found.state)
    return found


def _digest(made: Bulk, serials: list[str]) -> str:
    bound: dict[str, Any] = {
        "serials": serials,
        "reason": int(made.reason),
        "note": made.note,
        "invalid_since": None if made.invalid_since is None else iso_utc(made.invalid_since),
    }
    return sha256_hex(canonical_json(bound))
