"""tbsCertList (RFC 5280 section 5). An entry's bytes are made once, at revocation, and joined when the list is made."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from ca.encoding.certificate import authority_key_id, encode_extension
from ca.model import Reason
from kernel.pki import der
from kernel.pki.algorithms import Algorithm

_REASON_CODE, _INVALIDITY_DATE = "2.5.29.21", "2.5.29.24"


def entry(serial: int, revoked_at: datetime, reason: Reason, invalid_since: datetime | None = None) -> bytes:
    """DER revokedCertificate. Reason "unspecified" is left out, as RFC 5280 5.3.1 asks."""
    extensions = b""
    if reason is not Reason.UNSPECIFIED:
        extensions += der.extension(_REASON_CODE, der.enumerated(int(reason)))
    if invalid_since is not None:
        extensions += der.extension(_INVALIDITY_DATE, der.generalized_time(invalid_since))
    return der.sequence(
        der.integer(serial), der.time(revoked_at), der.sequence(extensions) if extensions else b""
    )


def tbs_cert_list(
    signature: Algorithm,
    issuer: bytes,
    issuer_spki: bytes,
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[bytes],
) -> bytes:
    """DER tbsCertList, version 2, with CRL number and authority key identifier (strict parsers demand both)."""
    revoked = b"".join(entries)
    extensions = encode_extension(authority_key_id(issuer_spki), False)
    extensions += encode_extension(x509.CRLNumber(number), False)
    return der.sequence(
        der.integer(1),
        signature.identifier,
        issuer,
        der.time(this_update),
        der.time(next_update),
        der.sequence(revoked) if revoked else b"",  # an empty list must be absent
        der.explicit(0, der.sequence(extensions)),
    )
