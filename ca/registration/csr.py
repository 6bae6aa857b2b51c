"""Certificate signing requests (PKCS#10, RFC 2986): parsed, proof of possession checked, weak keys refused. Pure."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ca.registration.weakness import weakness
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm_of

MAX_CSR = 65536


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
    """BadCsr for a key that can be broken or belongs to everybody; UnknownAlgorithm for a kind of key we do not certify."""
    try:
        wrong = weakness(load_der_public_key(spki))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCsr(N_("The key or signature of the CSR can not be read."), place="CSR") from error
    if wrong:
        raise BadCsr(wrong, mend=N_("Make a new key pair."), place="public key")
    algorithm_of(spki)


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
