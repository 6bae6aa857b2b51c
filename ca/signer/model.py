"""Keys of the CA and the table of what each may sign. Pure: the to-be-signed bytes are parsed, never trusted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.x509 import ocsp

from kernel.errors import NotPermitted
from kernel.i18n import N_
from kernel.pki import der
from kernel.pki.algorithms import Algorithm
from kernel.pki.cms import DATA, TST_INFO


class KeyRole(StrEnum):
    """What a key is for; given at its making and never changed."""

    ROOT = "root"
    ISSUING = "issuing"
    OCSP = "ocsp"
    TIMESTAMP = "timestamp"
    EVIDENCE = "evidence"


class Purpose(StrEnum):
    """What is to be signed: tbsCertificate, tbsCertList, ResponseData, or the signed attributes of a CMS."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP = "ocsp"
    TIMESTAMP = "timestamp"
    EVIDENCE = "evidence"


PURPOSES: Mapping[KeyRole, frozenset[Purpose]] = {
    KeyRole.ROOT: frozenset({Purpose.CERTIFICATE, Purpose.CRL}),
    KeyRole.ISSUING: frozenset({Purpose.CERTIFICATE, Purpose.CRL}),
    KeyRole.OCSP: frozenset({Purpose.OCSP}),
    KeyRole.TIMESTAMP: frozenset({Purpose.TIMESTAMP}),
    KeyRole.EVIDENCE: frozenset({Purpose.EVIDENCE}),
}


@dataclass(frozen=True)
class KeyInfo:
    """The public side of a key: ``spki`` is its DER SubjectPublicKeyInfo, ``algorithm`` a row of kernel.pki."""

    name: str
    role: KeyRole
    algorithm: str
    spki: bytes


class SigningRefused(NotPermitted):
    """A key was asked to sign what it may not, or bytes that are not what they were said to be."""


def check_signable(key: KeyInfo, algorithm: Algorithm, purpose: Purpose, tbs: bytes) -> None:
    """Raise SigningRefused unless ``tbs`` is a well-formed structure of ``purpose`` and the key's role allows it."""
    if purpose not in PURPOSES[key.role]:
        raise _refused(key, purpose)
    try:
        allowed = _CHECKS[purpose](key, algorithm, tbs)
    except (
        ValueError,
        TypeError,
        KeyError,
        x509.InvalidVersion,
        x509.ExtensionNotFound,
        der.MalformedDer,
    ) as error:
        raise _refused(key, purpose) from error
    if not allowed:
        raise _refused(key, purpose)


def _refused(key: KeyInfo, purpose: Purpose) -> SigningRefused:
    return SigningRefused(
        N_("Key %(key)s may not sign this (%(purpose)s)."), place=key.name, key=key.name, purpose=str(purpose)
    )


def _signed_shape(algorithm: Algorithm, tbs: bytes) -> bytes:
    """``tbs`` inside SIGNED{} with an empty signature, so that ``cryptography``'s strict parsers read it."""
    return der.sequence(tbs, algorithm.identifier, der.bit_string(b""))


def _certificate(key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    """A root signs CA certificates only, an issuing key none; what is said of keys elsewhere can not break this."""
    certificate = x509.load_der_x509_certificate(_signed_shape(algorithm, tbs))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    right_kind = constraints.ca == (key.role is KeyRole.ROOT)
    return right_kind and certificate.serial_number > 0 and certificate.subject is not None


def _crl(_key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    crl = x509.load_der_x509_crl(_signed_shape(algorithm, tbs))
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > 0


def _ocsp(_key: KeyInfo, algorithm: Algorithm, tbs: bytes) -> bool:
    basic = der.octet_string(_signed_shape(algorithm, tbs))
    body = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), basic)
    response = ocsp.load_der_ocsp_response(der.sequence(der.enumerated(0), der.explicit(0, body)))
    return sum(1 for _ in response.responses) > 0


def _attributes_of(content_type: str) -> Callable[[KeyInfo, Algorithm, bytes], bool]:
    def check(_key: KeyInfo, _algorithm: Algorithm, tbs: bytes) -> bool:
        attributes = asn1_cms.CMSAttributes.load(tbs, strict=True)
        values = {attribute["type"].dotted: attribute["values"] for attribute in attributes}
        digest = values["1.2.840.113549.1.9.4"][0].native
        return values["1.2.840.113549.1.9.3"][0].dotted == content_type and len(digest) in (32, 48, 64)

    return check


_CHECKS: Mapping[Purpose, Callable[[KeyInfo, Algorithm, bytes], bool]] = {
    Purpose.CERTIFICATE: _certificate,
    Purpose.CRL: _crl,
    Purpose.OCSP: _ocsp,
    Purpose.TIMESTAMP: _attributes_of(TST_INFO),
    Purpose.EVIDENCE: _attributes_of(DATA),
}
