"""Status as a relying party gets it: over HTTP from the addresses in the certificate, judged by ``cryptography`` alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from urllib.request import ProxyHandler, Request, build_opener

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

_SECONDS = 20.0
_LARGEST = 200 * 1024 * 1024
_OPENER = build_opener(ProxyHandler({}))
Fetch = Callable[[str, bytes | None], bytes]  # address, body of a POST (None: GET) -> octets; OSError


class NotBelieved(Exception):
    """What was fetched is not what a relying party believes; the text says why, in English."""


def fetch(url: str, body: bytes | None = None) -> bytes:
    """Over HTTP, without any proxy; OSError when it can not be had."""
    if not url.startswith(("http://", "https://")):
        raise OSError(f"no address for HTTP: {url}")
    headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
    with _OPENER.open(Request(url, body, headers), timeout=_SECONDS) as answer:  # noqa: S310 - checked above
        return cast(bytes, answer.read(_LARGEST))


@dataclass(frozen=True)
class Addresses:
    """Where a certificate says that its status is found; "" for nowhere."""

    crl: str
    delta: str
    ocsp: str


def addresses(certificate: x509.Certificate) -> Addresses:
    found = certificate.extensions
    return Addresses(
        _point(found, x509.CRLDistributionPoints), _point(found, x509.FreshestCRL), _responder(found)
    )


def _point(found: x509.Extensions, kind: type[x509.CRLDistributionPoints] | type[x509.FreshestCRL]) -> str:
    try:
        points = found.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return ""
    names = [name for point in points for name in point.full_name or []]
    return next((str(name.value) for name in names if isinstance(name, x509.UniformResourceIdentifier)), "")


def _responder(found: x509.Extensions) -> str:
    try:
        accesses = found.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ""
    wanted = AuthorityInformationAccessOID.OCSP
    return next((str(one.access_location.value) for one in accesses if one.access_method == wanted), "")


@dataclass
class RelyingClient:
    """Asks, and keeps the lists that it has fetched as long as it lives."""

    now: datetime
    fetch: Fetch = fetch
    _lists: dict[str, x509.CertificateRevocationList] = field(default_factory=dict)

    def on_crl(self, where: Addresses, issuer: x509.Certificate, serial: int) -> bool:
        """Whether the full list names the certificate."""
        return self._list(where.crl, issuer).get_revoked_certificate_by_serial_number(serial) is not None

    def on_delta(self, where: Addresses, issuer: x509.Certificate, serial: int) -> bool:
        """Whether the certificate is revoked by the full list and its delta together (RFC 5280 section 5.2.4)."""
        delta = self._list(where.delta, issuer)
        base = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
        entry = delta.get_revoked_certificate_by_serial_number(serial)
        if entry is not None:
            return not _removes(entry)
        full = self._list(where.crl, issuer)
        if full.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number < base:
            raise NotBelieved("the delta completes a newer full list")
        return full.get_revoked_certificate_by_serial_number(serial) is not None

    def by_ocsp(self, where: Addresses, issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
        """Whether OCSP says revoked; NotBelieved for anything but a signed good or revoked in its time."""
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303
        answer = ocsp.load_der_ocsp_response(self.fetch(where.ocsp, asked.public_bytes(Encoding.DER)))
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise NotBelieved(f"OCSP: {answer.response_status.name.lower()}")
        _check_signature(answer, issuer)
        if answer.next_update_utc is None or answer.next_update_utc <= self.now:
            raise NotBelieved("the OCSP answer is over")
        if answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            raise NotBelieved("OCSP does not know the certificate")
        return answer.certificate_status is ocsp.OCSPCertStatus.REVOKED

    def _list(self, url: str, issuer: x509.Certificate) -> x509.CertificateRevocationList:
        if url not in self._lists:
            found = x509.load_der_x509_crl(self.fetch(url, None))
            if not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                raise NotBelieved("the list's signature is not the CA's")
            if found.next_update_utc is None or found.next_update_utc <= self.now:
                raise NotBelieved("the list is over")
            self._lists[url] = found
        return self._lists[url]


def _removes(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return False
    return reason is x509.ReasonFlags.remove_from_crl


def _check_signature(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> None:
    """The answer is signed by a responder that the CA itself has certified for it (RFC 6960 section 4.2.2.2)."""
    (responder,) = answer.certificates
    responder.verify_directly_issued_by(issuer)
    usages = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usages:
        raise NotBelieved("the responder may not sign OCSP answers")
    key, digest = responder.public_key(), answer.signature_hash_algorithm
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes)
        else:
            raise NotBelieved("the responder's key is of no known kind")
    except InvalidSignature:
        raise NotBelieved("the OCSP answer's signature is wrong") from None
