"""Certificate signing requests (PKCS#10, RFC 2986): parsed, proof of possession checked, weak keys refused. Pure."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm_of

MAX_CSR = 65536
_SMALL_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)


class BadCsr(Invalid):
    """A signing request that can not be used."""


def spki_of(data: bytes) -> bytes:
    """The public key (DER SubjectPublicKeyInfo) of a CSR in PEM or DER whose signature proves possession of the private key.

    BadCsr for bytes that are no CSR, a wrong signature or a weak key; UnknownAlgorithm for a kind of key we do not certify.
    """
    csr = _parse(data)
    try:
        proven = csr.is_signature_valid
        spki = csr.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, TypeError) as error:
        raise BadCsr(N_("The key or signature of the CSR can not be read."), place="CSR") from error
    if not proven:
        raise BadCsr(
            N_("The CSR is not signed by its own key."),
            mend=N_("Make a new CSR with the private key at hand."),
            place="CSR signature",
        )
    check_strength(spki)
    return spki


def check_strength(spki: bytes) -> None:
    """BadCsr for RSA keys that are small, have a bad exponent or a small factor; UnknownAlgorithm for unknown kinds."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCsr(N_("The key or signature of the CSR can not be read."), place="CSR") from error
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)
    algorithm_of(spki)


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    if key.key_size < 2048:
        raise _weak(N_("An RSA key has at least 2048 bits."))
    numbers = key.public_numbers()
    if numbers.e < 65537 or numbers.e % 2 == 0:
        raise _weak(N_("The RSA exponent is not accepted."))
    if any(numbers.n % prime == 0 for prime in _SMALL_PRIMES) or numbers.n % 2 == 0:
        raise _weak(N_("The RSA modulus has a small factor."))


def _parse(data: bytes) -> x509.CertificateSigningRequest:
    if len(data) > MAX_CSR:
        raise BadCsr(N_("The CSR is larger than %(limit)s bytes."), place="CSR", limit=MAX_CSR)
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_csr(data)
        return x509.load_der_x509_csr(data)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise BadCsr(
            N_("This is no certificate signing request."),
            mend=N_("Give a PKCS#10 request in PEM or DER."),
            place="CSR",
        ) from error


def _weak(message: str) -> BadCsr:
    return BadCsr(message, mend=N_("Make a new key pair."), place="public key")
