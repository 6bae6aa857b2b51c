"""Moving a certificate between its states: one transaction for state, audit, event and evidence, then a new CRL.

What Lifecycle and Revocations are made of; they check permissions before they call it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ca import store
from ca.encoding import crl as encoding
from ca.encoding.log import EntryType
from ca.model import Certificate, Reason, State, move
from ca.ports import Evidence
from ca.status import store as lists
from ca.status.model import URGENT
from ca.status.proofs import opened
from ca.status.publication import Publication
from ca.transparency.queueing import tell
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import ErrorCode, Unavailable, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork


class Marking:
    """Writes what relying parties are told of a certificate."""

    def __init__(
        self, database: Database, clock: Clock, publication: Publication, evidence: Evidence
    ) -> None:
        self._database = database
        self._clock = clock
        self._publication = publication
        self._evidence = evidence

    def hold(self, uow: UnitOfWork, actor: Principal, found: Certificate, note: str) -> None:
        now, reason = self.now(), Reason.CERTIFICATE_HOLD
        self._set(uow, found, State.HELD, now, reason, encoding.entry(int(found.serial, 16), now, reason))
        self._log(uow, found, EntryType.HELD, reason)
        _tell(uow, actor, found, AuditAction.CA_HOLD, EventKind.CERTIFICATE_HELD, note)

    def release(self, uow: UnitOfWork, actor: Principal, found: Certificate, note: str) -> None:
        self._set(uow, found, State.ISSUED)
        self._log(uow, found, EntryType.RELEASED)
        _tell(uow, actor, found, AuditAction.CA_RELEASE, EventKind.CERTIFICATE_RELEASED, note)

    def revoke(
        self,
        uow: UnitOfWork,
        actor: Principal,
        found: Certificate,
        reason: Reason,
        note: str,
        invalid_since: datetime | None,
    ) -> None:
        """End it for good. ``invalid_since``: since when its key is not to be relied on (RFC 5280 section 5.3.2)."""
        now = self.now()
        entry = encoding.entry(int(found.serial, 16), now, reason, invalid_since)
        self._set(uow, found, State.REVOKED, now, reason, entry)
        self._log(uow, found, EntryType.REVOKED, reason)
        _tell(uow, actor, found, AuditAction.CA_REVOKE, EventKind.CERTIFICATE_REVOKED, note, reason)
        self._evidence.record(
            uow,
            kind=EvidenceKind.CERTIFICATE_REVOKED,
            subject=f"certificate:{found.serial}",
            source="ca",
            summary={"serial": found.serial, "reason": reason.name.lower(), "subject": found.subject},
            unit=found.unit,
        )

    def published(self, found: Certificate) -> Certificate:
        """Have the lists tell of the change; the certificate as it is now. PARTIAL when only the list is missing."""
        told = self.all_published([found])[found.serial]
        if isinstance(told, WeichengError):
            raise told
        return told

    def all_published(self, changed: Iterable[Certificate]) -> dict[str, Certificate | WeichengError]:
        """One list of each scope for all of them; by serial, the certificate as it is now or why its list is missing."""
        current = {one.serial: self._placed(one.serial) for one in changed}
        urgent = {place: False for _, place in current.values()}
        for now, place in current.values():
            urgent[place] |= now.reason in URGENT
        missing = self._tell_all(urgent)
        return {
            serial: _partly(serial, missing[place]) if place in missing else now
            for serial, (now, place) in current.items()
        }

    def _placed(self, serial: str) -> tuple[Certificate, tuple[str, int]]:
        """The certificate as it is now, and the CA and shard whose lists tell of it."""
        with self._database.read() as connection:
            now = store.read_certificate(connection, serial)
            return now, (now.authority, lists.shard_of(connection, now.serial))

    def _tell_all(self, urgent: Mapping[tuple[str, int], bool]) -> dict[tuple[str, int], Unavailable]:
        missing = {}
        for (authority, shard), at_once in sorted(urgent.items()):
            try:
                self._publication.tell(authority, shard, urgent=at_once)
            except Unavailable as error:
                missing[authority, shard] = error
        return missing

    def now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    @staticmethod
    def check(found: Certificate) -> None:
        """IllegalMove unless it can be revoked."""
        move(found.serial, found.state, State.REVOKED)

    def _log(
        self, uow: UnitOfWork, found: Certificate, what: EntryType, reason: Reason | None = None
    ) -> None:
        issuer = store.read_authority(uow.connection, found.authority)
        tell(uow, self._clock, what, found, issuer.spki, reason)

    def _set(
        self,
        uow: UnitOfWork,
        found: Certificate,
        wanted: State,
        at: datetime | None = None,
        reason: Reason | None = None,
        entry: bytes | None = None,
    ) -> None:
        current = store.read_certificate(uow.connection, found.serial, lock=True)
        move(current.serial, current.state, wanted)
        store.set_status(uow.connection, current.serial, wanted, at, reason)
        shard = lists.shard_of(uow.connection, current.serial)
        now, urgent = self.now(), reason in URGENT
        version = lists.add_change(uow.connection, current, shard, entry, urgent, now)
        proof = opened(current, version, entry is not None, now, self._publication.promised(urgent=urgent))
        lists.add_proof(uow.connection, proof)
        uow.enqueue(JobRequest("ca.proof", key="ca.proof", run_at=proof.next_at))


def _partly(serial: str, cause: Unavailable) -> WeichengError:
    return WeichengError(
        ErrorCode.PARTIAL,
        N_("The change is made and OCSP tells of it; the new CRL is missing: %(cause)s"),
        mend=N_("The worker publishes it as soon as it can; or run: weicheng ca crl --publish."),
        place=serial,
        cause=cause.text(),
    )


def _tell(
    uow: UnitOfWork,
    actor: Principal,
    found: Certificate,
    action: AuditAction,
    kind: EventKind,
    note: str,
    reason: Reason | None = None,
) -> None:
    target = f"certificate:{found.serial}"
    details = {"serial": found.serial, "subject": found.subject}
    if reason is not None:
        details["reason"] = reason.name.lower()
    uow.audit(actor, action, target, unit=found.unit, reason=note, details=details)
    uow.emit(Event(kind, target, details, unit=found.unit, severity="low"))
    # should the list not be signed afterwards (a crash, a signer away), the worker makes it
    uow.enqueue(JobRequest("ca.crl-refresh", key="ca.crl-refresh"))
