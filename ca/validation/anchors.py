"""Whom we trust beside ourselves: anchors that two officers agree on, and the CRLs of foreign CAs that officers hand in."""

from dataclasses import replace

from ca.validation import reading, store
from ca.validation.store import AnchorState, ForeignCrl, TrustAnchor
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


class Anchors:
    """Proposes, accepts and removes trust anchors; takes CRLs."""

    def __init__(self, database: Database, clock: Clock, access: Access, approvals: Approvals) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals

    def page(self, principal: Principal, ask: Ask) -> Page[TrustAnchor]:
        """All that were ever proposed, newest first. Filter: state."""
        self._access.require(principal, Permission.CA_VALIDATE)
        with self._database.read() as connection:
            return store.ANCHORS.page(connection, ask)

    def show(self, principal: Principal, anchor_id: str) -> TrustAnchor:
        self._access.require(principal, Permission.CA_VALIDATE)
        with self._database.read() as connection:
            return store.read_anchor(connection, anchor_id)

    def propose(self, principal: Principal, data: bytes, *, name: str, note: str) -> TrustAnchor:
        """Ask a second officer to trust a CA's certificate (PEM or DER); Conflict when it is trusted or proposed already."""
        self._access.require_root(principal, Permission.CA_ANCHOR_PROPOSE)
        found = _only_ca(data, name)
        with self._database.begin() as uow:
            now = self._clock.now()
            anchor = replace(found, id=new_id("anc"), note=note, proposed_by=principal.id, proposed_at=now)
            self._check_new(uow, anchor)
            approval = self._approvals.open(
                uow,
                kind="ca:anchor",
                subject=f"anchor:{anchor.id}",
                title=anchor.name,
                digest=anchor.fingerprint,
                requested_by=principal,
                permission=Permission.CA_ANCHOR_APPROVE,
            )
            anchor = replace(anchor, approval=approval.id)
            store.add_anchor(uow.connection, anchor)
            self._audit(uow, principal, AuditAction.CA_ANCHOR_PROPOSE, anchor, note)
        return anchor

    def accept(self, principal: Principal, anchor_id: str) -> TrustAnchor:
        """Trust it as the second officer, from now on and for all past times. NotPermitted for who proposed it."""
        self._access.require_root(principal, Permission.CA_ANCHOR_APPROVE)
        with self._database.begin() as uow:
            anchor = _in_state(uow, anchor_id, AnchorState.PROPOSED)
            approval = self._approvals.decide(uow, anchor.approval, principal, approve=True)
            if approval.digest != sha256_hex(anchor.certificate):
                raise IntegrityFailed(
                    N_("The trust anchor is not the one that was proposed."), place=anchor_id
                )
            return self._move(uow, principal, anchor, AnchorState.TRUSTED, AuditAction.CA_ANCHOR_ACCEPT)

    def reject(self, principal: Principal, anchor_id: str, reason: str) -> TrustAnchor:
        """Turn the proposal down."""
        self._access.require_root(principal, Permission.CA_ANCHOR_APPROVE)
        with self._database.begin() as uow:
            anchor = _in_state(uow, anchor_id, AnchorState.PROPOSED)
            self._approvals.decide(uow, anchor.approval, principal, approve=False, reason=reason)
            return self._move(
                uow, principal, anchor, AnchorState.REJECTED, AuditAction.CA_ANCHOR_REJECT, reason
            )

    def remove(self, principal: Principal, anchor_id: str, reason: str) -> TrustAnchor:
        """Trust it no more. One officer is enough: what is refused for want of trust harms less than what is accepted."""
        self._access.require_root(principal, Permission.CA_ANCHOR_PROPOSE)
        with self._database.begin() as uow:
            anchor = _in_state(uow, anchor_id, AnchorState.TRUSTED)
            return self._move(
                uow, principal, anchor, AnchorState.REMOVED, AuditAction.CA_ANCHOR_REMOVE, reason
            )

    # --- CRLs of foreign CAs
    def crls(self, principal: Principal, ask: Ask) -> Page[ForeignCrl]:
        """What was handed in, newest first. Filter: issuer."""
        self._access.require(principal, Permission.CA_VALIDATE)
        with self._database.read() as connection:
            return store.CRLS.page(connection, ask)

    def crl(self, principal: Principal, crl_id: str) -> ForeignCrl:
        self._access.require(principal, Permission.CA_VALIDATE)
        with self._database.read() as connection:
            return store.read_crl(connection, crl_id)

    def add_crls(self, principal: Principal, data: bytes, *, name: str = "") -> list[ForeignCrl]:
        """Keep CRLs (PEM or DER) of other CAs for validations to come; those that are here already are left out."""
        self._access.require_root(principal, Permission.CA_ANCHOR_PROPOSE)
        given = reading.crls(data, name)
        with self._database.begin() as uow:
            new = {sha256_hex(der): der for der in given}
            return [
                self._keep(uow, principal, digest, der)
                for digest, der in new.items()
                if not store.has_crl(uow.connection, digest)
            ]

    def _keep(self, uow: UnitOfWork, principal: Principal, digest: str, der: bytes) -> ForeignCrl:
        about = reading.about_crl(der)
        one = ForeignCrl(
            new_id("fcrl"), fingerprint=digest, given_by=principal.id, given_at=self._clock.now(), **about
        )
        store.add_crl(uow.connection, one, der)
        details = {"issuer": one.issuer, "number": one.number, "sha256": digest}
        uow.audit(principal, AuditAction.CA_FOREIGN_CRL_ADD, f"foreign-crl:{one.id}", details=details)
        return one

    # --- parts
    @staticmethod
    def _check_new(uow: UnitOfWork, anchor: TrustAnchor) -> None:
        living = store.living_anchors(uow.connection, (AnchorState.PROPOSED, AnchorState.TRUSTED))
        if any(one.fingerprint == anchor.fingerprint for one in living):
            raise Conflict(N_("This certificate is trusted or proposed already."), place=anchor.fingerprint)

    def _move(
        self,
        uow: UnitOfWork,
        principal: Principal,
        anchor: TrustAnchor,
        state: AnchorState,
        action: AuditAction,
        reason: str = "",
    ) -> TrustAnchor:
        store.set_anchor_state(uow.connection, anchor.id, state, self._clock.now())
        self._audit(uow, principal, action, anchor, reason)
        return store.read_anchor(uow.connection, anchor.id)

    @staticmethod
    def _audit(
        uow: UnitOfWork, principal: Principal, action: AuditAction, anchor: TrustAnchor, reason: str
    ) -> None:
        details = {"name": anchor.name, "subject": anchor.subject, "sha256": anchor.fingerprint}
        uow.audit(principal, action, f"anchor:{anchor.id}", reason=reason or None, details=details)


def _in_state(uow: UnitOfWork, anchor_id: str, wanted: AnchorState) -> TrustAnchor:
    anchor = store.read_anchor(uow.connection, anchor_id, lock=True)
    if anchor.state is not wanted:
        raise Conflict(N_("The trust anchor is %(state)s."), place=anchor.id, state=anchor.state)
    return anchor


def _only_ca(data: bytes, name: str) -> TrustAnchor:
    """The one certificate of a CA that the octets hold, without what its proposal adds."""
    given = reading.certificates(data)
    if len(given) != 1:
        raise Invalid(N_("Give exactly one certificate; %(count)s are in it."), place=name, count=len(given))
    parsed = reading.certificate(given[0])
    if not parsed.ca:
        raise Invalid(N_("A trust anchor is the certificate of a CA; this one is not."), place=name)
    about = reading.about(given[0])
    return TrustAnchor(
        id="",
        name=name or about.subject[:200],
        certificate=given[0],
        fingerprint=about.sha256,
        subject=about.subject,
        not_after=parsed.not_valid_after,
        note="",
        state=AnchorState.PROPOSED,
        approval="",
        proposed_by="",
        proposed_at=parsed.not_valid_before,
    )
