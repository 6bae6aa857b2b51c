"""The signer's wire form: ``length of header | length of body`` (4 octets each, big-endian), a JSON header, a binary body.

One request, one answer, over a stream socket. Both lengths are bounded before anything is read.
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from kernel.errors import Invalid
from kernel.i18n import N_

MAX_HEADER = 4096
MAX_BODY = 80 * 1024 * 1024  # a CRL of a million entries is 50 MB
_LENGTHS = struct.Struct(">II")
_CHUNK = 1 << 20

Read = Callable[[int], bytes]


class MalformedMessage(Invalid):
    """Bytes that break the framing; the connection is closed after it."""

    def __init__(self) -> None:
        super().__init__(N_("This is no message of the signer's protocol."))


class Closed(Exception):
    """The other side closed the connection between two messages."""


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One message; a body beyond MAX_BODY is refused before it is sent."""
    text = json.dumps(header, ensure_ascii=False).encode()
    if len(text) > MAX_HEADER or len(body) > MAX_BODY:
        raise MalformedMessage
    return _LENGTHS.pack(len(text), len(body)) + text + body


def read_message(read: Read) -> tuple[dict[str, Any], bytes]:
    """Header and body of the next message. ``read(n)`` gives 1 to n octets, or none at the end of the stream."""
    lengths = _exactly(read, _LENGTHS.size, at_start=True)
    header_size, body_size = _LENGTHS.unpack(lengths)
    if header_size > MAX_HEADER or body_size > MAX_BODY:
        raise MalformedMessage
    try:
        header = json.loads(_exactly(read, header_size))
    except ValueError as error:
        raise MalformedMessage from error
    if not isinstance(header, dict):
        raise MalformedMessage
    return header, _exactly(read, body_size)


def _exactly(read: Read, size: int, *, at_start: bool = False) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = read(min(size - len(parts), _CHUNK))
        if not part:
            if at_start and not parts:
                raise Closed
            raise MalformedMessage
        parts += part
    return bytes(parts)
