"""Who answers for which CA: the keys of the OCSP responders and the names their CAs are asked by, and how all changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from ca import store as core
from ca.authorities import issuing_authorities
from ca.encoding import ocsp
from ca.model import Authority
from ca.signer.model import KeyRole
from ca.status import store
from kernel.pki import der
from kernel.pki.algorithms import Algorithm, algorithm


@dataclass(frozen=True)
class Speaker:
    """The delegated responder of one CA; ``issuer`` are the CA's hashes by digest, ``since`` is when the CA began."""

    authority: str
    key: str
    algorithm: Algorithm
    certificate: bytes
    responder_id: bytes
    ends: datetime
    issuer: Mapping[str, tuple[bytes, bytes]]
    since: datetime


@dataclass(frozen=True)
class Speakers:
    """All of them at one moment. ``versions`` count the changes of each CA, ``held`` says whose keys these are."""

    by_name: Mapping[ocsp.IssuerName, str] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    held: tuple[tuple[str, str], ...] = ()


def look(connection: Connection, last: Speakers, *, anew: bool = False) -> Speakers:
    """As it is now; what has not changed since ``last`` is not made again."""
    found = store.responders(connection)
    held = tuple((row.authority, row.key) for row in found)
    versions = {row.authority: row.version or 0 for row in found}
    if held == last.held and not anew:
        return Speakers(last.by_name, last.speakers, versions, held)
    issuing = {one.id: one for one in issuing_authorities(core.read_authorities(connection))}
    speakers = {
        row.authority: _speaker(issuing[row.authority], row.key, row.algorithm, bytes(row.certificate))
        for row in core.read_services_of(connection, KeyRole.OCSP)
        if row.authority in issuing
    }
    names = {(digest, *pair): one.id for one in issuing.values() for digest, pair in _hashes(one).items()}
    return Speakers(names, speakers, versions, held)


def _speaker(authority: Authority, key: str, algorithm_name: str, certificate: bytes) -> Speaker:
    loaded = x509.load_der_x509_certificate(certificate)
    spki = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Speaker(
        authority.id,
        key,
        algorithm(algorithm_name),
        certificate,
        ocsp.responder_id(der.key_bits(spki)),
        loaded.not_valid_after_utc,
        _hashes(authority),
        x509.load_der_x509_certificate(authority.certificate).not_valid_before_utc,
    )


def _hashes(authority: Authority) -> dict[str, tuple[bytes, bytes]]:
    return ocsp.issuer_hashes(authority.subject, der.key_bits(authority.spki))
