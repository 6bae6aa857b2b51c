"""A relying party: asks for lists and status as `cryptography` forms the question."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from kernel.pki.der import key_bits
from tests.unit.ca.conftest import World


def crl_of(world: World) -> x509.CertificateRevocationList:
    """The issuing CA's newest list."""
    return x509.load_der_x509_crl(world.ca.publication.crl("issuing"))


def hashes_of(issuing: x509.Certificate, digest: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    """issuerNameHash and issuerKeyHash, RFC 6960 section 4.1.1."""
    spki = issuing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (
        hashlib.new(digest.name, issuing.subject.public_bytes()).digest(),
        hashlib.new(digest.name, key_bits(spki)).digest(),
    )


def request(
    world: World, serial: int, nonce: bytes | None = None, digest: hashes.HashAlgorithm | None = None
) -> bytes:
    """A DER request for one serial; SHA-256 unless another digest is named."""
    used = digest or hashes.SHA256()
    issuing = x509.load_der_x509_certificate(world.ca.authority("issuing").certificate)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(*hashes_of(issuing, used), serial, used)
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return builder.build().public_bytes(Encoding.DER)


def ask(
    world: World, serial: int = 1, *, digest: hashes.HashAlgorithm | None = None, nonce: bytes | None = None
) -> ocsp.OCSPResponse:
    """The responder's answer, whatever it says."""
    return ocsp.load_der_ocsp_response(world.ca.responder.answer(request(world, serial, nonce, digest)))
