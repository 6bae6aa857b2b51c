"""Self-service: whoever has an account with a certificate bound to it looks after their own certificates.

Own are the certificates that are bound to the account, those they renew, and those that renew them. Looking and suspending take
any sign-in of the person (a lost token signs nobody in); asking for a renewal takes the certificate itself.
"""

from sqlalchemy import Connection, select

from ca import store
from ca.listing import CERTIFICATES
from ca.model import Certificate, Request
from ca.registration.filing import Application, Filing
from ca.registration.store import inherit_phrase
from ca.status.marking import Marking
from ca.tables import certificates, requests
from kernel.audit.model import AuditAction
from kernel.errors import Conflict, NotFound, NotPermitted
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.store import user_certificates
from kernel.store import Database
from kernel.store.listing import Ask, Page


class Holders:
    """What a person may do with their own certificates, whatever their roles: none is needed."""

    def __init__(self, database: Database, access: Access, filing: Filing, marking: Marking) -> None:
        self._database = database
        self._access = access
        self._filing = filing
        self._marking = marking

    def page(self, principal: Principal, ask: Ask) -> Page[Certificate]:
        """The person's own certificates, the newest first. Filter: state."""
        with self._database.read() as connection:
            own = certificates.c.serial.in_(_own(connection, principal))
            return CERTIFICATES.page(connection, ask, own)

    def get(self, principal: Principal, serial: str) -> Certificate:
        """One of them; NotFound for any other."""
        with self._database.read() as connection:
            if serial not in _own(connection, principal):
                raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
            return store.read_certificate(connection, serial)

    def renew(self, principal: Principal, serial: str, csr: bytes) -> Request:
        """Ask for a newer certificate of the same name for the key of ``csr``; a second person approves it as ever.

        NotPermitted unless signed in with a certificate, which is how the applicant's identity is checked.
        """
        self._access.require_person(principal, AuditAction.CA_REQUEST_FILE)
        old = self.get(principal, serial)
        if principal.method != "certificate":
            raise NotPermitted(
                N_("A renewal is asked for by who is signed in with the certificate."),
                mend=N_("Sign in with your certificate, or go to your registrar."),
                place=serial,
            )
        with self._database.read() as connection:
            filed = store.read_request(connection, old.request) if old.request else None
        if filed is None:
            raise Conflict(
                N_("This certificate was not issued on a request."),
                mend=N_("Go to your registrar."),
                place=serial,
            )
        asked = Application(
            profile=filed.profile,
            subject=filed.subject,
            names=filed.names,
            unit=filed.unit,
            evidence=f"certificate sign-in {principal.via}: {old.serial}",
            csr=csr,
            replaces=old.serial,
        )
        draft = self._filing.draft(principal, asked)
        with self._database.begin() as uow:
            request = self._filing.store(uow, principal, draft)
            inherit_phrase(uow.connection, old.serial, request.id)
            return request

    def suspend(self, principal: Principal, serial: str, reason: str) -> Certificate:
        """Suspend one's own certificate at once; a security officer releases or revokes it."""
        self._access.require_person(principal, AuditAction.CA_HOLD)
        found = self.get(principal, serial)
        with self._database.begin() as uow:
            self._marking.hold(uow, principal, found, reason)
        return self._marking.published(found)


def _own(connection: Connection, principal: Principal) -> set[str]:
    """Serials of the certificates bound to the account, and of those linked to them by renewals, either way."""
    bound = user_certificates.c.fingerprint == certificates.c.fingerprint
    query = select(certificates.c.serial).where(bound, user_certificates.c.user == principal.id)
    known, fresh = set(), set(connection.execute(query).scalars())
    of_request = certificates.c.request == requests.c.id
    while fresh:
        known |= fresh
        newer = select(certificates.c.serial).where(of_request, requests.c.replaces.in_(fresh))
        older = select(requests.c.replaces).where(of_request, certificates.c.serial.in_(fresh))
        linked = {*connection.execute(newer).scalars(), *connection.execute(older).scalars()}
        fresh = linked - known - {None}
    return known
