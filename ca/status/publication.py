"""Full CRLs (CA-6): numbered, never an older one after a newer one."""

from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError

from ca import store
from ca.encoding import crl as encoding
from ca.encoding.certificate import signed
from ca.ports import Signer
from ca.signer.model import Purpose
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, NotFound, Unavailable
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.algorithms import algorithm, verify
from kernel.store import Database

VALIDITY = timedelta(days=7)
_ATTEMPTS = 20
RENEW_BEFORE = timedelta(days=6)  # a day's list is always fresh; a week's outage of the CA breaks nobody


class Publication:
    """Makes and serves CRLs."""

    def __init__(self, database: Database, clock: Clock, access: Access, signer: Signer) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._signer = signer

    def publish(self, authority_id: str, by: Principal) -> bytes:
        """Sign and store a new CRL of all that is revoked now; returns its DER."""
        self._access.require(by, Permission.CA_CRL_PUBLISH)
        for _ in range(_ATTEMPTS):
            made = self._try_publish(authority_id, by)
            if made is not None:
                return made
        raise Conflict(N_("Others are publishing this CRL; try again."), place=authority_id)

    def refresh(self) -> int:
        """Publish every CRL that ends soon or lacks a change (a crash, a signer away); returns how many."""
        with self._database.read() as connection:
            authorities = store.read_authorities(connection)
            stale = [one.id for one in authorities if one.signs_here and self._stale(connection, one.id)]
        for authority_id in stale:
            self.publish(authority_id, Principal.system("ca"))
        return len(stale)

    def crl(self, authority_id: str) -> bytes:
        """The newest CRL (DER); NotFound before the first."""
        with self._database.read() as connection:
            row = store.newest_crl(connection, authority_id)
        if row is None:
            raise NotFound(N_("There is no CRL of %(id)s."), id=authority_id[:60])
        return bytes(row.der)

    def _stale(self, connection: Any, authority_id: str) -> bool:
        newest = store.newest_crl(connection, authority_id)
        if newest is None or newest.next_update < self._clock.now() + RENEW_BEFORE:
            return True
        entries = store.crl_entries(connection, authority_id, newest.this_update)
        return len(entries) != newest.entries or b"".join(entries) not in bytes(newest.der)

    def _try_publish(self, authority_id: str, by: Principal) -> bytes | None:
        """None when another process published the same number first: then its list may lack what ours has."""
        now = self._clock.now().replace(microsecond=0)
        with self._database.read() as connection:
            authority = store.read_authority(connection, authority_id)
            newest = store.newest_crl(connection, authority_id)
            if newest is not None and now < newest.this_update:
                raise Unavailable(
                    N_("The clock is behind the newest CRL."),
                    mend=N_("Set the clock right."),
                    place=authority_id,
                )
            entries = store.crl_entries(connection, authority_id, newest.this_update if newest else now)
        number = newest.number + 1 if newest else 1
        row = algorithm(authority.algorithm)
        tbs = encoding.tbs_cert_list(
            row,
            authority.subject,
            authority.spki,
            number=number,
            this_update=now,
            next_update=now + VALIDITY,
            entries=entries,
        )
        signature = self._signer.sign(authority.key, Purpose.CRL, tbs)
        verify(authority.spki, row.digest, signature, tbs)
        der = signed(tbs, row.identifier, signature)
        stored = {
            "authority": authority_id,
            "number": number,
            "this_update": now,
            "next_update": now + VALIDITY,
        }
        try:
            with self._database.begin() as uow:
                store.add_crl(uow.connection, {**stored, "entries": len(entries), "der": der})
                details = {"number": number, "entries": len(entries)}
                uow.audit(by, AuditAction.CA_CRL_PUBLISH, f"authority:{authority_id}", details=details)
                uow.emit(Event(EventKind.CRL_PUBLISHED, f"authority:{authority_id}", details))
        except IntegrityError:
            return None
        return der
