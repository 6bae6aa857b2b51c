"""Requests to offline CAs: made, kept, answered. What Offline and Ceremonies are made of; they check permissions first."""

from collections.abc import Mapping, Sequence
from typing import Any

from ca import store
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.model import Carried, Ceremony, OfflineState, Step
from ca.hierarchy.offline import OfflineRequest, answers_of, read_answer, read_request
from ca.hierarchy.orders import Order, check_answer
from kernel.audit.model import AuditAction
from kernel.canonical import iso_utc, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed
from kernel.i18n import N_
from kernel.identity.model import Approval, Principal
from kernel.ids import new_id
from kernel.store import UnitOfWork


class Ferry:
    """Carries orders out and answers in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def request(
        self,
        uow: UnitOfWork,
        by: Principal,
        ceremony: Ceremony,
        step: Step,
        orders: Sequence[Order],
        approval: Approval,
    ) -> Carried:
        """Have a ceremony's step signed elsewhere."""
        about = {
            "ceremony": ceremony.id,
            "title": ceremony.title,
            "step": step.title["zh"],
            "plan": ceremony.digest,
            "proposed_by": ceremony.proposer or ceremony.proposed_by,
            "approval": approval.id,
            "approved_by": hierarchy_store.names_of(uow.connection, approval.approved_by),
        }
        purpose = str(ceremony.kind)
        return self.make(
            uow, by, purpose, ceremony.title, orders, about, ceremony=ceremony.id, number=step.number
        )

    def make(
        self,
        uow: UnitOfWork,
        by: Principal,
        purpose: str,
        title: str,
        orders: Sequence[Order],
        about: Mapping[str, Any],
        *,
        memo: Mapping[str, Any] | None = None,
        ceremony: str | None = None,
        number: int | None = None,
    ) -> Carried:
        """Keep a request to be exported; ``about`` is told to who signs it."""
        now, request_id = self._clock.now(), new_id("ofr")
        told = {**about, "made_by": by.name, "made_at": iso_utc(now), "purpose": purpose}
        request = OfflineRequest(request_id, tuple(orders), told)
        carried = Carried(
            id=request_id,
            ceremony=ceremony,
            number=number,
            purpose=purpose,
            authority=orders[0].key,
            title=title,
            state=OfflineState.WAITING,
            file=request.encode().decode(),
            digest=request.digest,
            work=dict(memo or {}),
            made_by=by.id,
            made_at=now,
        )
        hierarchy_store.add_request(uow.connection, carried)
        details = {"digest": request.digest, "orders": [order.digest for order in orders], "purpose": purpose}
        uow.audit(by, AuditAction.CA_OFFLINE_REQUEST, f"offline:{request_id}", details=details)
        return carried

    def take(self, uow: UnitOfWork, by: Principal, data: bytes) -> Carried:
        """Take an answer in: to a request that waits, unchanged, by the right keys; typed errors otherwise."""
        answer = read_answer(data)
        carried = hierarchy_store.read_request(uow.connection, answer.request, lock=True)
        if carried.state is not OfflineState.WAITING:
            raise Conflict(
                N_("Request %(id)s does not wait for an answer (%(state)s)."),
                mend=N_("An answer is taken once, and none to a request that was replaced."),
                place=carried.id,
                id=carried.id,
                state=str(carried.state),
            )
        request = read_request(carried.file.encode())
        if request.digest != carried.digest:
            raise IntegrityFailed(N_("The request was changed after it was made."), place=carried.id)
        known = {sha256_hex(one.spki): one.spki for one in store.read_authorities(uow.connection)}
        for order, one in zip(request.orders, answers_of(request, answer), strict=True):
            check_answer(order, one, known.get(order.key, b""))
        hierarchy_store.change_request(
            uow.connection,
            carried.id,
            state=str(OfflineState.ANSWERED),
            answer=data.decode(),
            signed_by=answer.signed_by,
            signed_at=answer.signed_at,
            decided_by=by.id,
            decided_at=self._clock.now(),
        )
        details = {"digest": sha256_hex(data), "request": carried.digest, "signed_by": answer.signed_by}
        details |= {"signed_at": iso_utc(answer.signed_at)}
        uow.audit(by, AuditAction.CA_OFFLINE_IMPORT, f"offline:{carried.id}", details=details)
        return hierarchy_store.read_request(uow.connection, carried.id)

    @staticmethod
    def answers(carried: Carried) -> Sequence[bytes]:
        """What a request that is answered came to."""
        return answers_of(read_request(carried.file.encode()), read_answer(carried.answer.encode()))

    def void(self, uow: UnitOfWork, by: Principal, carried: Carried, reason: str) -> None:
        """No answer to it is taken any more."""
        hierarchy_store.change_request(
            uow.connection,
            carried.id,
            state=str(OfflineState.VOID),
            decided_by=by.id,
            decided_at=self._clock.now(),
        )
        uow.audit(by, AuditAction.CA_OFFLINE_VOID, f"offline:{carried.id}", reason=reason)

    def void_of(self, uow: UnitOfWork, by: Principal, ceremony_id: str, reason: str) -> None:
        """As ``void`` for what a ceremony waits for."""
        for one in hierarchy_store.read_requests(uow.connection):
            if one.ceremony == ceremony_id and one.state is OfflineState.WAITING:
                self.void(uow, by, one, reason)
