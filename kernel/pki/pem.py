"""Certificates between PEM and DER."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kernel.errors import Invalid
from kernel.i18n import N_


def certificate_der(data: bytes, place: str = "") -> bytes:
    """DER of a certificate given in PEM or DER; Invalid otherwise."""
    try:
        pem = data.lstrip().startswith(b"-----BEGIN")
        parsed = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise Invalid(
            N_("This is no certificate."), mend=N_("Give one in PEM or DER."), place=place
        ) from error
    return parsed.public_bytes(Encoding.DER)


def certificate_pem(der: bytes) -> bytes:
    """PEM of a DER certificate."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def certificates_der(data: bytes, place: str = "") -> list[bytes]:
    """DER of all certificates of a PEM file, at least one; Invalid otherwise."""
    try:
        found = x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise Invalid(
            N_("This is no certificate."), mend=N_("Give one in PEM or DER."), place=place
        ) from error
    return [one.public_bytes(Encoding.DER) for one in found]
