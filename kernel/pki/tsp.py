"""Time-stamps (RFC 3161, RFC 5816): requests, tokens, answers, and their verification.

Imprints SHA-256, SHA-384, SHA-512 and SM3; ``openssl ts -verify`` and rfc3161-client accept the tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import tsp
from cryptography import x509

from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki import chain, cms, der
from kernel.pki.cms import SealingKey

# imprint digests: OID -> (name, octets)
IMPRINTS = {
    "2.16.840.1.101.3.4.2.1": ("sha256", 32),
    "2.16.840.1.101.3.4.2.2": ("sha384", 48),
    "2.16.840.1.101.3.4.2.3": ("sha512", 64),
    "1.2.156.10197.1.401": ("sm3", 32),
}
_OIDS = {name: dotted for dotted, (name, _) in IMPRINTS.items()}
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"

# PKIFailureInfo bits, RFC 3161 section 2.4.2
BAD_ALGORITHM, BAD_REQUEST, BAD_FORMAT, TIME_NOT_AVAILABLE = 0, 2, 5, 14
UNACCEPTED_POLICY, UNACCEPTED_EXTENSION, SYSTEM_FAILURE = 15, 16, 25


class MalformedRequest(Invalid):
    """Bytes that are no TimeStampReq we answer; ``failure`` is the PKIFailureInfo bit to answer with."""

    def __init__(self, failure: int = BAD_FORMAT) -> None:
        super().__init__(N_("This is no time-stamp request that can be granted."), place="TimeStampReq")
        self.failure = failure


class TimeStampRefused(IntegrityFailed):
    """An answer without a token, or a token that does not prove what it should."""


@dataclass(frozen=True)
class TimeStampRequest:
    """A parsed request. ``imprint`` is the digest, ``digest`` its algorithm's name, ``policy`` a dotted OID or None."""

    digest: str
    imprint: bytes
    policy: str | None
    nonce: int | None
    wants_certificate: bool


@dataclass(frozen=True)
class TimeStamp:
    """What a verified token says: ``imprint`` existed at ``at`` (UTC, to the TSA's stated accuracy)."""

    at: datetime
    serial: int
    policy: str
    digest: str
    imprint: bytes
    nonce: int | None
    signer_der: bytes


def request(
    imprint: bytes, *, digest: str = "sha256", nonce: int | None = None, certificate: bool = True
) -> bytes:
    """DER TimeStampReq for a digest."""
    return der.sequence(
        der.integer(1),
        der.sequence(der.sequence(der.oid(_OIDS[digest]), b"\x05\x00"), der.octet_string(imprint)),
        der.integer(nonce) if nonce is not None else b"",
        der.tlv(der.BOOLEAN, b"\xff") if certificate else b"",
    )


def parse_request(data: bytes) -> TimeStampRequest:
    """The request, or MalformedRequest; anything of at most 64 KiB takes bounded time."""
    if len(data) > 65536:
        raise MalformedRequest
    try:
        parsed = tsp.TimeStampReq.load(data, strict=True)
        return _checked_request(parsed)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise MalformedRequest from error


def grant(
    key: SealingKey,
    asked: TimeStampRequest,
    *,
    policy: str,
    serial: int,
    at: datetime,
    accuracy_seconds: int = 1,
) -> bytes:
    """DER TimeStampResp with a token. Only the TSA's own certificate is put in: some clients refuse more."""
    info = tst_info(asked, policy=policy, serial=serial, at=at, accuracy_seconds=accuracy_seconds)
    token = cms.sign(
        key,
        info,
        detached=False,
        content_type=cms.TST_INFO,
        certificates=[key.certificate_der] if asked.wants_certificate else [],
    )
    return der.sequence(der.sequence(der.integer(0)), token)


def tst_info(
    asked: TimeStampRequest, *, policy: str, serial: int, at: datetime, accuracy_seconds: int
) -> bytes:
    """DER TSTInfo in whole seconds."""
    return der.sequence(
        der.integer(1),
        der.oid(policy),
        der.sequence(
            der.sequence(der.oid(_OIDS[asked.digest]), b"\x05\x00"), der.octet_string(asked.imprint)
        ),
        der.integer(serial),
        der.generalized_time(at),
        der.sequence(der.integer(accuracy_seconds)),
        der.integer(asked.nonce) if asked.nonce is not None else b"",
    )


