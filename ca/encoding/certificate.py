"""tbsCertificate (RFC 5280 section 4.1) for every algorithm: what a profile's certificates share is encoded once.

Names and extension values are encoded by ``cryptography``; keys and algorithms are DER, so no key object is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha1

from cryptography import x509

from kernel.pki import der
from kernel.pki.algorithms import Algorithm

SUBJECT_KEY_ID, AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"
_VERSION_3 = der.explicit(0, der.integer(2))
_KEY_ID_HEAD = der.extension(SUBJECT_KEY_ID, der.octet_string(bytes(20)))[:-20]
_NAMES_OID = der.oid("2.5.29.17")


@dataclass(frozen=True)
class Template:
    """What all certificates of one profile under one CA share."""

    signature: bytes  # AlgorithmIdentifier
    issuer: bytes  # Name
    constant: bytes  # extensions that never change, encoded


def compile_template(
    signature: Algorithm,
    issuer: bytes,
    issuer_key_id: bytes,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> Template:
    """Encode what never changes. ``issuer_key_id`` is what the CA's own certificate calls its key."""
    named = x509.AuthorityKeyIdentifier(issuer_key_id, None, None)
    parts = [encode_extension(value, critical) for value, critical in ((named, False), *extensions)]
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
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """DER tbsCertificate, version 3. ``subject`` and ``spki`` are DER; times are written in whole seconds."""
    extensions = template.constant + _KEY_ID_HEAD + key_id(spki)
    if names is not None:
        extensions += der.sequence(_NAMES_OID, der.octet_string(names.public_bytes()))
    extensions += b"".join(encode_extension(value, critical) for value, critical in more)
    return der.sequence(
        _VERSION_3,
        der.integer(serial),
        template.signature,
        template.issuer,
        _validity(not_before, not_after),
        subject,
        spki,
        der.explicit(3, der.sequence(extensions)),
    )


def signed(tbs: bytes, signature_algorithm: bytes, signature: bytes) -> bytes:
    """SIGNED{}: the outer structure of certificates and CRLs."""
    return der.sequence(tbs, signature_algorithm, der.bit_string(signature))


def tbs_of(certificate: bytes) -> bytes:
    """The to-be-signed bytes of a DER certificate."""
    return x509.load_der_x509_certificate(certificate).tbs_certificate_bytes


def encode_extension(value: x509.ExtensionType, critical: bool) -> bytes:
    return der.extension(value.oid.dotted_string, value.public_bytes(), critical=critical)


def key_id(spki: bytes) -> bytes:
    """SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1): a name, no safeguard."""
    return sha1(der.key_bits(spki), usedforsecurity=False).digest()


def subject_key_id(spki: bytes) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier(key_id(spki))


def authority_key_id(spki: bytes) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(key_id(spki), None, None)


@lru_cache(maxsize=256)  # the certificates of one second share it
def _validity(not_before: datetime, not_after: datetime) -> bytes:
    return der.sequence(der.time(not_before), der.time(not_after))
