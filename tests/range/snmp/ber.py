"""The part of BER (X.690) that SNMP uses (RFC 3416 section 3, RFC 3417 section 8)."""

from dataclasses import dataclass

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_MIB_VIEW = 0x80, 0x81, 0x82
INTEGERS = {INTEGER, COUNTER32, GAUGE32, TIME_TICKS, COUNTER64}

ObjectId = tuple[int, ...]


class Malformed(ValueError):
    """The bytes are not BER as SNMP uses it."""


@dataclass(frozen=True)
class Element:
    """One element: its tag, content, and where the content begins in the whole message."""

    tag: int
    content: bytes
    start: int

    def inside(self) -> "list[Element]":
        """The elements in the content."""
        return read_all(self.content, self.start)

    def number(self) -> int:
        return int.from_bytes(self.content, "big", signed=True)


def encode(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def encode_sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    return encode(tag, b"".join(parts))


def encode_number(value: int, tag: int = INTEGER) -> bytes:
    return encode(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(oid: ObjectId) -> bytes:
    content = bytearray()
    for arc in (oid[0] * 40 + oid[1], *oid[2:]):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(groups))
    return encode(OID, bytes(content))


def encode_value(tag: int, value: int | str | bytes | ObjectId | None) -> bytes:
    """A value of the given type: int for the numbers, text or bytes for octets, ``a.b.c.d`` for addresses."""
    if tag in INTEGERS:
        assert isinstance(value, int)
        return encode_number(value, tag)
    if tag == OID:
        assert isinstance(value, tuple)
        return encode_oid(value)
    if tag == IP_ADDRESS:
        return encode(tag, bytes(int(part) for part in str(value).split(".")))
    if value is None:
        return encode(tag, b"")
    assert isinstance(value, str | bytes)
    return encode(tag, value.encode("utf-8") if isinstance(value, str) else value)


def read_all(data: bytes, start: int = 0) -> list[Element]:
    """The elements in ``data``, whose first byte is byte ``start`` of the message."""
    found, at = [], 0
    while at < len(data):
        element, at = _read(data, at, start)
        found.append(element)
    return found


def read_oid(element: Element) -> ObjectId:
    if element.tag != OID or not element.content or element.content[-1] & 0x80:
        raise Malformed("object identifier expected")
    arcs, value = [], 0
    for byte in element.content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


def parse_oid(text: str) -> ObjectId:
    return tuple(int(part) for part in text.strip(".").split("."))


def _read(data: bytes, at: int, start: int) -> tuple[Element, int]:
    if at + 2 > len(data):
        raise Malformed("element is cut")
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or at + count > len(data):
            raise Malformed("length is not in order")
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > len(data):
        raise Malformed("element is cut")
    return Element(tag, data[at : at + size], start + at), at + size