def reject(failure: int, text: str) -> bytes:
    """DER TimeStampResp with status rejection and one PKIFailureInfo bit; ``text`` is for a human."""
    octets = bytearray(failure // 8 + 1)
    octets[failure // 8] = 0x80 >> failure % 8
    bits = der.tlv(der.BIT_STRING, bytes((7 - failure % 8,)) + bytes(octets))
    words = der.sequence(der.tlv(der.UTF8_STRING, text.encode()))
    return der.sequence(der.sequence(der.integer(2), words, bits))


def token_of(response: bytes) -> bytes:
    """The token (DER ContentInfo) of an answer; TimeStampRefused when the TSA granted none."""
    outer = der.Reader(response, "TimeStampResp").enter(der.SEQUENCE)
    status = outer.enter(der.SEQUENCE).positive_integer()
    if status > 1 or outer.empty:
        raise TimeStampRefused(N_("The time-stamping service refused (status %(status)s)."), status=status)
    token = outer.element()
    outer.finish()
    return token


def verify_token(
    token: bytes,
    imprint: bytes,
    *,
    anchors: Sequence[bytes],
    intermediates: Sequence[bytes] = (),
    digest: str = "sha256",
    nonce: int | None = None,
) -> TimeStamp:
    """Check signature, imprint, purpose and chain (at the stamped time) and return what the token proves.

    ``anchors`` and ``intermediates`` are DER certificates. Raises TimeStampRefused, MalformedCms, CmsRefused, ChainRefused.
    """
    candidates = [None, *intermediates]
    signed = _first_that_verifies(token, candidates)
    stamp = _time_stamp(signed)
    if (stamp.digest, stamp.imprint) != (digest, imprint):
        raise TimeStampRefused(N_("The time-stamp is over other data."))
    if nonce is not None and stamp.nonce != nonce:
        raise TimeStampRefused(N_("The time-stamp answers another request."))
    _check_purpose(stamp.signer_der)
    chain.verify_chain(stamp.signer_der, [*signed.certificates_der, *intermediates], anchors, stamp.at)
    return stamp


def read_token(token: bytes, *, signer_der: bytes | None = None) -> TimeStamp:
    """What a token says, its signature checked but not whether its signer is trusted."""
    return _time_stamp(cms.verify(token, signer_der=signer_der, content_type=cms.TST_INFO))


def _checked_request(parsed: tsp.TimeStampReq) -> TimeStampRequest:
    if parsed["version"].native != "v1" or parsed["extensions"].native:
        raise MalformedRequest(UNACCEPTED_EXTENSION if parsed["extensions"].native else BAD_REQUEST)
    imprint = parsed["message_imprint"]
    name, size = IMPRINTS.get(imprint["hash_algorithm"]["algorithm"].dotted, ("", 0))
    if not name:
        raise MalformedRequest(BAD_ALGORITHM)
    octets = bytes(imprint["hashed_message"])
    if len(octets) != size:
        raise MalformedRequest(BAD_FORMAT)
    nonce = parsed["nonce"].native
    if nonce is not None and nonce.bit_length() > 512:
        raise MalformedRequest(BAD_REQUEST)
    policy = parsed["req_policy"]
    return TimeStampRequest(
        name, octets, policy.dotted if policy.native else None, nonce, bool(parsed["cert_req"].native)
    )


def _first_that_verifies(token: bytes, candidates: Sequence[bytes | None]) -> cms.SignedContent:
    for candidate in candidates[:-1]:
        try:
            return cms.verify(token, signer_der=candidate, content_type=cms.TST_INFO)
        except cms.CmsRefused:
            continue
    return cms.verify(token, signer_der=candidates[-1], content_type=cms.TST_INFO)


def _time_stamp(signed: cms.SignedContent) -> TimeStamp:
    try:
        info = tsp.TSTInfo.load(signed.content, strict=True)
        imprint = info["message_imprint"]
        name, _ = IMPRINTS[imprint["hash_algorithm"]["algorithm"].dotted]
        return TimeStamp(
            info["gen_time"].native.astimezone(UTC),
            info["serial_number"].native,
            info["policy"].dotted,
            name,
            bytes(imprint["hashed_message"]),
            info["nonce"].native,
            signed.signer_der,
        )
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise TimeStampRefused(N_("The time-stamp's content can not be read.")) from error


def _check_purpose(signer: bytes) -> None:
    """RFC 3161 section 2.3: extended key usage time-stamping alone, and critical."""
    certificate = x509.load_der_x509_certificate(signer)
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound as error:
        raise TimeStampRefused(N_("The time-stamp's signer is no time-stamping authority.")) from error
    if not found.critical or [usage.dotted_string for usage in found.value] != [TIME_STAMPING]:
        raise TimeStampRefused(N_("The time-stamp's signer is no time-stamping authority."))
