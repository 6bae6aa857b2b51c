"""A thin DER writer and a strict, bounded DER reader (ITU-T X.690).

For structures made or read by the thousand a second (tbsCertificate, tbsCertList, OCSP), where a schema library costs a
millisecond each. The writer takes encoded parts and joins them; the reader walks one level at a time and copies nothing.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from kernel.errors import Invalid
from kernel.i18n import N_

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTF8_STRING, UTC_TIME, GENERALIZED_TIME = 0x0A, 0x0C, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31


class MalformedDer(Invalid):
    """Bytes that are no DER, or not the structure that was expected; ``place`` is the structure's name."""


def malformed(place: str) -> MalformedDer:
    """The error for ``place``, a structure's name."""
    return MalformedDer(N_("This is no well-formed DER structure."), place=place)


# --- writing
def tlv(tag: int, content: bytes) -> bytes:
    """One element: tag (a single octet), length, content."""
    return opening(tag, len(content)) + content


@lru_cache(maxsize=4096)  # most elements are as long as many others
def opening(tag: int, size: int) -> bytes:
    """Tag and length of an element whose ``size`` octets of content follow."""
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes]) -> bytes:
    """SET OF with its elements in the ascending order that DER demands (X.690 11.6)."""
    return tlv(SET, b"".join(sorted(parts)))


def explicit(number: int, content: bytes) -> bytes:
    """Context tag ``[number] EXPLICIT``."""
    return tlv(0xA0 | number, content)


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def enumerated(value: int) -> bytes:
    return tlv(ENUMERATED, bytes((value,)))


def octet_string(content: bytes) -> bytes:
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\0" + content)


@lru_cache(maxsize=1024)
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    arcs = [int(arc) for arc in dotted.split(".")]
    octets = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(0x80 | arc & 0x7F)
        octets += bytes(reversed(chunk))
    return tlv(OID, bytes(octets))


def time(moment: datetime) -> bytes:
    """Time as RFC 5280 4.1.2.5 wants it: UTCTime to the end of 2049, GeneralizedTime after; whole seconds, UTC."""
    moment = moment.astimezone(UTC)
    if 1950 <= moment.year < 2050:
        return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(moment)


@lru_cache(maxsize=1024)
def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds, UTC."""
    return tlv(GENERALIZED_TIME, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """One X.509 Extension around the DER of its value."""
    return sequence(oid(dotted), tlv(BOOLEAN, b"\xff") if critical else b"", octet_string(value))


# --- reading
class Reader:
    """Walks the elements inside ``data[start:end]``; every fault is MalformedDer with the structure's name."""

    __slots__ = ("_at", "_data", "_end", "_place")

    def __init__(self, data: bytes, place: str, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._place = place
        self._at = start
        self._end = len(data) if end is None else end

    @property
    def empty(self) -> bool:
        return self._at >= self._end

    def peek(self) -> int | None:
        """Tag of the next element, None at the end."""
        return self._data[self._at] if self._at < self._end else None

    def enter(self, tag: int) -> "Reader":
        """A reader for the inside of the next element, which must bear ``tag``."""
        start, end = self._take(tag)
        return Reader(self._data, self._place, start, end)

    def content(self, tag: int) -> bytes:
        """Content octets of the next element, which must bear ``tag``."""
        start, end = self._take(tag)
        return self._data[start:end]

    def element(self) -> bytes:
        """The next element whole, whatever its tag."""
        begin = self._at
        if begin >= self._end:
            raise self._fault()
        _, end = self._take(self._data[begin])
        return self._data[begin:end]

    def positive_integer(self) -> int:
        """The next element as an INTEGER of zero or more, minimally encoded, of at most 64 octets."""
        content = self.content(INTEGER)
        padded = len(content) > 1 and content[0] == 0 and content[1] < 0x80
        if not content or len(content) > 64 or content[0] >= 0x80 or padded:
            raise self._fault()
        return int.from_bytes(content, "big")

    def finish(self) -> None:
        """Nothing may be left over."""
        if not self.empty:
            raise self._fault()

    def _take(self, tag: int) -> tuple[int, int]:
        data, at = self._data, self._at
        if at + 2 > self._end or data[at] != tag or tag & 0x1F == 0x1F:
            raise self._fault()
        length, start = data[at + 1], at + 2
        if length >= 0x80:
            length, start = self._long_length(length & 0x7F, start)
        if start + length > self._end:
            raise self._fault()
        self._at = start + length
        return start, start + length

    def _long_length(self, octets: int, start: int) -> tuple[int, int]:
        raw = self._data[start : start + octets]
        if not 1 <= octets <= 4 or len(raw) != octets or start + octets > self._end:
            raise self._fault()
        length = int.from_bytes(raw, "big")
        if length < 0x80 or raw[0] == 0:
            raise self._fault()
        return length, start + octets

    def _fault(self) -> MalformedDer:
        return malformed(self._place)


def key_bits(spki: bytes) -> bytes:
    """The subjectPublicKey octets of a SubjectPublicKeyInfo: what key identifiers are hashed from."""
    inside = Reader(spki, "SubjectPublicKeyInfo").enter(SEQUENCE)
    inside.element()
    bits = inside.content(BIT_STRING)
    inside.finish()
    if bits[:1] != b"\0":
        raise malformed("SubjectPublicKeyInfo")
    return bits[1:]
