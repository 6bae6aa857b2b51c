"""After a fault, or a clock that was ahead, the log begins anew: two officers agree on exactly the entries that are taken over.

The new log's heads vouch for whatever the database holds now, and what the old log signed is compared with it no more. One
person who could change the database could otherwise hide a certificate alone.
"""

from dataclasses import replace

from ca.encoding import merkle
from ca.model import ProposalState
from ca.transparency import restartstore, store
from ca.transparency.kept import KeptHead
from ca.transparency.model import Fault, LogState, Restart
from ca.transparency.tiles import Tree
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page


class Restarts:
    """Proposes and performs that the log goes on as another log over the entries that are there."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, approvals: Approvals, kept: KeptHead
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._kept = kept

    def page(self, principal: Principal, ask: Ask) -> Page[Restart]:
        """What was proposed, newest first. Filters: state."""
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return restartstore.RESTARTS.page(connection, ask)

    def show(self, principal: Principal, restart_id: str) -> Restart:
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return restartstore.read(connection, restart_id)

    def propose(self, principal: Principal, note: str) -> Restart:
        """Ask a second officer to let the log begin anew over the entries that are there now.

        Conflict when nothing is wrong, or while another proposal waits; IntegrityFailed when an entry is missing.
        """
        self._access.require_root(principal, Permission.LOG_RESTART)
        with self._database.begin() as uow:
            state = store.lock(uow.connection)
            fault = self._fault(uow, state)
            if fault is Fault.NONE:
                raise Conflict(N_("Nothing is wrong with the log."))
            if restartstore.waiting(uow.connection):
                raise Conflict(
                    N_("To begin the log anew is proposed already."),
                    mend=N_("Another officer performs it or turns it down."),
                    place=state.log,
                )
            there = merkle.Frontier()
            for leaf in store.leaf_hashes(uow.connection):
                there.append(leaf)
            signed = max(self._kept_size(), store.largest_signed(uow.connection, state.log))
            proposed = Restart(
                id=new_id("lgr"),
                log=state.log,
                fault=fault,
                entries=there.size,
                root=there.root.hex(),
                signed=signed,
                note=note,
                state=ProposalState.PROPOSED,
                approval="",
                proposed_by=principal.id,
                proposed_at=self._clock.now(),
            )
            return self._store(uow, principal, proposed)

    def perform(self, principal: Principal, restart_id: str) -> Restart:
        """Approve as the second officer; NotPermitted for who proposed it. What the old log signed stays listed and kept aside.

        Conflict when the entries are no longer those that were proposed.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            state = store.lock(uow.connection)
            one = self._waiting(uow, restart_id)
            approval = self._approvals.decide(uow, one.approval, principal, approve=True)
            if approval.digest != _digest(one):
                raise IntegrityFailed(N_("The new beginning is not the one that was proposed."), place=one.id)
            size = store.rebuild(uow.connection)
            root = merkle.root(Tree(uow.connection).node, size).hex()
            if (state.log, size, root) != (one.log, one.entries, one.root):
                raise Conflict(
                    N_("The log's entries are no longer those that were proposed."),
                    mend=N_("Turn it down, look for who changed them, then propose it anew."),
                    place=one.id,
                )
            begun = store.begin_anew(uow.connection)
            restartstore.decide(uow.connection, one.id, ProposalState.PERFORMED, self._clock.now(), begun)
            details = {**_bound(one), "begun": begun, "fault": str(one.fault)}
            uow.audit(principal, AuditAction.CA_LOG_RESTART, "log", reason=one.note, details=details)
            # before the commit: the other way round a power cut would leave the new log measured by the old one's head
            self._kept.put_aside(one.log)
        return self.show(principal, restart_id)

    def reject(self, principal: Principal, restart_id: str, reason: str) -> Restart:
        """Turn it down; the log goes on signing nothing."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            one = self._waiting(uow, restart_id)
            self._approvals.decide(uow, one.approval, principal, approve=False, reason=reason)
            restartstore.decide(uow.connection, one.id, ProposalState.REJECTED, self._clock.now())
            return restartstore.read(uow.connection, one.id)

    def _fault(self, uow: UnitOfWork, state: LogState) -> Fault:
        newest = store.newest_head(uow.connection)
        if state.fault is Fault.NONE and newest is not None and newest.head.at > self._clock.now():
            return Fault.AHEAD
        return state.fault

    def _kept_size(self) -> int:
        """Entries under the head that is kept outside the database; 0 when it can not be read: that may be the fault."""
        try:
            kept = self._kept.read()
        except ValueError:
            return 0
        return 0 if kept is None else kept.size

    def _store(self, uow: UnitOfWork, principal: Principal, one: Restart) -> Restart:
        approval = self._approvals.open(
            uow,
            kind="ca:log-restart",
            subject=f"log-restart:{one.id}",
            title=one.log,
            digest=_digest(one),
            requested_by=principal,
            permission=Permission.CA_CEREMONY_APPROVE,
        )
        restartstore.add(uow.connection, replace(one, approval=approval.id))
        details = {**_bound(one), "fault": str(one.fault)}
        uow.audit(principal, AuditAction.CA_LOG_RESTART_PROPOSE, "log", reason=one.note, details=details)
        return restartstore.read(uow.connection, one.id)

    @staticmethod
    def _waiting(uow: UnitOfWork, restart_id: str) -> Restart:
        found = restartstore.read(uow.connection, restart_id, lock=True)
        if found.state is not ProposalState.PROPOSED:
            raise Conflict(N_("This is decided already (%(state)s)."), place=found.id, state=found.state)
        return found


def _bound(one: Restart) -> dict[str, object]:
    """What the officers agree on."""
    return {"log": one.log, "entries": one.entries, "root": one.root, "signed": one.signed}


def _digest(one: Restart) -> str:
    return sha256_hex(canonical_json({**_bound(one), "note": one.note}))
