"""OCSP requests and answers (RFC 6960, nonce of RFC 9654). The reader is strict and bounded: a request or MalformedDer."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from ca.model import CertificateStatus, Reason
from kernel.pki import der
from kernel.pki.algorithms import Algorithm

MAX_REQUEST = 16384
MAX_CERTIFICATES = 32
_BASIC = "1.3.6.1.5.5.7.48.1.1"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.6"
_OIDS = {"sha1": der.oid("1.3.14.3.2.26"), "sha256": der.oid("2.16.840.1.101.3.4.2.1")}
_DIGESTS = {encoded: name for name, encoded in _OIDS.items()}
MALFORMED_REQUEST, INTERNAL_ERROR, TRY_LATER, UNAUTHORIZED = 1, 2, 3, 6


IssuerName = tuple[str, bytes, bytes]  # digest, issuerNameHash, issuerKeyHash


class CertId(NamedTuple):
    """Which certificate is asked for; ``raw`` is echoed in the answer, as RFC 6960 4.2.2.3 demands.

    The digest of ``issuer`` is empty for an algorithm that we hold no issuer digests for.
    """

    raw: bytes
    issuer: IssuerName
    serial: int


class OcspRequest(NamedTuple):
    """What is asked (RFC 6960 section 4.1.1); ``nonce`` as in RFC 9654, None when there is none."""

    certificates: tuple[CertId, ...]
    nonce: bytes | None

    @property
    def issuer(self) -> IssuerName | None:
        """The CA whose certificates are all asked for; None for several CAs."""
        name = self.certificates[0].issuer
        same = len(self.certificates) == 1 or all(one.issuer == name for one in self.certificates)
        return name if same else None


def parse_request(data: bytes) -> OcspRequest:
    """The request, or MalformedDer for anything else."""
    if len(data) > MAX_REQUEST:
        raise der.malformed("OCSPRequest")
    outer = der.Reader(data, "OCSPRequest").enter(der.SEQUENCE)
    tbs = outer.enter(der.SEQUENCE)
    for optional in (0xA0, 0xA1):  # version, requestorName
        if tbs.peek() == optional:
            tbs.element()
    certificates = _cert_ids(tbs.enter(der.SEQUENCE))
    nonce = _nonce(tbs.enter(0xA2)) if tbs.peek() == 0xA2 else None
    tbs.finish()
    return OcspRequest(certificates, nonce)


def issuer_hashes(name: bytes, key_bits: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Digest name -> (issuerNameHash, issuerKeyHash) of a CA, for every digest we answer."""
    return {
        digest: (hashlib.new(digest, name).digest(), hashlib.new(digest, key_bits).digest())
        for digest in _DIGESTS.values()
    }


def cert_id(digest: str, issuer: tuple[bytes, bytes], serial: int) -> bytes:
    """DER CertID as clients usually write it: the digest's parameters are NULL."""
    algorithm = der.sequence(_OIDS[digest], b"\x05\x00")
    return der.sequence(algorithm, *map(der.octet_string, issuer), der.integer(serial))


def responder_id(key_bits: bytes) -> bytes:
    """DER ResponderID: the responder is named by its key's SHA-1 (byKey)."""
    return der.explicit(2, der.octet_string(hashlib.sha1(key_bits, usedforsecurity=False).digest()))


class Single(NamedTuple):
    """What is said of one certificate; ``status`` is DER CertStatus.

    ``cutoff`` is set for a certificate that has ended: since when its CA's revocations are kept (RFC 6960 section 4.4.4).
    """

    certificate: bytes
    status: bytes
    cutoff: datetime | None = None


def response_data(
    responder: bytes,
    singles: Sequence[Single],
    *,
    produced_at: datetime,
    next_update: datetime,
    nonce: bytes | None,
) -> bytes:
    """DER ResponseData; ``responder`` is a DER ResponderID."""
    produced, until = _times(produced_at, next_update)
    extensions = b"" if nonce is None else _before_nonce(len(nonce)) + nonce
    answers = b"".join([_single(one, produced, until) for one in singles])
    return der.sequence(responder, produced, der.sequence(answers), extensions)


