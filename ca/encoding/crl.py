"""tbsCertList (RFC 5280 section 5). An entry's bytes are made once, at revocation, and joined when the list is made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ca.encoding.certificate import authority_key_id, encode_extension
from ca.model import Reason
from kernel.pki import der
from kernel.pki.algorithms import Algorithm

_REASON_CODE, _INVALIDITY_DATE = "2.5.29.21", "2.5.29.24"
_REMOVE_FROM_CRL = 8


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


def removal(serial: int, at: datetime) -> bytes:
    """DER revokedCertificate of a delta list for what its base names and the next full list does not (RFC 5280 5.3.1)."""
    reason = der.extension(_REASON_CODE, der.enumerated(_REMOVE_FROM_CRL))
    return der.sequence(der.integer(serial), der.time(at), der.sequence(reason))


@dataclass(frozen=True)
class ListHead:
    """What a list says of itself.

    ``base`` makes it a delta of the full list with that number; ``point`` is the address of a shard's distribution point,
    "" for a list of all; ``freshest`` is where the deltas of a full list are, "" in a delta.
    """

    number: int
    this_update: datetime
    next_update: datetime
    base: int | None = None
    point: str = ""
    freshest: str = ""


def tbs_cert_list(
    signature: Algorithm, issuer: bytes, issuer_spki: bytes, head: ListHead, entries: Sequence[bytes]
) -> list[bytes]:
    """DER tbsCertList, version 2, in parts: before the entries, the entries as they are given, after them.

    In parts, because a list of a million entries is 50 MB, and joining them would copy it.
    """
    size = sum(map(len, entries))
    before = [
        der.integer(1),
        signature.identifier,
        issuer,
        der.time(head.this_update),
        der.time(head.next_update),
        der.opening(der.SEQUENCE, size) if size else b"",  # an empty list must be absent
    ]
    extensions = der.explicit(0, der.sequence(*_extensions(issuer_spki, head)))
    length = sum(map(len, before)) + size + len(extensions)
    return [der.opening(der.SEQUENCE, length) + b"".join(before), *entries, extensions]


def signed_list(tbs: Sequence[bytes], signature_algorithm: bytes, signature: bytes) -> list[bytes]:
    """SIGNED{} around the parts of a tbsCertList, in parts too."""
    after = signature_algorithm + der.bit_string(signature)
    return [der.opening(der.SEQUENCE, sum(map(len, tbs)) + len(after)), *tbs, after]


def _extensions(issuer_spki: bytes, head: ListHead) -> Iterator[bytes]:
    yield encode_extension(authority_key_id(issuer_spki), False)
    yield encode_extension(x509.CRLNumber(head.number), False)
    if head.base is not None:
        yield encode_extension(x509.DeltaCRLIndicator(head.base), True)
    if head.point:
        name = [x509.UniformResourceIdentifier(head.point)]
        yield encode_extension(
            x509.IssuingDistributionPoint(name, None, False, False, None, False, False), True
        )
    if head.freshest:
        yield encode_extension(freshest_crl(head.freshest), False)


def freshest_crl(url: str) -> x509.FreshestCRL:
    """Where the deltas are (RFC 5280 sections 4.2.1.15 and 5.2.6)."""
    return x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)])
