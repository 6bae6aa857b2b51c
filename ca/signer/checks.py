"""What a key is asked to sign, looked at before it signs. Pure: the bytes are parsed, never trusted."""

from collections.abc import Callable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from ca.encoding.log import read_head
from ca.signer.crl_check import CrlCheck
from ca.signer.model import KeyInfo, KeyRole, Purpose, check_role, refused
from kernel.pki import der
from kernel.pki.algorithms import Algorithm

_DATA = "1.2.840.113549.1.7.1"  # id-data, RFC 5652 section 4
_TST_INFO = "1.2.840.113549.1.9.16.1.4"  # id-ct-TSTInfo, RFC 3161 section 2.4.2
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_BASIC_CONSTRAINTS = b"\x55\x1d\x13"  # 2.5.29.19
_NO_AUTHORITY = der.sequence()  # what DER leaves of cA FALSE
_EXTENSIONS = 0xA3
FAULTS = (ValueError, TypeError, KeyError, x509.InvalidVersion, x509.ExtensionNotFound, der.MalformedDer)


def check_signable(key: KeyInfo, algorithm: Algorithm, purpose: Purpose, tbs: bytes) -> None:
    """Raise SigningRefused unless ``tbs`` is a well-formed structure of ``purpose`` and the key's role allows it."""
    check_role(key, purpose)
    try:
        allowed = _CHECKS[purpose](key, algorithm, tbs)
    except FAULTS as error:
        raise refused(key, purpose) from error
    if not allowed:
        raise refused(key, purpose)


def read_certificate(algorithm: Algorithm, tbs: bytes) -> x509.Certificate:
    """A tbsCertificate as ``cryptography`` reads it; ValueError and its kin when it is none."""
    return x509.load_der_x509_certificate(_signed_shape(algorithm, tbs))


def serial_of(tbs: bytes) -> int:
    """The serial number of a tbsCertificate of version 3, read without the rest."""
    fields = der.Reader(tbs, "tbsCertificate").enter(der.SEQUENCE)
    fields.enter(0xA0)
    return fields.positive_integer()


def _signed_shape(algorithm: Algorithm, tbs: bytes) -> bytes:
    """``tbs`` inside SIGNED{} with an empty signature, so that ``cryptography``'s strict parsers read it."""
    return der.sequence(tbs, algorithm.identifier, der.bit_string(b""))


def _certificate(key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    """A root signs CA certificates only, an issuing key none; what is said of keys elsewhere can not break this."""
    certificate = read_certificate(algorithm, tbs)
    if key.role is not KeyRole.ROOT:
        return certificate.serial_number > 0 and _constraints(tbs) == [_NO_AUTHORITY]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return constraints.ca and certificate.serial_number > 0 and certificate.subject is not None


def _constraints(tbs: bytes) -> list[bytes]:
    """The values of basicConstraints (RFC 5280 4.2.1.9) in a tbsCertificate, read without the other extensions; MalformedDer
    for one of them that is given twice."""
    fields = der.Reader(tbs, "tbsCertificate").enter(der.SEQUENCE)
    while fields.peek() != _EXTENSIONS:
        fields.element()
    listed = fields.enter(_EXTENSIONS).enter(der.SEQUENCE)
    found: list[bytes] = []
    names: set[bytes] = set()
    while not listed.empty:
        one = listed.enter(der.SEQUENCE)
        name = one.content(der.OID)
        if name in names:
            raise der.malformed("tbsCertificate")
        names.add(name)
        if name == _BASIC_CONSTRAINTS:
            if one.peek() == der.BOOLEAN:
                one.element()
            found.append(one.content(der.OCTET_STRING))
            one.finish()
    return found


def _crl(key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    check = CrlCheck(key.spki, algorithm)
    check.feed(tbs)
    check.finish()
    return True


def _request(key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    """A CA asks a superior one for a certificate of its own key (RFC 2986), and of no other."""
    asked = x509.load_der_x509_csr(_signed_shape(algorithm, tbs)).public_key()
    return asked.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key.spki


def _ocsp(_key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    basic = der.octet_string(_signed_shape(algorithm, tbs))
    body = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), basic)
    response = ocsp.load_der_ocsp_response(der.sequence(der.enumerated(0), der.explicit(0, body)))
    return sum(1 for _ in response.responses) > 0


def _attributes_of(content_type: str) -> Callable[[KeyInfo, Algorithm, bytes], bool]:
    def check(_key: KeyInfo, _algorithm: Algorithm, tbs: bytes) -> bool:
        from asn1crypto import cms

        attributes = cms.CMSAttributes.load(tbs, strict=True)
        values = {attribute["type"].dotted: attribute["values"] for attribute in attributes}
        digest = values[_MESSAGE_DIGEST][0].native
        return values[_CONTENT_TYPE][0].dotted == content_type and len(digest) in (32, 48, 64)

    return check


def _tree_head(_key: KeyInfo, _algorithm: Algorithm, tbs: bytes) -> bool:
    return read_head(tbs).size >= 0


_CHECKS: Mapping[Purpose, Callable[[KeyInfo, Algorithm, bytes], bool]] = {
    Purpose.CERTIFICATE: _certificate,
    Purpose.CRL: _crl,
    Purpose.REQUEST: _request,
    Purpose.OCSP: _ocsp,
    Purpose.TIMESTAMP: _attributes_of(_TST_INFO),
    Purpose.EVIDENCE: _attributes_of(_DATA),
    Purpose.LOG: _tree_head,
}
