"""Signatures of tree heads: by whom, over which octets, and whose certificate may sign them. Pure."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca.encoding.log import TreeHead, read_head
from ca.encoding.policies import LOG, settled
from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki.algorithms import algorithm_of, verify
from kernel.pki.chain import verify_chain


def check_signature(text: bytes, signature: bytes, certificate: bytes) -> None:
    """Raise SignatureInvalid unless the holder of the DER certificate signed these octets."""
    spki = (
        x509.load_der_x509_certificate(certificate)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    verify(spki, algorithm_of(spki).digest, signature, text)


def check_head(
    text: bytes, signature: bytes, certificates: Sequence[bytes], anchors: Sequence[bytes]
) -> TreeHead:
    """The head that a log below one of the ``anchors`` signed. ``certificates``: the log's own first, then those above.

    Raises Invalid for what is no head, SignatureInvalid, ChainRefused, IntegrityFailed for a certificate that is no log's.
    """
    try:
        head = read_head(text)
        own = x509.load_der_x509_certificate(certificates[0])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Invalid(N_("This is no signed tree head."), place="tree head") from error
    check_signature(text, signature, certificates[0])
    _check_usage(own, head.at)
    verify_chain(certificates[0], list(certificates[1:]), anchors, head.at)
    return head


def _check_usage(certificate: x509.Certificate, at: datetime) -> None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        found = None
    policies = [settled(policy.policy_identifier.dotted_string) for policy in found or ()]
    if LOG not in policies:  # without it any holder of a certificate of the same CA could sign heads
        raise IntegrityFailed(N_("The signer's certificate is not that of a transparency log."))
    if not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
        raise IntegrityFailed(N_("The head was signed outside the time of the log's certificate."))
