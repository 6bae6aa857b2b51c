"""tbsCertificate (RFC 5280 section 4.1): a profile's constant extensions are encoded once, the rest for each certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kernel.pki import der
from kernel.pki.algorithms import Algorithm

SUBJECT_KEY_ID, AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"


@dataclass(frozen=True)
class Template:
    """What all certificates of one profile under one CA share."""

    signature: bytes  # AlgorithmIdentifier
    issuer: bytes  # Name
    constant: bytes  # extensions that never change, encoded


def compile_template(
    signature: Algorithm,
    issuer: bytes,
    issuer_spki: bytes | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> Template:
    """Encode what never changes. ``issuer_spki`` is None for a root, which has no authority key identifier of another."""
    parts = [encode_extension(value, critical) for value, critical in extensions]
    if issuer_spki is not None:
        parts.insert(0, encode_extension(authority_key_id(issuer_spki), False))
    return Template(signature.identifier, issuer, b"".join(parts))


def tbs_certificate(
    template: Template,
    *,
    serial: int,
    subject: bytes,
    spki: bytes,
    not_before: datetime,
    not_after: datetime,
    names: x509.SubjectAlternativeName | None = None,
) -> bytes:
    """DER tbsCertificate, version 3. ``subject`` and ``spki`` are DER; times are written in whole seconds."""
    extensions = template.constant + encode_extension(subject_key_id(spki), False)
    if names is not None:
        extensions += encode_extension(names, False)
    return der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        template.signature,
        template.issuer,
        der.sequence(der.time(not_before), der.time(not_after)),
        subject,
        spki,
        der.explicit(3, der.sequence(extensions)),
    )


def signed(tbs: bytes, signature_algorithm: bytes, signature: bytes) -> bytes:
    """SIGNED{}: the outer structure of certificates and CRLs."""
    return der.sequence(tbs, signature_algorithm, der.bit_string(signature))


def encode_extension(value: x509.ExtensionType, critical: bool) -> bytes:
    return der.extension(value.oid.dotted_string, value.public_bytes(), critical=critical)


def subject_key_id(spki: bytes) -> x509.SubjectKeyIdentifier:
    """SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(load_der_public_key(spki))  # type: ignore[arg-type]


def authority_key_id(spki: bytes) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(subject_key_id(spki).digest, None, None)
