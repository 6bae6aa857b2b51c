"""What a superior CA gave: our certificate and those above it up to its root. Pure."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ca.hierarchy.orders import der_of_key
from ca.model import Authority, AuthorityKind
from kernel.canonical import sha256_hex
from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm_of
from kernel.pki.names import name_text

LARGEST = 1024 * 1024  # octets of what a superior CA gave


def given_to(authority: Authority, given: bytes, now: datetime) -> list[bytes]:
    """Our certificate first, then those above it, its root last (DER), from PEM or PKCS#7.

    Invalid for what is not for this CA's name and key, or has ended; IntegrityFailed for signatures that do not hold.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    loaded = _read(given)
    own = _own(authority, loaded)
    found = [own, *_above(own, loaded)]
    for one in found:
        if one.not_valid_after_utc <= now:
            raise Invalid(
                N_("The certificate of %(name)s has ended."),
                mend=N_("Ask the superior CA for a newer one."),
                place="file",
                name=name_text(one.subject)[:200],
            )
    return [one.public_bytes(Encoding.DER) for one in found]


_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
    x509.DuplicateExtension,
)


def _read(given: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM or PKCS#7 file; Invalid without any."""
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        if len(given) > LARGEST:
            raise ValueError("too large")
        pem = given.lstrip().startswith(b"-----BEGIN CERT")
        found = x509.load_pem_x509_certificates(given) if pem else pkcs7.load_der_pkcs7_certificates(given)
        for one in found:  # lazily parsed: what can not be read has to show here
            der_of_key(one)
            list(one.extensions)
            _ = one.subject, one.issuer, one.not_valid_after_utc
    except _UNREADABLE as error:
        raise Invalid(
            N_("These are no certificates."), mend=N_("Give PEM, or PKCS#7 in DER."), place="file"
        ) from error
    return found


def _own(authority: Authority, loaded: Sequence[x509.Certificate]) -> x509.Certificate:
    for one in loaded:
        ours = (one.subject.public_bytes(), der_of_key(one)) == (authority.subject, authority.spki)
        if ours and one.issuer != one.subject and _is_ca(one):
            return one
    raise Invalid(
        N_("None of these certificates is for the name and key of CA %(id)s."),
        mend=N_("Send the request again: weicheng ca cross request."),
        place=authority.id,
        id=authority.id,
    )


def _above(own: x509.Certificate, loaded: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The CAs above, each signed by the next, up to one that signs itself; IntegrityFailed when one is missing."""
    found: list[x509.Certificate] = []
    below = own
    while below.issuer != below.subject:
        above = next((one for one in loaded if _is_ca(one) and _issued(below, one)), None)
        if above is None or len(found) > len(loaded):
            raise IntegrityFailed(
                N_("The certificate that signed %(name)s is missing, or its signature does not hold."),
                mend=N_("Put the superior CA's certificates, up to its root, into the same file."),
                place="file",
                name=name_text(below.subject)[:200],
            )
        found.append(above)
        below = above
    return found


def _is_ca(certificate: x509.Certificate) -> bool:
    found = [one.value for one in certificate.extensions if isinstance(one.value, x509.BasicConstraints)]
    return bool(found) and found[0].ca


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def superior_of(encoded: bytes) -> Authority:
    """A CA above ours, by its certificate (DER), as the register keeps it."""
    certificate = x509.load_der_x509_certificate(encoded)
    spki = der_of_key(certificate)
    return Authority(
        id=f"superior-{sha256_hex(encoded)[:12]}",
        name=name_text(certificate.subject)[:200],
        key="",
        algorithm=algorithm_of(spki).name,
        certificate=encoded,
        subject=certificate.subject.public_bytes(),
        spki=spki,
        parent=None,
        kind=AuthorityKind.SUPERIOR,
    )
