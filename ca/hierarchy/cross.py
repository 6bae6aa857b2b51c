"""Cross-certification with a superior CA: our request (PKCS#10, RFC 2986) and the certificate that it gave."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ca import store
from ca.encoding.certificate import signed
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.carrying import CSR
from ca.hierarchy.ferry import Ferry
from ca.hierarchy.model import OfflineState, OwnCertificate, OwnKind
from ca.hierarchy.offline import read_request
from ca.hierarchy.orders import Order, OrderKind, carry_out, der_of_key
from ca.model import Authority, AuthorityKind, AuthorityState
from ca.ports import Signer
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NeedsApproval
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki import der
from kernel.pki.algorithms import algorithm, algorithm_of
from kernel.store import Database, UnitOfWork

LARGEST = 1024 * 1024  # octets of what a superior CA gave


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

    def adopt(self, principal: Principal, authority_id: str, given: bytes) -> Sequence[str]:
        """Take over what a superior CA gave: our certificate and those above it up to its root, PEM or PKCS#7.

        Invalid for what is not for this CA's name and key, IntegrityFailed for signatures that do not hold. Returns the
        SHA-256 of what was stored.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        loaded = _read(given)
        with self._database.begin() as uow:
            authority = store.read_authority(uow.connection, authority_id)
            own = _own(authority, loaded)
            above = _chain(own, loaded)
            known = store.read_authorities(uow.connection)
            now = self._clock.now()
            for one in above:
                if not any(one.certificate == other.certificate for other in known):
                    store.add_authority(uow.connection, one, now)
            encoded = _der(own)
            held = hierarchy_store.read_certificates(uow.connection, authority.id)
            if sha256_hex(encoded) in {one.fingerprint for one in held}:
                raise Conflict(N_("This certificate is here already."), place=authority.id)
            hierarchy_store.add_certificate(uow.connection, authority.id, OwnKind.CROSS, encoded, now)
            stored = [sha256_hex(encoded), *(sha256_hex(one.certificate) for one in above)]
            details = {"issuer": own.issuer.rfc4514_string(), "sha256": stored}
            uow.audit(principal, AuditAction.CA_CROSS_ADOPT, f"authority:{authority.id}", details=details)
        return stored


def _information(authority: Authority) -> bytes:
    """CertificationRequestInfo (RFC 2986 section 4.1) without attributes."""
    return der.sequence(der.integer(0), authority.subject, authority.spki, der.tlv(0xA0, b""))


def _read(given: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM or PKCS#7 file; Invalid without any."""
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        if len(given) > LARGEST:
            raise ValueError("too large")
        pem = given.lstrip().startswith(b"-----BEGIN CERT")
        found = x509.load_pem_x509_certificates(given) if pem else pkcs7.load_der_pkcs7_certificates(given)
        for one in found:  # lazily parsed: what can not be read has to show here
            der_of_key(one)
            list(one.extensions)
            _ = one.subject, one.issuer, one.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as error:
        raise Invalid(
            N_("These are no certificates."), mend=N_("Give PEM, or PKCS#7 in DER."), place="file"
        ) from error
    return found


def _own(authority: Authority, loaded: Sequence[x509.Certificate]) -> x509.Certificate:
    for one in loaded:
        ours = (one.subject.public_bytes(), der_of_key(one)) == (authority.subject, authority.spki)
        if ours and one.issuer != one.subject and _is_ca(one):
            return one
    raise Invalid(
        N_("None of these certificates is for the name and key of CA %(id)s."),
        mend=N_("Send the request again: weicheng ca cross request."),
        place=authority.id,
        id=authority.id,
    )


def _chain(own: x509.Certificate, loaded: Sequence[x509.Certificate]) -> list[Authority]:
    """The CAs above, each signed by the next, up to one that signs itself; IntegrityFailed when one is missing."""
    found: list[Authority] = []
    below = own
    while below.issuer != below.subject:
        above = next((one for one in loaded if _issued(below, one)), None)
        if above is None or len(found) > len(loaded):
            raise IntegrityFailed(
                N_("The certificate that signed %(name)s is missing, or its signature does not hold."),
                mend=N_("Put the superior CA's certificates, up to its root, into the same file."),
                place="file",
                name=below.subject.rfc4514_string()[:200],
            )
        found.append(_superior(above))
        below = above
    return list(reversed(found))


def _is_ca(certificate: x509.Certificate) -> bool:
    found = [one.value for one in certificate.extensions if isinstance(one.value, x509.BasicConstraints)]
    return bool(found) and found[0].ca


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _superior(certificate: x509.Certificate) -> Authority:
    encoded, spki = _der(certificate), der_of_key(certificate)
    return Authority(
        id=f"superior-{sha256_hex(encoded)[:12]}",
        name=certificate.subject.rfc4514_string()[:200],
        key="",
        algorithm=algorithm_of(spki).name,
        certificate=encoded,
        subject=certificate.subject.public_bytes(),
        spki=spki,
        parent=None,
        kind=AuthorityKind.SUPERIOR,
    )


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
