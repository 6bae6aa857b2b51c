"""Four eyes as a service: an act waits until enough other people have approved exactly that act.

A decision may be signed: whoever decides signs, with a key of their own, a document that says what they approve. Whether the
signature is wanted and whose it is, is for the room that has the act done; here the two are kept together.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, NotPermitted
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import DOCUMENT_FORMAT, Approval, ApprovalState, Principal, SignedDecision
from kernel.identity.permissions import Permission
from kernel.identity.store import approval_signatures, approval_votes, approvals, users
from kernel.ids import new_id
from kernel.store import UnitOfWork


class Approvals:
    """Opens and decides approvals in the caller's transaction, so that the decision and its effect are one."""

    def __init__(self, clock: Clock, access: Access) -> None:
        self._clock = clock
        self._access = access

    def open(
        self,
        uow: UnitOfWork,
        *,
        kind: str,
        subject: str,
        title: str,
        digest: str,
        requested_by: Principal,
        permission: Permission,
        unit: str | None = None,
        needed: int = 1,
    ) -> Approval:
        """Ask for ``needed`` other people who hold ``permission``; ``digest`` (SHA-256 hex) binds what they approve."""
        if needed < 1:
            raise Invalid(N_("An approval needs at least one person."), place=subject)
        approval = Approval(
            new_id("apr"),
            kind,
            subject,
            title[:300],
            digest,
            requested_by.id,
            str(permission),
            unit,
            needed,
            ApprovalState.PENDING,
        )
        row = {name: getattr(approval, name) for name in _COLUMNS}
        uow.execute(approvals.insert().values(**row, state=str(approval.state), opened_at=self._clock.now()))
        details = {"kind": kind, "digest": digest, "needed": needed}
        uow.audit(requested_by, AuditAction.APPROVAL_OPEN, subject, unit=unit, details=details)
        told = {"approval": approval.id, "kind": kind}
        uow.emit(Event(EventKind.APPROVAL_OPENED, subject, told, unit=unit))
        return approval

    def get(self, uow: UnitOfWork, approval_id: str) -> Approval:
        """The approval as it stands in this transaction; NotFound otherwise."""
        return _read(uow.connection, approval_id, _BY_ID.with_for_update())

    def document(
        self, connection: Connection, approval_id: str, officer: Principal, what: Mapping[str, Any]
    ) -> bytes:
        """What this person signs to approve (canonical JSON); the same each time it is asked for.

        ``what`` is what the approval's digest was made from; IntegrityFailed when it is not. People are named by their
        login, as their certificates name them (UID).
        """
        approval = _read(connection, approval_id, _BY_ID)
        if sha256_hex(canonical_json(what)) != approval.digest:
            raise IntegrityFailed(
                N_("What is to be approved is not what was filed."),
                mend=N_("Reject it, and look for who changed it."),
                place=approval.subject,
            )
        logins = _logins(connection, approval.requested_by, officer.id)
        return canonical_json(
            {
                "format": DOCUMENT_FORMAT,
                "verdict": "approve",
                "approval": approval.id,
                "kind": approval.kind,
                "subject": approval.subject,
                "digest": approval.digest,
                "what": what,
                "needed": approval.needed,
                "filed_by": logins[approval.requested_by],
                "officer": logins[officer.id],
            }
        )

    def signatures(self, connection: Connection, approval_id: str) -> tuple[SignedDecision, ...]:
        """The signed decisions of an approval, by person."""
        query = select(approval_signatures).where(approval_signatures.c.approval == approval_id)
        rows = connection.execute(query.order_by(approval_signatures.c.person))
        return tuple(SignedDecision(row.document.encode(), bytes(row.signature)) for row in rows)

    def decide(
        self,
        uow: UnitOfWork,
        approval_id: str,
        principal: Principal,
        *,
        approve: bool,
        reason: str = "",
        signed: SignedDecision | None = None,
    ) -> Approval:
        """Record one person's decision, and its signature that the room has checked; return the approval's new state.

        NotPermitted for the requester and for whoever lacks the permission, Conflict when it is decided already or the
        same person decides twice, Invalid for a rejection without a reason.
        """
        approval = self.get(uow, approval_id)
        self._check(approval, principal, approve, reason)
        now = self._clock.now()
        cast = {"approval": approval_id, "person": principal.id}
        uow.execute(approval_votes.insert().values(**cast, approve=approve, reason=reason, at=now))
        if signed is not None:
            kept = {"document": signed.document.decode(), "signature": signed.signature}
            uow.execute(approval_signatures.insert().values(**cast, **kept))
        state = self._state_after(approval, approve)
        if state is not ApprovalState.PENDING:
            done = approvals.update().where(approvals.c.id == approval_id)
            uow.execute(done.values(state=str(state), decided_at=now))
        details = {"approve": approve, "digest": approval.digest, "state": str(state)}
        if signed is not None:
            details["signature"] = sha256_hex(signed.signature)
        about, unit = approval.subject, approval.unit
        uow.audit(principal, AuditAction.APPROVAL_DECIDE, about, unit=unit, reason=reason, details=details)
        told = {"approval": approval_id, "state": str(state)}
        uow.emit(Event(EventKind.APPROVAL_DECIDED, about, told, unit))
        return self.get(uow, approval_id)

    def _check(self, approval: Approval, principal: Principal, approve: bool, reason: str) -> None:
        self._access.require(principal, Permission(approval.permission), unit=approval.unit)
        if not principal.is_person:
            raise NotPermitted(
                N_("%(name)s may not do this (%(permission)s)."),
                mend=N_("A second person has to decide."),
                place=approval.subject,
                name=principal.name,
                permission=approval.permission,
            )
        if principal.id == approval.requested_by:
            denied = NotPermitted(
                N_("%(name)s asked for this and can not approve it."),
                mend=N_("A second person has to decide."),
                place=approval.subject,
                name=principal.name,
            )
            denied.__dict__["denial"] = (
                principal,
                AuditAction.APPROVAL_DECIDE,
                approval.subject,
                approval.unit,
            )
            raise denied
        if approval.state is not ApprovalState.PENDING:
            raise Conflict(
                N_("This is decided already (%(state)s)."), place=approval.subject, state=approval.state
            )
        if principal.id in approval.approved_by:
            raise Conflict(
                N_("%(name)s has approved this already."), place=approval.subject, name=principal.name
            )
        if not approve and not reason.strip():
            raise Invalid(N_("A rejection needs a reason."), place=approval.subject)

    @staticmethod
    def _state_after(approval: Approval, approve: bool) -> ApprovalState:
        if not approve:
            return ApprovalState.REJECTED
        enough = len(approval.approved_by) + 1 >= approval.needed
        return ApprovalState.APPROVED if enough else ApprovalState.PENDING


_COLUMNS = ("id", "kind", "subject", "title", "digest", "requested_by", "permission", "unit", "needed")
_BY_ID = select(approvals)


def _read(connection: Connection, approval_id: str, query: Select[Any]) -> Approval:
    row: Row[Any] | None = connection.execute(query.where(approvals.c.id == approval_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no approval %(id)s."), id=approval_id)
    votes = select(approval_votes.c.person).where(
        approval_votes.c.approval == approval_id, approval_votes.c.approve.is_(True)
    )
    people = tuple(sorted(connection.execute(votes).scalars()))
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Approval(**values, state=ApprovalState(row.state), approved_by=people)


def _logins(connection: Connection, *ids: str) -> Mapping[str, str]:
    """Logins by id; a part of the suite, which has none, is called by its id."""
    rows = connection.execute(select(users.c.id, users.c.login).where(users.c.id.in_(ids)))
    return {one: one for one in ids} | {row.id: row.login for row in rows}
