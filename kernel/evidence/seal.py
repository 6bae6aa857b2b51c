"""Does a seal hold? The one place that says so, for records and for packages of them. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from kernel.errors import IntegrityFailed, WeichengError
from kernel.i18n import N_
from kernel.pki import chain, cms, tsp
from kernel.pki.names import name_text

# id-kp-documentSigning (RFC 9336): of all certificates of the CA only the sealing key's has it, so that a person, a device
# or a server with a certificate of the same CA can not make evidence.
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")


class StampRefused(IntegrityFailed):
    """The time-stamp does not prove that the signature existed."""


class SignatureRefused(IntegrityFailed):
    """The signature is not the sealing key's over this content."""


def verify_seal(
    content: bytes,
    signature: bytes,
    token: bytes,
    *,
    anchors: Sequence[bytes],
    intermediates: Sequence[bytes] = (),
) -> datetime:
    """The stamped time (UTC) of a sound seal; StampRefused or SignatureRefused otherwise.

    ``signature`` is a detached CMS SignedData over ``content``, ``token`` an RFC 3161 token over ``signature``; certificates
    are DER. The signer and its chain are judged at the stamped time.
    """
    digest = hashlib.sha256(signature).digest()
    try:
        stamp = tsp.verify_token(token, digest, anchors=anchors, intermediates=intermediates)
    except WeichengError as error:
        raise StampRefused(error.message, mend=error.mend, **error.params) from error
    try:
        signed = cms.verify(signature, content)
        chain.verify_chain(signed.signer_der, [*signed.certificates_der, *intermediates], anchors, stamp.at)
    except WeichengError as error:
        raise SignatureRefused(error.message, mend=error.mend, **error.params) from error
    if not may_seal(signed.signer_der):
        raise SignatureRefused(N_("The signer's certificate is not for sealing evidence."))
    return stamp.at


def signer_of(content: bytes, signature: bytes) -> tuple[str, str]:
    """Subject (RFC 4514) and serial number (hex) of whoever signed, ("", "") when the signature does not hold."""
    try:
        found = x509.load_der_x509_certificate(cms.verify(signature, content).signer_der)
    except (WeichengError, ValueError):
        return "", ""
    return name_text(found.subject), f"{found.serial_number:x}"


def may_seal(certificate: bytes) -> bool:
    """Whether a DER certificate is one for sealing evidence (extended key usage document signing)."""
    try:
        found = x509.load_der_x509_certificate(certificate).extensions
        return DOCUMENT_SIGNING in found.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
