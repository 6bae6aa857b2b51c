"""Messages out of a TCP stream (RFC 6587): octet counting, or a line end or NUL after each; found out per connection."""

import re
from dataclasses import dataclass

LONGEST = 65_536  # octets of one message; the rest of a longer one is passed over

_COUNT = re.compile(rb"([1-9]\d{0,8}) ")
_COUNT_BEGINS = re.compile(rb"[1-9]\d{0,8}(?: )?$")


@dataclass(frozen=True)
class Frame:
    """One message; ``truncated`` when it was longer than allowed or broken off."""

    data: bytes
    truncated: bool = False


class Framer:
    """The state of one connection. It holds at most one unfinished message of ``longest`` octets."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._counting: bool | None = None
        self._delimiter: bytes | None = None
        self._skip = 0  # octets of a counted message still to be passed over
        self._skipping = False  # until the next delimiter

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that these octets complete."""
        self._buffer += data
        if self._counting is None and not self._decide():
            return []
        return self._counted() if self._counting else self._delimited()

    def finish(self) -> list[Frame]:
        """What is left when the sender has closed: a line without its end, or part of a counted message."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        if not rest.strip(b"\r\n\0 ") or self._skipping or self._skip:
            return []
        if self._counting:
            counted = _COUNT.match(rest)
            return [Frame(rest[counted.end() :] if counted else rest, truncated=True)]
        return [Frame(rest)]

    def _decide(self) -> bool:
        """Counting is a number, a blank and the ``<`` of the priority; anything else is delimited."""
        start = bytes(self._buffer[:12])
        found = _COUNT.match(start)
        if found and len(start) > found.end():
            self._counting = start[found.end() : found.end() + 1] == b"<"
            return True
        if not start or _COUNT_BEGINS.match(start):
            return False  # too little to tell
        self._counting = False
        return True

    def _counted(self) -> list[Frame]:
        frames: list[Frame] = []
        while self._buffer:
            if self._skip:
                passed = min(self._skip, len(self._buffer))
                del self._buffer[:passed]
                self._skip -= passed
                continue
            found = _COUNT.match(self._buffer)
            if found is None:
                if len(self._buffer) < 11 and self._buffer.isdigit():
                    break
                self._counting = (
                    False  # the sender lost count: what follows is taken by lines, nothing is dropped
                )
                return frames + self._delimited()
            length = int(found[1])
            kept = min(length, self._longest)
            if len(self._buffer) < found.end() + kept:
                break
            frames.append(Frame(bytes(self._buffer[found.end() : found.end() + kept]), length > kept))
            del self._buffer[: found.end() + kept]
            self._skip = length - kept
        return frames

    def _delimited(self) -> list[Frame]:
        frames: list[Frame] = []
        while self._buffer:
            if self._delimiter is None:
                self._delimiter = _first_delimiter(self._buffer)
            end = -1 if self._delimiter is None else self._buffer.find(self._delimiter)
            if end < 0:
                self._cut(frames)
                break
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if self._skipping:
                self._skipping = False
            elif line.strip(b"\r\n\0 "):
                frames.append(Frame(line[: self._longest], len(line) > self._longest))
        return frames

    def _cut(self, frames: list[Frame]) -> None:
        """No end in sight and already too long: keep the beginning, pass the rest over."""
        if self._skipping:
            self._buffer.clear()
        elif len(self._buffer) > self._longest:
            frames.append(Frame(bytes(self._buffer[: self._longest]), truncated=True))
            self._buffer.clear()
            self._skipping = True


def _first_delimiter(buffer: bytearray) -> bytes | None:
    ends = [(place, mark) for mark in (b"\n", b"\0") if (place := buffer.find(mark)) >= 0]
    return min(ends)[1] if ends else None
