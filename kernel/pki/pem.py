"""Certificates between PEM and DER."""

import base64
import ssl

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


def pem_of(der: bytes) -> bytes:
    """PEM of the octets of a certificate, whether or not they can be read as one."""
    body = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()


def certificate_pem(der: bytes) -> bytes:
    """PEM (RFC 7468) of a DER certificate, which is not looked into."""
    return ssl.DER_cert_to_PEM_cert(der).encode()


def certificates_der(data: bytes, place: str = "") -> list[bytes]:
    """DER of all certificates of a PEM file, at least one; Invalid otherwise."""
    try:
        found = x509.load_pem_x509_certificates(data)
    except (ValueError, x509.InvalidVersion) as error:
        raise Invalid(
            N_("This is no certificate."), mend=N_("Give one in PEM or DER."), place=place
        ) from error
    return [one.public_bytes(Encoding.DER) for one in found]
