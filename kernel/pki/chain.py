"""Does a certificate chain to an anchor we trust, at a given time? (RFC 5280 section 6, by ``cryptography``'s verifier)"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from kernel.errors import IntegrityFailed
from kernel.i18n import N_


class ChainRefused(IntegrityFailed):
    """No valid path from the certificate to a trusted anchor at that time."""


def verify_chain(
    leaf: bytes, intermediates: Sequence[bytes], anchors: Sequence[bytes], at: datetime
) -> list[bytes]:
    """The path found, leaf first and anchor last (all DER); ChainRefused otherwise. Revocation is not asked here."""
    try:
        ca_policy = ExtensionPolicy.webpki_defaults_ca()
        verifier = (
            PolicyBuilder()
            .store(Store([x509.load_der_x509_certificate(anchor) for anchor in anchors]))
            .time(at)
            .extension_policies(ca_policy=ca_policy, ee_policy=ExtensionPolicy.permit_all())
            .build_client_verifier()
        )
        others = [x509.load_der_x509_certificate(der) for der in intermediates]
        path = verifier.verify(x509.load_der_x509_certificate(leaf), others).chain
    except (VerificationError, ValueError, x509.InvalidVersion) as error:
        raise ChainRefused(N_("The certificate does not chain to a trusted root.")) from error
    return [certificate.public_bytes(Encoding.DER) for certificate in path]
