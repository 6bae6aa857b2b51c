"""What happens to a certificate after it is issued (CA-5): hold, release, revoke; each makes a new CRL at once."""

from datetime import datetime

from ca import listing, store
from ca.encoding import crl as encoding
from ca.model import Certificate, Reason, State, move
from ca.ports import Evidence
from ca.status.publication import Publication
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import ErrorCode, Invalid, NotFound, Unavailable, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

REASONS = tuple(reason for reason in Reason if reason is not Reason.CERTIFICATE_HOLD)


class Lifecycle:
    """Moves certificates between their states."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, publication: Publication, evidence: Evidence
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._publication = publication
        self._evidence = evidence

    def show(self, principal: Principal, serial: str) -> Certificate:
        """One certificate; one of a unit the principal does not see is NotFound."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.read_certificate(connection, serial)
        if not self._access.covers(principal, found.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
        return found

    def page(self, principal: Principal, ask: Ask) -> Page[Certificate]:
        """Certificates of the principal's units.

        Filters: state, profile, unit, authority, request, expires_before, expires_after, revoked_since. Quick find by the
        beginnings of serial, SHA-256, and the words of subject and alternative names.
        """
        self._access.require(principal, Permission.CA_READ)
        units = None if self._access.topmost(principal) else self._access.visible_units(principal)
        with self._database.read() as connection:
            seen = listing.scope(connection, listing.CERTIFICATES, units, ask.text)
            return listing.CERTIFICATES.page(connection, ask, *seen)

    def hold(self, principal: Principal, serial: str, note: str) -> Certificate:
        """Suspend; relying parties see it as revoked until it is released."""
        found = self._permitted(principal, serial, Permission.CA_HOLD)
        now = self._now()
        entry = encoding.entry(int(found.serial, 16), now, Reason.CERTIFICATE_HOLD)
        with self._database.begin() as uow:
            self._move(uow, serial, State.HELD, now, Reason.CERTIFICATE_HOLD, entry)
            self._tell(uow, principal, found, AuditAction.CA_HOLD, EventKind.CERTIFICATE_HELD, note)
        return self._published(found)

    def release(self, principal: Principal, serial: str, note: str) -> Certificate:
        """End a suspension; the certificate is good again."""
        found = self._permitted(principal, serial, Permission.CA_HOLD)
        with self._database.begin() as uow:
            self._move(uow, serial, State.ISSUED, None, None, None)
            self._tell(uow, principal, found, AuditAction.CA_RELEASE, EventKind.CERTIFICATE_RELEASED, note)
        return self._published(found)

    def revoke(
        self,
        principal: Principal,
        serial: str,
        reason: Reason,
        note: str,
        *,
        invalid_since: datetime | None = None,
    ) -> Certificate:
        """Revoke for good. ``invalid_since`` is when the key is thought to have been compromised (invalidityDate)."""
        self._access.require(principal, Permission.CA_REVOKE)
        if reason not in REASONS:
            raise Invalid(N_("A hold is no revocation."), mend=N_("Use: weicheng ca hold."), place="reason")
        found = self._permitted(principal, serial, Permission.CA_REVOKE)
        now = self._now()
        if invalid_since is not None and invalid_since > now:
            raise Invalid(N_("The invalidity date lies in the future."), place="invalid-since")
        entry = encoding.entry(int(found.serial, 16), now, reason, invalid_since)
        with self._database.begin() as uow:
            self._move(uow, serial, State.REVOKED, now, reason, entry)
            self._tell(
                uow, principal, found, AuditAction.CA_REVOKE, EventKind.CERTIFICATE_REVOKED, note, reason
            )
            summary = {"serial": found.serial, "reason": reason.name.lower(), "subject": found.subject}
            self._evidence.record(
                uow,
                kind=EvidenceKind.CERTIFICATE_REVOKED,
                subject=f"certificate:{found.serial}",
                source="ca",
                summary=summary,
                unit=found.unit,
            )
        return self._published(found)

    def expire(self) -> int:
        """Mark what has ended; returns how many. What a relying party is told follows the time, not the mark."""
        with self._database.begin() as uow:
            count = store.expire(uow.connection, self._clock.now())
            if count:
                actor, details = Principal.system("ca"), {"certificates": count}
                uow.audit(actor, AuditAction.CA_EXPIRE, "certificates", details=details)
        return count

    def _permitted(self, principal: Principal, serial: str, permission: Permission) -> Certificate:
        self._access.require(principal, permission)
        with self._database.read() as connection:
            found = store.read_certificate(connection, serial)
        self._access.require(principal, permission, unit=found.unit)
        return found

    def _move(
        self,
        uow: UnitOfWork,
        serial: str,
        wanted: State,
        at: datetime | None,
        reason: Reason | None,
        entry: bytes | None,
    ) -> None:
        current = store.read_certificate(uow.connection, serial, lock=True)
        move(current.serial, current.state, wanted)
        store.set_status(uow.connection, current.serial, wanted, at, reason, entry)

    @staticmethod
    def _tell(
        uow: UnitOfWork,
        principal: Principal,
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
        uow.audit(principal, action, target, unit=found.unit, reason=note, details=details)
        uow.emit(Event(kind, target, details, unit=found.unit, severity="low"))
        # should the list not be signed below (a crash, a signer away), the worker makes it
        uow.enqueue(JobRequest("ca.crl-refresh", key="ca.crl-refresh"))

    def _published(self, found: Certificate) -> Certificate:
        try:
            self._publication.publish(found.authority, Principal.system("ca"))
        except Unavailable as error:
            raise WeichengError(
                ErrorCode.PARTIAL,
                N_("The change is made and OCSP tells of it; the new CRL is missing: %(cause)s"),
                mend=N_("The worker publishes it as soon as it can; or run: weicheng ca crl --publish."),
                place=found.serial,
                cause=error.text(),
            ) from error
        with self._database.read() as connection:
            return store.read_certificate(connection, found.serial)

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)
