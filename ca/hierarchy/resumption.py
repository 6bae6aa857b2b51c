"""After a clock that was ahead: two officers agree from which moment a CA signs again.

A CA signs nothing with a clock behind what it has signed: a clock that was set back could not be told from a database that was.
Here two people say that the time before was false. Numbers of lists go on upwards, so the newest list stays the newest.
What the false time has ended falsely is put back: certificates marked as past their end, and revocations that the lists have
left out since their certificates seemed over.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from ca import store as core
from ca.encoding import crl as encoding
from ca.hierarchy import false_ends
from ca.model import Authority, AuthorityState, ProposalState, Reason
from ca.resumption import store
from ca.resumption.store import RESUMPTIONS, Ahead, Resumption
from ca.status import store as status
from ca.status.files import ListFiles
from ca.status.publication import Publication
from ca.timestamps.store import last_signature
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

LONGEST_AGO = timedelta(days=1)  # a moment longer ago is a slip of the pen


class Resumptions:
    """Proposes and performs that a CA signs again."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        publication: Publication,
        files: ListFiles,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._publication = publication
        self._files = files

    def page(self, principal: Principal, ask: Ask) -> Page[Resumption]:
        """What was proposed, newest first. Filters: state, authority."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return RESUMPTIONS.page(connection, ask)

    def show(self, principal: Principal, resumption_id: str) -> Resumption:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return store.read(connection, resumption_id)

    def ahead(self, principal: Principal) -> list[Ahead]:
        """The CAs that sign nothing because they have signed for times to come, when the clock was ahead."""
        self._access.require(principal, Permission.CA_READ)
        now = self._clock.now()
        with self._database.read() as connection:
            active = [one for one in core.read_authorities(connection) if one.state is AuthorityState.ACTIVE]
            found = [self._waits(connection, one, now) for one in active]
        return [one for one in found if one is not None]

    def _waits(self, connection: Connection, authority: Authority, now: datetime) -> Ahead | None:
        until, _numbers, count = self._signed(connection, authority.id, now)
        agreed = store.in_force(connection, authority.id, now)
        if until <= now or (agreed is not None and until <= agreed.ahead_until):
            return None
        return Ahead(authority.id, authority.name, until, count)

    def propose(
        self, principal: Principal, authority_id: str, note: str, moment: datetime | None = None
    ) -> Resumption:
        """Ask a second officer to let the CA sign again from ``moment`` (now, unless given).

        Conflict when it has signed nothing after that moment, or while another proposal for it waits.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        now = self._clock.now().replace(microsecond=0)
        since = now if moment is None else moment
        if since < now - LONGEST_AGO:
            raise Invalid(N_("That moment is more than a day ago."), mend=N_("Name the true time now."))
        with self._database.begin() as uow:
            core.read_authority(uow.connection, authority_id)
            if store.waiting(uow.connection, authority_id):
                raise Conflict(
                    N_("A resumption of this CA is proposed already."),
                    mend=N_("Another officer performs it or turns it down."),
                    place=authority_id,
                )
            proposed = Resumption(
                id=new_id("rsm"),
                authority=authority_id,
                moment=since,
                **self._found(uow.connection, authority_id, since),  # type: ignore[arg-type]
                note=note,
                state=ProposalState.PROPOSED,
                approval="",
                proposed_by=principal.id,
                proposed_at=now,
            )
            return self._store(uow, principal, proposed)

    def perform(self, principal: Principal, resumption_id: str) -> Resumption:
        """Approve as the second officer; new full lists are signed at once. NotPermitted for who proposed it.

        Conflict when the CA has signed on since with the false time. Unavailable without signer: it is agreed on then, and the
        worker makes the lists.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        now = self._clock.now().replace(microsecond=0)
        with self._database.begin() as uow:
            one = self._waiting(uow, resumption_id)
            approval = self._approvals.decide(uow, one.approval, principal, approve=True)
            if approval.digest != _digest(one):
                raise IntegrityFailed(
                    N_("The resumption is not the one that was proposed."), place=resumption_id
                )
            if self._found(uow.connection, one.authority, one.moment) != _told(one):
                raise Conflict(
                    N_("The CA has signed more since this was proposed."),
                    mend=N_("Turn it down; set the clock right first, then propose it anew."),
                    place=one.authority,
                )
            store.decide(uow.connection, one.id, ProposalState.PERFORMED, now)
            self._resume(uow, principal, one, now)
            authority = core.read_authority(uow.connection, one.authority)
        if authority.signs_here and one.moment <= now:
            self._publication.publish(one.authority, principal)
        return self.show(principal, resumption_id)

    def reject(self, principal: Principal, resumption_id: str, reason: str) -> Resumption:
        """Turn it down; the CA waits until the time has caught up."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            one = self._waiting(uow, resumption_id)
            self._approvals.decide(uow, one.approval, principal, approve=False, reason=reason)
            store.decide(uow.connection, one.id, ProposalState.REJECTED, self._clock.now())
            return store.read(uow.connection, one.id)

    # --- what is ahead
    def _found(self, connection: Connection, authority_id: str, moment: datetime) -> dict[str, object]:
        """What a proposal binds; Conflict when nothing is ahead of the moment."""
        until, numbers, count = self._signed(connection, authority_id, moment)
        if until <= moment:
            raise Conflict(N_("The CA has signed nothing after that moment."), place=authority_id)
        return {"ahead_until": until, "numbers": numbers, "certificates": count}

    def _signed(
        self, connection: Connection, authority_id: str, moment: datetime
    ) -> tuple[datetime, dict[str, int], int]:
        """The newest time that was signed for (the moment, if none is later), the newest number of each shard, and how many
        certificates were intended since the moment."""
        count, intended = store.intended_ahead(connection, authority_id, moment)
        lists = [one for one in status.newest_lists(connection) if one.authority == authority_id]
        published = [(one.shard, self._files.newest(one.scope, one.kind)) for one in lists]
        known = [(one.shard, one.number, one.this_update) for one in lists]
        known += [(shard, file.number, file.this_update) for shard, file in published if file is not None]
        numbers: dict[str, int] = {}
        for shard, number, _ in known:
            numbers[str(shard)] = max(number, numbers.get(str(shard), 0))
        others = (intended, last_signature(connection))
        until = max([moment, *(at for _, _, at in known), *(at for at in others if at is not None)])
        return until, numbers, count

    # --- setting it right
    def _resume(self, uow: UnitOfWork, principal: Principal, one: Resumption, now: datetime) -> None:
        listed = _list_again(uow, one, now)
        again = false_ends.use_again(uow.connection, one)
        status.forget_ahead(uow.connection, one.authority, now)
        target = f"authority:{one.authority}"
        details = {
            name: value for name, value in asdict(one).items() if name in ("id", "certificates", "numbers")
        }
        details |= {"moment": iso_utc(one.moment), "ahead_until": iso_utc(one.ahead_until)}
        details |= {"listed_again": listed, "in_use_again": again}
        uow.audit(principal, AuditAction.CA_RESUME, target, reason=one.note, details=details)
        uow.emit(Event(EventKind.CLOCK_OVERRULED, target, details, severity="high"))
        # new lists, and new certificates for services whose certificate begins in the false time
        for kind in ("ca.crl-refresh", "ca.renew-services"):
            uow.enqueue(JobRequest(kind, key=kind, run_at=max(now, one.moment)))

    def _store(self, uow: UnitOfWork, principal: Principal, one: Resumption) -> Resumption:
        target = f"authority:{one.authority}"
        approval = self._approvals.open(
            uow,
            kind="ca:resumption",
            subject=f"resumption:{one.id}",
            title=one.authority,
            digest=_digest(one),
            requested_by=principal,
            permission=Permission.CA_CEREMONY_APPROVE,
        )
        proposed = replace(one, approval=approval.id)
        store.add(uow.connection, proposed)
        details = {"moment": iso_utc(one.moment), "ahead_until": iso_utc(one.ahead_until)}
        details["certificates"] = str(one.certificates)
        uow.audit(principal, AuditAction.CA_RESUME_PROPOSE, target, reason=one.note, details=details)
        return store.read(uow.connection, proposed.id)

    @staticmethod
    def _waiting(uow: UnitOfWork, resumption_id: str) -> Resumption:
        found = store.read(uow.connection, resumption_id, lock=True)
        if found.state is not ProposalState.PROPOSED:
            raise Conflict(N_("This is decided already (%(state)s)."), place=found.id, state=found.state)
        return found


def _list_again(uow: UnitOfWork, one: Resumption, now: datetime) -> int:
    """Put what lists may have left out on them, as changes of now; invalidity dates that were forgotten are lost."""
    rows = false_ends.falsely_unlisted(uow.connection, one)
    changed = [status.Changed(row.serial, row.crl_shard, row.not_after, _entry(row)) for row in rows]
    if changed:
        status.add_changes(uow.connection, one.authority, changed, False, now)
    return len(changed)


def _entry(row: Row[Any]) -> bytes:
    return row.entry or encoding.entry(int(row.serial, 16), row.revoked_at, Reason(row.reason))


def _told(one: Resumption) -> dict[str, object]:
    return {"ahead_until": one.ahead_until, "numbers": dict(one.numbers), "certificates": one.certificates}


def _digest(one: Resumption) -> str:
    bound: Mapping[str, object] = {
        "authority": one.authority,
        "moment": iso_utc(one.moment),
        "ahead_until": iso_utc(one.ahead_until),
        "numbers": dict(one.numbers),
        "certificates": one.certificates,
        "note": one.note,
    }
    return sha256_hex(canonical_json(bound))
