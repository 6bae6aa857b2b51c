"""A certificate's fields as people read them. Pure; a parser that is not ours reads the bytes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca.encoding.names import text_of
from ca.encoding.usages import EXTENDED_USAGES, KEY_USAGES
from kernel.canonical import sha256_hex
from kernel.pki.algorithms import ALGORITHMS, algorithm_of
from kernel.pki.names import name_text

_EXTENDED = {oid: name for name, oid in EXTENDED_USAGES.items()}
_SIGNATURES = {row.signature_oid: row.signature_title for row in ALGORITHMS.values()}


@dataclass(frozen=True)
class Decoded:
    """``names`` are texts such as ``dns:host``; usages are RFC 5280 names in snake case, unknown ones their OIDs; key
    identifiers and digests are hex."""

    serial: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    key_algorithm: str
    signature_algorithm: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    policies: tuple[str, ...]
    subject_key_id: str
    authority_key_id: str
    sha256: str
    is_authority: bool
    path_length: int | None


def decode(der: bytes) -> Decoded:
    """The fields of a certificate of ours."""
    certificate = x509.load_der_x509_certificate(der)
    found = {type(extension.value): extension.value for extension in certificate.extensions}
    constraints = found.get(x509.BasicConstraints)
    return Decoded(
        serial=f"{certificate.serial_number:032x}",
        subject=name_text(certificate.subject),
        issuer=name_text(certificate.issuer),
        names=_of(found, x509.SubjectAlternativeName, lambda value: [text_of(one) for one in value]),
        key_algorithm=algorithm_of(
            certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).name,
        signature_algorithm=_SIGNATURES.get(certificate.signature_algorithm_oid.dotted_string, ""),
        key_usage=_of(found, x509.KeyUsage, lambda value: [one for one in KEY_USAGES if getattr(value, one)]),
        extended_key_usage=_of(
            found,
            x509.ExtendedKeyUsage,
            lambda value: [_EXTENDED.get(one, one.dotted_string) for one in value],
        ),
        policies=_of(
            found,
            x509.CertificatePolicies,
            lambda value: [one.policy_identifier.dotted_string for one in value],
        ),
        subject_key_id="".join(_of(found, x509.SubjectKeyIdentifier, lambda value: [value.digest.hex()])),
        authority_key_id="".join(
            _of(found, x509.AuthorityKeyIdentifier, lambda value: [(value.key_identifier or b"").hex()])
        ),
        sha256=sha256_hex(der),
        is_authority=constraints is not None and constraints.ca,
        path_length=constraints.path_length if constraints is not None else None,
    )


def names_in(der: bytes) -> tuple[str, ...]:
    """The alternative names as texts such as ``dns:host``; () before the certificate is signed."""
    if not der:
        return ()
    found = x509.load_der_x509_certificate(der).extensions
    names = [one.value for one in found if isinstance(one.value, x509.SubjectAlternativeName)]
    return tuple(text_of(one) for value in names for one in value)


def is_authority(der: bytes) -> bool:
    """Whether the certificate is a CA's (RFC 5280, 4.2.1.9); what is not signed yet is none."""
    if not der:
        return False
    found = x509.load_der_x509_certificate(der).extensions
    return any(isinstance(one.value, x509.BasicConstraints) and one.value.ca for one in found)


def _of(
    found: Mapping[type, x509.ExtensionType], kind: type, texts: Callable[..., list[str]]
) -> tuple[str, ...]:
    return tuple(texts(found[kind])) if kind in found else ()