@lru_cache(maxsize=1024)  # what is made at once has the same times, and nonces are as long as others
def _times(produced_at: datetime, next_update: datetime) -> tuple[bytes, bytes]:
    """DER thisUpdate, which producedAt is as well, and nextUpdate."""
    return der.generalized_time(produced_at), der.explicit(0, der.generalized_time(next_update))


@lru_cache(maxsize=128)
def _before_nonce(size: int) -> bytes:
    """DER responseExtensions with a nonce of that size, but for the nonce itself at its end."""
    whole = der.explicit(1, der.sequence(der.extension(_NONCE, der.octet_string(bytes(size)))))
    return whole[:-size]


def response(tbs: bytes, algorithm: Algorithm, signature: bytes, certificate: bytes) -> bytes:
    """A successful OCSPResponse with the delegated responder's certificate inside."""
    basic = der.sequence(
        tbs, algorithm.identifier, der.bit_string(signature), der.explicit(0, der.sequence(certificate))
    )
    body = der.sequence(der.oid(_BASIC), der.octet_string(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, body))


def failure(status: int) -> bytes:
    """An unsigned OCSPResponse that says why there is no answer."""
    return der.sequence(der.enumerated(status))


def _cert_ids(requests: der.Reader) -> tuple[CertId, ...]:
    found: list[CertId] = []
    while not requests.empty:
        single = requests.enter(der.SEQUENCE)
        found.append(_cert_id(single.element()))
        if len(found) > MAX_CERTIFICATES:
            raise der.malformed("OCSPRequest")
    if not found:
        raise der.malformed("OCSPRequest")
    return tuple(found)


def _cert_id(raw: bytes) -> CertId:
    reader = der.Reader(raw, "CertID").enter(der.SEQUENCE)
    digest = _digest(reader.element())
    name_hash, key_hash = reader.content(der.OCTET_STRING), reader.content(der.OCTET_STRING)
    serial = reader.positive_integer()
    reader.finish()
    return CertId(raw, (digest, name_hash, key_hash), serial)


@lru_cache(maxsize=64)
def _digest(identifier: bytes) -> str:
    """Which digest an AlgorithmIdentifier names; empty for one that we hold no issuer digests for."""
    algorithm = der.Reader(identifier, "CertID").enter(der.SEQUENCE)
    digest = _DIGESTS.get(algorithm.element(), "")
    if digest and not algorithm.empty:  # it is echoed: nothing strange may be in it
        if algorithm.content(der.NULL):
            raise der.malformed("CertID")
        algorithm.finish()
    return digest


def _nonce(explicit: der.Reader) -> bytes | None:
    extensions = explicit.enter(der.SEQUENCE)
    while not extensions.empty:
        extension = extensions.enter(der.SEQUENCE)
        kind = extension.element()
        if extension.peek() == der.BOOLEAN:
            extension.element()
        value = extension.content(der.OCTET_STRING)
        if kind == der.oid(_NONCE):
            nonce = der.Reader(value, "nonce").content(der.OCTET_STRING)
            if not 1 <= len(nonce) <= 128:  # RFC 9654 section 2.1: anything else is a malformed request
                raise der.malformed("nonce")
            return nonce
    return None


def _single(one: Single, this_update: bytes, next_update: bytes) -> bytes:
    cutoff = b""
    if one.cutoff is not None:
        kept = der.extension(_ARCHIVE_CUTOFF, der.generalized_time(one.cutoff))
        cutoff = der.explicit(1, der.sequence(kept))
    return der.sequence(one.certificate, one.status, this_update, next_update, cutoff)


def cert_status(status: CertificateStatus) -> bytes:
    """DER CertStatus."""
    if not status.known:
        return b"\x82\x00"
    if status.revoked_at is None:
        return b"\x80\x00"
    reason = b""
    if status.reason not in (None, Reason.UNSPECIFIED):
        reason = der.explicit(0, der.enumerated(int(status.reason or 0)))
    return der.tlv(0xA1, der.generalized_time(status.revoked_at) + reason)
