"""Certificate signing requests (PKCS#10, RFC 2986): parsed, proof of possession checked, weak keys refused. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca.encoding import names as naming
from ca.encoding.weakness import weakness
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm_of, public_key

MAX_CSR = 65536


class BadCsr(Invalid):
    """A signing request that can not be used."""


@dataclass(frozen=True)
class Applicant:
    """What a CSR tells of who made it: the public key (DER SubjectPublicKeyInfo), attributes of the name by their short names,
    alternative names as texts such as ``dns:host``."""

    spki: bytes
    subject: Mapping[str, str]
    names: tuple[str, ...]


def spki_of(data: bytes) -> bytes:
    """The public key (DER SubjectPublicKeyInfo) of a CSR in PEM or DER whose signature proves possession of the private key.

    BadCsr for bytes that are no CSR, a wrong signature or a weak key; UnknownAlgorithm for a kind of key we do not certify.
    """
    return _proven(read_csr(data))


def applicant_of(data: bytes) -> Applicant:
    """All that a CSR asks for, as ``spki_of`` checks it; BadCsr also for a name with parts that we do not certify."""
    csr = read_csr(data)
    spki = _proven(csr)
    try:
        return Applicant(spki, naming.attributes_of(csr.subject), _alternative_names(csr))
    except (ValueError, x509.UnsupportedGeneralNameType) as error:
        raise BadCsr(N_("The names in the CSR can not be read."), place="CSR names") from error


def _proven(csr: x509.CertificateSigningRequest) -> bytes:
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


def _alternative_names(csr: x509.CertificateSigningRequest) -> tuple[str, ...]:
    found = [one.value for one in csr.extensions if isinstance(one.value, x509.SubjectAlternativeName)]
    return tuple(naming.text_of(name) for value in found for name in value)


def check_strength(spki: bytes) -> None:
    """BadCsr for a key that can be broken or belongs to everybody; UnknownAlgorithm for a kind of key we do not certify."""
    try:
        wrong = weakness(public_key(spki))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadCsr(N_("The key or signature of the CSR can not be read."), place="CSR") from error
    if wrong:
        raise BadCsr(wrong, mend=N_("Make a new key pair."), place="public key")
    algorithm_of(spki)


def read_csr(data: bytes) -> x509.CertificateSigningRequest:
    """A CSR in PEM or DER, its signature not looked at; BadCsr for anything else."""
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
