"""What happens to a certificate after it is issued (CA-5): hold, release, revoke; each makes a new CRL at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ca import listing, store
from ca.encoding.decoded import is_authority
from ca.model import Certificate, Reason
from ca.status.marking import Marking
from ca.tables import certificates
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Invalid, NeedsApproval, NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page

Outcomes = Mapping[str, Certificate | WeichengError]  # by serial: what it is now, or why not
REASONS = tuple(
    reason for reason in Reason if reason not in (Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL)
)


class Lifecycle:
    """Moves certificates between their states."""

    def __init__(self, database: Database, clock: Clock, access: Access, marking: Marking) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._marking = marking

    def show(self, principal: Principal, serial: str) -> Certificate:
        """One certificate; one of a unit the principal does not see is NotFound."""
        return self._permitted(principal, serial, Permission.CA_READ)

    def page(self, principal: Principal, ask: Ask) -> Page[Certificate]:
        """Certificates of the principal's units.

        Filters: state, profile, unit, authority, request, expires_before, expires_after, revoked_since. Quick find by the
        beginnings of serial, SHA-256, and the words of subject and alternative names.
        """
        self._access.require(principal, Permission.CA_READ)
        seen = self._access.seen(principal, certificates.c.unit)
        with self._database.read() as connection:
            found = listing.certificates_by(connection, ask.text)
            return listing.CERTIFICATES.page(connection, ask, *seen, *found)

    def hold(self, principal: Principal, serial: str, note: str) -> Certificate:
        """Suspend; relying parties see it as revoked until it is released."""
        return self._marking.published(self._held(principal, serial, note))

    def hold_many(self, principal: Principal, serials: Sequence[str], note: str) -> Outcomes:
        """As ``hold`` for each; one that is refused stops no other, and one new CRL tells of all."""
        self._access.require(principal, Permission.CA_HOLD)
        return self._each(serials, lambda serial: self._held(principal, serial, note))

    def release(self, principal: Principal, serial: str, note: str) -> Certificate:
        """End a suspension; the certificate is good again.

        NeedsApproval for a CA's certificate, which takes two officers (Revocations): one may suspend it, at once.
        """
        return self._marking.published(self._released(principal, serial, note))

    def release_many(self, principal: Principal, serials: Sequence[str], note: str) -> Outcomes:
        """As ``release`` for each, like ``hold_many``."""
        self._access.require(principal, Permission.CA_HOLD)
        return self._each(serials, lambda serial: self._released(principal, serial, note))

    def revoke(
        self,
        principal: Principal,
        serial: str,
        reason: Reason,
        note: str,
        *,
        invalid_since: datetime | None = None,
    ) -> Certificate:
        """Revoke for good. ``invalid_since`` is when the key is thought to have been compromised (invalidityDate).

        NeedsApproval for a CA's certificate, which takes two officers (Revocations).
        """
        return self._marking.published(self._revoked(principal, serial, reason, note, invalid_since))

    def revoke_many(
        self,
        principal: Principal,
        serials: Sequence[str],
        reason: Reason,
        note: str,
        *,
        invalid_since: datetime | None = None,
    ) -> Outcomes:
        """As ``revoke`` for each, like ``hold_many``."""
        self._access.require(principal, Permission.CA_REVOKE)
        return self._each(
            serials, lambda serial: self._revoked(principal, serial, reason, note, invalid_since)
        )

    def _held(self, principal: Principal, serial: str, note: str) -> Certificate:
        found = self._permitted(principal, serial, Permission.CA_HOLD)
        with self._database.begin() as uow:
            self._marking.hold(uow, principal, found, note)
        return found

    def _released(self, principal: Principal, serial: str, note: str) -> Certificate:
        found = self._permitted(principal, serial, Permission.CA_HOLD)
        if is_authority(found.der):
            raise NeedsApproval(
                N_("The suspension of a CA's certificate is ended by two officers."),
                mend=N_("Propose it: weicheng ca revocation propose-release; another officer performs it."),
                place=found.serial,
            )
        with self._database.begin() as uow:
            self._marking.release(uow, principal, found, note)
        return found

    def _revoked(
        self, principal: Principal, serial: str, reason: Reason, note: str, invalid_since: datetime | None
    ) -> Certificate:
        self._access.require(principal, Permission.CA_REVOKE)
        check_revocation(reason, invalid_since, self._marking.now())
        found = self._permitted(principal, serial, Permission.CA_REVOKE)
        if is_authority(found.der):
            raise NeedsApproval(
                N_("The certificate of a CA is revoked by two officers."),
                mend=N_("Propose it: weicheng ca revocation propose; another officer performs it."),
                place=found.serial,
            )
        with self._database.begin() as uow:
            self._marking.revoke(uow, principal, found, reason, note, invalid_since)
        return found

    def _each(self, serials: Sequence[str], act: Callable[[str], Certificate]) -> Outcomes:
        changed: dict[str, Certificate] = {}
        refused: dict[str, WeichengError] = {}
        for serial in serials:
            try:
                changed[serial] = act(serial)
            except WeichengError as error:
                refused[serial] = error
        told = self._marking.all_published(changed.values())
        return {**refused, **{serial: told[one.serial] for serial, one in changed.items()}}

    def expire(self) -> int:
        """Mark what has ended; returns how many. What a relying party is told follows the time, not the mark."""
        with self._database.begin() as uow:
            count = store.expire(uow.connection, self._clock.now())
            if count:
                actor, details = Principal.system("ca"), {"certificates": count}
                uow.audit(actor, AuditAction.CA_EXPIRE, "certificates", details=details)
        return count

    def _permitted(self, principal: Principal, serial: str, permission: Permission) -> Certificate:
        return certificate_for(self._database, self._access, principal, serial, permission)


def certificate_for(
    database: Database, access: Access, principal: Principal, serial: str, permission: Permission
) -> Certificate:
    """The certificate that the principal wants to look at or act on; one of a unit that they do not see is NotFound."""
    access.require(principal, permission)
    with database.read() as connection:
        found = store.read_certificate(connection, serial)
    if not access.covers(principal, found.unit):
        raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
    return found


def check_revocation(reason: Reason, invalid_since: datetime | None, now: datetime) -> None:
    """Invalid for what is no revocation, and for a key that is to become doubtful only later."""
    if reason not in REASONS:
        raise Invalid(N_("A hold is no revocation."), mend=N_("Use: weicheng ca hold."), place="reason")
    if invalid_since is not None and invalid_since > now:
        raise Invalid(N_("The invalidity date lies in the future."), place="invalid_since")
