"""Cross-certification with a superior CA: our request (PKCS#10, RFC 2986), and what is held of CAs and of those above.

What it gave is taken over by a ceremony (Proposals.adopt).
"""

from cryptography import x509

from ca import store
from ca.encoding.certificate import signed
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.carrying import CSR
from ca.hierarchy.ferry import Ferry
from ca.hierarchy.model import OfflineState, OwnCertificate
from ca.hierarchy.offline import read_request
from ca.hierarchy.orders import Order, OrderKind, carry_out
from ca.model import Authority, AuthorityKind, AuthorityState
from ca.ports import Signer
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, NeedsApproval
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki import der
from kernel.pki.algorithms import algorithm
from kernel.store import Database, UnitOfWork


class Cross:
    """What passes between us and CAs above us."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, signer: Signer, ferry: Ferry
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._signer = signer
        self._ferry = ferry

    def certificates(self, principal: Principal, authority_id: str) -> list[OwnCertificate]:
        """Every certificate of a CA: its own, links between its generations, those of superior CAs; newest first."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return hierarchy_store.read_certificates(connection, authority_id)

    def bundle(self, authority_id: str) -> bytes:
        """All certificates of a CA and of those above it (PKCS#7, certificates only); public."""
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

        with self._database.read() as connection:
            known = {one.id: one for one in store.read_authorities(connection)}
            authority = store.read_authority(connection, authority_id)
            held = hierarchy_store.read_certificates(connection)
        wanted = {authority.id, authority.parent}
        found = [one.der for one in held if one.authority in wanted]
        found += [one.certificate for one in known.values() if one.kind is AuthorityKind.SUPERIOR]
        loaded = [x509.load_der_x509_certificate(one) for one in dict.fromkeys(found)]
        return pkcs7.serialize_certificates(loaded, Encoding.DER)

    def request(self, principal: Principal, authority_id: str) -> bytes:
        """A PKCS#10 request (DER) by the CA's key for a superior CA.

        NeedsApproval while the key of an offline CA has to sign it first: carry the request out, take the answer in, ask again.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        with self._database.begin() as uow:
            authority = store.read_authority(uow.connection, authority_id)
            if authority.kind is AuthorityKind.SUPERIOR or authority.state is AuthorityState.RETIRED:
                raise Conflict(N_("CA %(id)s has no key that signs."), place=authority.id, id=authority.id)
            order = Order.by(authority, OrderKind.REQUEST, _information(authority))
            answer = self._answer(uow, principal, authority, order) if authority.offline else None
            target = f"authority:{authority.id}"
            uow.audit(principal, AuditAction.CA_CROSS_REQUEST, target, details={"digest": order.digest})
        if authority.offline and answer is None:
            raise NeedsApproval(
                N_("The key of CA %(id)s is on another machine; the request waits there."),
                mend=N_("Export it (weicheng ca offline export), take the answer in, and ask again."),
                place=authority.id,
                id=authority.id,
            )
        made = carry_out(order, self._signer) if answer is None else answer
        return signed(order.tbs, algorithm(order.algorithm).identifier, made)

    def _answer(
        self, uow: UnitOfWork, principal: Principal, authority: Authority, order: Order
    ) -> bytes | None:
        """What the offline key has signed; asked for if it has not been."""
        same = [
            one
            for one in hierarchy_store.read_requests(uow.connection)
            if (one.purpose, one.authority) == (CSR, order.key) and one.state is not OfflineState.VOID
        ]
        if not same:
            about = {"title": authority.name, "approved_by": [principal.name]}
            self._ferry.make(uow, principal, CSR, authority.name, [order], about)
            return None
        if same[0].state is OfflineState.WAITING:
            return None
        if read_request(same[0].file.encode()).orders[0].tbs != order.tbs:
            raise IntegrityFailed(N_("The request was changed after it was made."), place=same[0].id)
        return self._ferry.answers(same[0])[0]


def _information(authority: Authority) -> bytes:
    """CertificationRequestInfo (RFC 2986 section 4.1) without attributes."""
    return der.sequence(der.integer(0), authority.subject, authority.spki, der.tlv(0xA0, b""))
