"""Deciding on a request: a second person approves exactly what was filed, or turns it down."""

from collections.abc import Mapping, Sequence
from typing import Any

from ca import store
from ca.authorities import authority_for
from ca.issuance import Issuance, Token, Wanted
from ca.model import Certificate, Request, State, move
from ca.profiles import Profiles
from ca.registration.filing import check_key_history, digest_of
from ca.registration.signatures import Signatures, refuse_own, single
from ca.registration.store import batch_decided_as_one
from kernel.audit.model import AuditAction
from kernel.errors import Conflict, IntegrityFailed
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.store import Database, UnitOfWork


class Decision:
    """Approves and rejects single requests; Registration checks permissions before it comes here."""

    def __init__(
        self,
        database: Database,
        approvals: Approvals,
        profiles: Profiles,
        issuance: Issuance,
        signatures: Signatures,
    ) -> None:
        self._signatures = signatures
        self._database = database
        self._approvals = approvals
        self._profiles = profiles
        self._issuance = issuance

    def approve(
        self, by: Principal, request_id: str, reason: str, signature: bytes | None = None
    ) -> Request | Certificate:
        """The certificate once enough people have approved, the request before; IntegrityFailed for a changed request.
        ``signature``: a detached CMS by which the officer approves, see Signatures."""
        token: Token | None = None
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            _require_open(request)
            _require_single(uow, request)
            refuse_own(uow.connection, by, [request])
            signed = self._signatures.check(uow, by, single(request), signature)
            approval = self._approvals.decide(
                uow, request.approval, by, approve=True, reason=reason, signed=signed
            )
            if approval.digest != digest_of(request):
                raise changed(request.id)
            if approval.state is ApprovalState.APPROVED:
                given = self._signatures.given(uow.connection, request.approval)
                token = self.grant(uow, by, request, given)
        if token is None:
            return request
        return self._issuance.sign(token)

    def grant(
        self, uow: UnitOfWork, by: Principal, request: Request, given: Sequence[Mapping[str, Any]]
    ) -> Token:
        """Store the intent of a request that was approved, with the signed decisions as the signer takes them; Conflict when
        key, profile or the certificate that it renews no longer allow it."""
        # looked at again: another request may have been granted the same key since this one was filed
        check_key_history(uow.connection, request.spki, request.subject)
        _check_renewed(uow, request)
        # the version that was filed; prepare refuses it when another is in force
        profile = self._profiles.version(request.profile, request.profile_version)
        store.set_request_state(uow.connection, request.id, move(request.id, request.state, State.APPROVED))
        authority = authority_for(uow.connection, request.profile)
        wanted = Wanted(
            profile, request.subject, request.names, request.spki, request.unit, request.id, approvals=given
        )
        return self._issuance.prepare(uow, by, authority, wanted)

    def reject(self, by: Principal, request_id: str, reason: str) -> Request:
        """The request, turned down; the reason is told to who filed it."""
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            _require_open(request)
            _require_single(uow, request)
            self._approvals.decide(uow, request.approval, by, approve=False, reason=reason)
            self.refuse(uow, by, request, reason)
            return store.read_request(uow.connection, request_id)

    def refuse(self, uow: UnitOfWork, by: Principal, request: Request, reason: str) -> None:
        """What becomes of a request that was turned down: its key is destroyed, whoever filed it is told."""
        store.set_request_state(uow.connection, request.id, move(request.id, request.state, State.REJECTED))
        store.take_sealed_key(uow.connection, request.id)
        target = f"request:{request.id}"
        uow.audit(by, AuditAction.CA_REQUEST_REJECT, target, unit=request.unit, reason=reason)
        uow.emit(Event(EventKind.CERTIFICATE_REJECTED, target, {"reason": reason}, unit=request.unit))


def changed(place: str) -> IntegrityFailed:
    """What is decided on is not what was filed."""
    return IntegrityFailed(
        N_("The request is not the one that was filed."),
        mend=N_("Reject it, and look for who changed it."),
        place=place,
    )


def _require_single(uow: UnitOfWork, request: Request) -> None:
    """Conflict for a request that is decided with its whole batch."""
    batch = batch_decided_as_one(uow.connection, request.id)
    if batch is not None:
        raise Conflict(
            N_("This request is decided with its whole batch, %(batch)s."),
            mend=N_("Decide on the batch."),
            place=request.id,
            batch=batch,
        )


def _check_renewed(uow: UnitOfWork, request: Request) -> None:
    """Conflict when the certificate was suspended or revoked while its renewal waited: who stole it may have asked for that."""
    if request.replaces is None:
        return
    old = store.read_certificate(uow.connection, request.replaces, lock=True)
    if old.state in (State.HELD, State.REVOKED):
        raise Conflict(
            N_("Certificate %(serial)s, which this request renews, was suspended or revoked meanwhile."),
            mend=N_(
                "Turn the request down; its holder is registered anew, or the certificate released first."
            ),
            place=request.id,
            serial=old.serial,
        )


def _require_open(request: Request) -> None:
    if request.state is not State.REQUESTED:
        raise Conflict(N_("This is decided already (%(state)s)."), place=request.id, state=request.state)
