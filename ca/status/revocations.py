"""A CA's certificate is revoked, or its suspension ended, by two officers: one proposes, another performs."""

from dataclasses import replace
from datetime import datetime

from ca import store
from ca.encoding.decoded import is_authority
from ca.model import Certificate, ProposalState, Reason, Revocation, State, move
from ca.status import proposals
from ca.status.lifecycle import check_revocation
from ca.status.marking import Marking
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


class Revocations:
    """Proposes and performs the revocation and the release of CA certificates."""

    def __init__(self, database: Database, access: Access, approvals: Approvals, marking: Marking) -> None:
        self._database = database
        self._access = access
        self._approvals = approvals
        self._marking = marking

    def page(self, principal: Principal, ask: Ask) -> Page[Revocation]:
        """What was proposed, newest first. Filters: state, serial."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return proposals.REVOCATIONS.page(connection, ask)

    def show(self, principal: Principal, revocation_id: str) -> Revocation:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return proposals.read(connection, revocation_id)

    def propose(
        self,
        principal: Principal,
        serial: str,
        reason: Reason,
        note: str,
        *,
        invalid_since: datetime | None = None,
    ) -> Revocation:
        """Ask a second officer to revoke a CA's certificate. Conflict while another proposal for it waits."""
        self._access.require(principal, Permission.CA_REVOKE)
        check_revocation(reason, invalid_since, self._marking.now())
        return self._propose(principal, serial, reason, note, invalid_since)

    def propose_release(self, principal: Principal, serial: str, note: str) -> Revocation:
        """Ask a second officer to end the suspension of a CA's certificate. IllegalMove unless it is suspended."""
        self._access.require(principal, Permission.CA_HOLD)
        return self._propose(principal, serial, Reason.REMOVE_FROM_CRL, note, None)

    def _propose(
        self, principal: Principal, serial: str, reason: Reason, note: str, invalid_since: datetime | None
    ) -> Revocation:
        with self._database.begin() as uow:
            found = store.read_certificate(uow.connection, serial, lock=True)
            self._check(uow, principal, found, reason)
            revocation = Revocation(
                id=new_id("rev"),
                serial=found.serial,
                subject=found.subject,
                reason=reason,
                note=note,
                invalid_since=invalid_since,
                state=ProposalState.PROPOSED,
                approval="",
                proposed_by=principal.id,
                proposed_at=self._marking.now(),
            )
            return self._store(uow, principal, revocation, found.unit)

    def perform(self, principal: Principal, revocation_id: str) -> Certificate:
        """Approve as the second officer, and revoke or release. NotPermitted for who proposed it."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            revocation = self._waiting(uow, revocation_id)
            approval = self._approvals.decide(uow, revocation.approval, principal, approve=True)
            if approval.digest != _digest(revocation):
                raise IntegrityFailed(
                    N_("The revocation is not the one that was proposed."), place=revocation_id
                )
            found = store.read_certificate(uow.connection, revocation.serial)
            reason, since = revocation.reason, revocation.invalid_since
            if reason is Reason.REMOVE_FROM_CRL:
                self._marking.release(uow, principal, found, revocation.note)
            else:
                self._marking.revoke(uow, principal, found, reason, revocation.note, since)
            proposals.decide(uow.connection, revocation.id, ProposalState.PERFORMED, self._marking.now())
        return self._marking.published(found)

    def reject(self, principal: Principal, revocation_id: str, reason: str) -> Revocation:
        """Turn the proposal down; the certificate stays what it is."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            revocation = self._waiting(uow, revocation_id)
            self._approvals.decide(uow, revocation.approval, principal, approve=False, reason=reason)
            proposals.decide(uow.connection, revocation.id, ProposalState.REJECTED, self._marking.now())
            return proposals.read(uow.connection, revocation.id)

    def _check(self, uow: UnitOfWork, principal: Principal, found: Certificate, reason: Reason) -> None:
        if not self._access.covers(principal, found.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=found.serial)
        if not is_authority(found.der):
            raise Invalid(
                N_("This is no certificate of a CA."),
                mend=N_("One officer revokes or releases it: weicheng ca revoke, weicheng ca release."),
                place=found.serial,
            )
        if reason is Reason.REMOVE_FROM_CRL:
            move(found.serial, found.state, State.ISSUED)
        else:
            Marking.check(found)
        if proposals.is_waiting(uow.connection, found.serial):
            raise Conflict(
                N_("Its revocation or release is proposed already."),
                mend=N_("Another officer performs or rejects it."),
                place=found.serial,
            )

    def _store(self, uow: UnitOfWork, principal: Principal, revocation: Revocation, unit: str) -> Revocation:
        target = f"revocation:{revocation.id}"
        approval = self._approvals.open(
            uow,
            kind="ca:revocation",
            subject=target,
            title=revocation.subject,
            digest=_digest(revocation),
            requested_by=principal,
            permission=Permission.CA_CEREMONY_APPROVE,
            unit=unit,
        )
        proposed = replace(revocation, approval=approval.id)
        proposals.add(uow.connection, proposed)
        details = {"serial": proposed.serial, "reason": proposed.reason.name.lower()}
        release = proposed.reason is Reason.REMOVE_FROM_CRL
        uow.audit(
            principal,
            AuditAction.CA_RELEASE_PROPOSE if release else AuditAction.CA_REVOKE_PROPOSE,
            f"certificate:{proposed.serial}",
            unit=unit,
            reason=proposed.note,
            details=details,
        )
        return proposed

    @staticmethod
    def _waiting(uow: UnitOfWork, revocation_id: str) -> Revocation:
        found = proposals.read(uow.connection, revocation_id, lock=True)
        if found.state is not ProposalState.PROPOSED:
            raise Conflict(N_("This is decided already (%(state)s)."), place=found.id, state=found.state)
        return found


def _digest(revocation: Revocation) -> str:
    since = revocation.invalid_since
    bound = {
        "serial": revocation.serial,
        "reason": int(revocation.reason),
        "note": revocation.note,
        "invalid_since": None if since is None else iso_utc(since),
    }
    return sha256_hex(canonical_json(bound))
