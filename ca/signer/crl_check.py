"""A tbsCertList (RFC 5280 section 5.1.2) checked while it passes by: a list of a million entries is never held whole.

Looked at: version, algorithm, issuer, times, the framing of every entry, CRL number, and that the authority key identifier is
the signing key's own. Not looked at: what the entries say; a key that may sign lists may revoke.
"""

import hashlib
import re

from ca.signer.officers import Watch
from ca.signer.protocol import Octets
from kernel.pki import der
from kernel.pki.algorithms import Algorithm

_HEAD = 16384  # octets within which everything before the entries has to lie
_LONGEST = 65536  # octets of one entry, or of the extensions after them
_PLACE = "tbsCertList"
_NUMBER, _KEY_ID = der.oid("2.5.29.20"), der.oid("2.5.29.35")
_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)
_REASON = rb"\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01[\x00-\x0a]"


def _usual(serial: int) -> bytes:
    """Pattern of entries whose serial has so many octets, with a UTCTime and at most a reason."""
    body = rb"\x02%s[\x00-\x7f].{%d}\x17\x0d[0-9]{12}Z" % (re.escape(bytes((serial,))), serial - 1)
    plain, reasoned = (re.escape(bytes((size,))) for size in (serial + 17, serial + 31))
    return rb"\x30%s%s|\x30%s%s%s" % (plain, body, reasoned, body, _REASON)


# tried in this order: our own serials have 16 octets. Possessive, so that a million matches need no memory
_RUN = re.compile(rb"(?s:%s)*+" % b"|".join(_usual(size) for size in (16, *range(1, 16), *range(17, 21))))


class CrlCheck:
    """Feed the list's octets in order, then ``finish``; MalformedDer as soon as it is seen that it may not be signed."""

    def __init__(self, spki: bytes, algorithm: Algorithm, watch: Watch | None = None) -> None:
        """``watch`` is shown the entries."""
        self._watch = watch
        self._key_id = hashlib.sha1(der.key_bits(spki), usedforsecurity=False).digest()
        self._algorithm = algorithm.identifier
        self._held = b""  # what is not looked at yet
        self._opened = False
        self._entries = 0  # octets of entries that are still to be looked at
        self._size = self._seen = 0

    def feed(self, piece: Octets) -> None:
        """The next octets."""
        self._seen += len(piece)
        self._held += piece
        if self._opened:
            self._walk()
        elif len(self._held) >= _HEAD:
            self._open()

    def finish(self) -> None:
        """Nothing more comes: the list has to be whole."""
        if not self._opened:
            self._open()
        if self._entries or self._seen != self._size:
            raise der.malformed(_PLACE)
        self._check_extensions()

    def _open(self) -> None:
        """Everything before the entries."""
        start, length = _opening(self._held, 0, der.SEQUENCE)
        self._size = start + length
        fields = der.Reader(self._held, _PLACE, start)
        version, algorithm, issuer = fields.element(), fields.element(), fields.element()
        times = fields.element(), fields.element()
        sound = version == b"\x02\x01\x01" and algorithm == self._algorithm and len(issuer) > 2
        if not sound or issuer[0] != der.SEQUENCE or any(time[0] not in _TIMES for time in times):
            raise der.malformed(_PLACE)
        at = start + sum(map(len, (version, algorithm, issuer, *times)))
        if fields.peek() == der.SEQUENCE:
            at, self._entries = _opening(self._held, at, der.SEQUENCE)
            if not self._entries:  # an empty list must be absent
                raise der.malformed(_PLACE)
        self._held = self._held[at:]
        self._opened = True
        self._walk()

    def _walk(self) -> None:
        """As many whole entries as are there."""
        data, at = self._held, 0
        end = min(len(data), self._entries)
        while at < end:
            usual = _RUN.match(data, at, end)
            at = usual.end() if usual else at
            size = _entry(data, at, end) if at < end else 0
            if not size:
                break
            at += size
        if self._watch is not None:
            self._watch.look(data[:at])
        self._entries -= at
        self._held = data[at:] if at else data
        if len(self._held) > _LONGEST:
            raise der.malformed(_PLACE)

    def _check_extensions(self) -> None:
        found = _extensions(self._held)
        number = der.Reader(found[_NUMBER], _PLACE).positive_integer() if _NUMBER in found else 0
        identifier = der.Reader(found.get(_KEY_ID, b""), _PLACE).enter(der.SEQUENCE).content(0x80)
        if not number or identifier != self._key_id:
            raise der.malformed(_PLACE)


def _opening(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at ``at`` starts and how long it is, whether or not it is all there."""
    head = data[at : at + 6]
    if len(head) < 2 or head[0] != tag:
        raise der.malformed(_PLACE)
    if head[1] < 0x80:
        return at + 2, head[1]
    octets = head[1] & 0x7F
    raw = head[2 : 2 + octets]
    length = int.from_bytes(raw, "big")
    if not 1 <= octets <= 4 or len(raw) != octets or length < 0x80 or raw[0] == 0:
        raise der.malformed(_PLACE)
    return at + 2 + octets, length


def _entry(data: bytes, at: int, end: int) -> int:
    """Octets of the entry at ``at``; 0 when it is not all there yet."""
    if end - at < 6:
        return 0
    start, length = _opening(data, at, der.SEQUENCE)
    if length > _LONGEST:
        raise der.malformed(_PLACE)
    if start + length > end:
        return 0
    fields = der.Reader(data, _PLACE, start, start + length)
    fields.positive_integer()
    if fields.peek() not in _TIMES:
        raise der.malformed(_PLACE)
    fields.element()
    if not fields.empty:
        fields.enter(der.SEQUENCE)
    fields.finish()
    return start + length - at


def _extensions(data: bytes) -> dict[bytes, bytes]:
    """Values by the identifier's DER; each extension once (RFC 5280 section 4.2)."""
    outer = der.Reader(data, _PLACE)
    listed = outer.enter(0xA0).enter(der.SEQUENCE)
    outer.finish()
    found: dict[bytes, bytes] = {}
    while not listed.empty:
        one = listed.enter(der.SEQUENCE)
        identifier = one.element()
        if one.peek() == der.BOOLEAN:
            one.element()
        if identifier in found:
            raise der.malformed(_PLACE)
        found[identifier] = one.content(der.OCTET_STRING)
        one.finish()
    return found
