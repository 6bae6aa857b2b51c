"""The signer's wire form: ``length of header | length of body`` (4 octets each, big-endian), a JSON header, a binary body.

One request, one answer, over a stream socket. Both lengths are bounded before anything is read. A body may be sent from many
buffers and read piece by piece, so that a list of a million entries is never held twice.
"""

import json
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kernel.errors import Invalid
from kernel.i18n import N_

MAX_HEADER = 65536  # the signed approvals of a certificate travel in it
MAX_BODY = 80 * 1024 * 1024  # a CRL of a million entries is 50 MB
PIECE = 1 << 20  # octets of a large body that are looked at together
MANY = 1024  # small bodies in one message
_LENGTHS = struct.Struct(">II")
_LENGTH = struct.Struct(">I")
_BUFFERED = 1 << 16
_AT_ONCE = 512  # buffers of one sendmsg; the system takes 1024

Octets = bytes | bytearray | memoryview
Parts = Octets | Sequence[Octets]


class MalformedMessage(Invalid):
    """Bytes that break the framing; the connection is closed after it."""

    def __init__(self) -> None:
        super().__init__(N_("This is no message of the signer's protocol."))


class Closed(Exception):
    """The other side closed the connection between two messages."""


def parts_of(body: Parts) -> Sequence[Octets]:
    """The buffers of a body that is given as one or as many."""
    return (body,) if isinstance(body, bytes | bytearray | memoryview) else body


def framed(header: Mapping[str, Any], body: Parts = b"") -> Sequence[Octets]:
    """One message in wire form; MalformedMessage when it is larger than the other side reads."""
    parts = parts_of(body)
    text = json.dumps(header, ensure_ascii=False).encode()
    size = sum(len(part) for part in parts)
    if len(text) > MAX_HEADER or size > MAX_BODY:
        raise MalformedMessage
    return [_LENGTHS.pack(len(text), size) + text, *parts]


def packed(many: Sequence[bytes]) -> Sequence[Octets]:
    """Several small bodies as one, each behind its length in 4 octets; MalformedMessage for more than MANY."""
    if len(many) > MANY:
        raise MalformedMessage
    return [octets for one in many for octets in (_LENGTH.pack(len(one)), one)]


def unpacked(body: bytes) -> list[bytes]:
    """What ``packed`` made one; MalformedMessage for anything else, or for more than MANY."""
    many: list[bytes] = []
    at = 0
    while at < len(body):
        start = at + _LENGTH.size
        at = start + int.from_bytes(body[at:start], "big")
        if start > len(body) or at > len(body) or len(many) == MANY:
            raise MalformedMessage
        many.append(body[start:at])
    return many


class Channel:
    """One side of a connection; reads and writes whole messages."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = memoryview(bytearray(_BUFFERED))
        self._start = self._end = 0
        self._left = 0  # octets of the body that are not read yet
        self._held = bytearray()  # answers that wait for the next look at the socket

    def answer(self, message: Sequence[Octets]) -> None:
        """Send what ``framed`` made once no further request is at hand: those that come together are answered together."""
        for part in message:
            self._held += part
        if len(self._held) >= _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Send the answers that wait."""
        if self._held:
            held, self._held = self._held, bytearray()
            self.socket.sendall(held)

    def send(self, message: Sequence[Octets]) -> None:
        """Send what ``framed`` made, at once."""
        if sum(len(part) for part in message) < _BUFFERED:
            self.socket.sendall(b"".join(message))
        else:
            self._send_parts(message)

    def header(self) -> dict[str, Any]:
        """The header of the next message; its body has to be read next. Closed at the end of the stream."""
        self._fill(_LENGTHS.size, at_start=True)
        header_size, self._left = _LENGTHS.unpack(self._take(_LENGTHS.size))
        if header_size > MAX_HEADER or self._left > MAX_BODY:
            raise MalformedMessage
        self._fill(header_size)
        try:
            header = json.loads(bytes(self._take(header_size)))
        except ValueError as error:
            raise MalformedMessage from error
        if not isinstance(header, dict):
            raise MalformedMessage
        return header

    def body(self) -> bytes:
        """The body, whole."""
        return b"".join(bytes(piece) for piece in self.pieces())

    def pieces(self) -> Iterator[memoryview]:
        """The body in pieces of at most PIECE octets, each to be used before the next is asked for."""
        held = min(self._left, self._end - self._start)
        if held:
            self._left -= held
            yield self._take(held)
        space = memoryview(bytearray(min(self._left, PIECE)))
        while self._left:
            wanted = space[: min(self._left, PIECE)]
            self._receive(wanted)
            self._left -= len(wanted)
            yield wanted

    def drain(self) -> None:
        """Read away what is left of the body, so that the next message is found."""
        for _ in self.pieces():
            pass

    def _fill(self, size: int, *, at_start: bool = False) -> None:
        """Have at least ``size`` octets (at most the buffer's) in the buffer."""
        if self._start + size > _BUFFERED:
            held = bytes(self._buffer[self._start : self._end])
            self._buffer[: len(held)] = held
            self._start, self._end = 0, len(held)
        while self._end - self._start < size:
            self.flush()
            count = self.socket.recv_into(self._buffer[self._end :])
            if not count:
                if at_start and self._start == self._end:
                    raise Closed
                raise MalformedMessage
            self._end += count

    def _take(self, size: int) -> memoryview:
        taken = self._buffer[self._start : self._start + size]
        self._start += size
        if self._start == self._end:
            self._start = self._end = 0
        return taken

    def _receive(self, into: memoryview) -> None:
        self.flush()
        at = 0
        while at < len(into):
            count = self.socket.recv_into(into[at:])
            if not count:
                raise MalformedMessage
            at += count

    def _send_parts(self, parts: Sequence[Octets]) -> None:
        waiting = deque(memoryview(part) for part in parts if len(part))
        while waiting:
            sent = self.socket.sendmsg(list(islice(waiting, _AT_ONCE)))
            while waiting and sent >= len(waiting[0]):
                sent -= len(waiting.popleft())
            if sent:
                waiting[0] = waiting[0][sent:]
