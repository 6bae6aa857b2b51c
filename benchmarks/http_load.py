"""Requests by the thousand over loopback, and what the asked processes took for them; the client's own time is not counted."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

CONNECTIONS = 64
SECONDS = 60  # for all of them


@dataclass
class Load:
    """Requests still to be sent, and the bodies of the first answers."""

    port: int
    requests: Sequence[bytes]
    keep: bool
    sent: int = 0
    answered: int = 0
    sample: list[bytes] = field(default_factory=list)

    def next(self) -> bytes | None:
        if self.sent >= len(self.requests):
            return None
        self.sent += 1
        return self.requests[self.sent - 1]

    def take(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")) or not body:
            raise SystemExit(f"unexpected answer: {answer[:200]!r}")
        self.answered += 1
        if len(self.sample) < 200:
            self.sample.append(body)


class _Client(asyncio.Protocol):
    def __init__(self, load: Load, first: bytes, ended: "asyncio.Future[None]") -> None:
        self._load = load
        self._first = first
        self._ended = ended
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._first)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._load.keep and _whole(self._held):
            self._load.take(self._held)
            self._held = b""
            request = self._load.next()
            if request is None:
                self._transport.close()
            else:
                self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.keep and self._held:
            self._load.take(self._held)
        if not self._ended.done():
            self._ended.set_result(None)


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return len(body) >= int(length.split(b":")[1])


async def _connections(load: Load) -> None:
    """One connection after another. None without a request: `openssl ocsp` would read it for ever."""
    loop = asyncio.get_running_loop()
    while (first := load.next()) is not None:
        ended = loop.create_future()
        await loop.create_connection(partial(_Client, load, first, ended), "127.0.0.1", load.port)
        await ended


def run(
    port: int, requests: Sequence[bytes], cpu: Callable[[], float], *, keep: bool
) -> tuple[float, list[bytes]]:
    """Answers per CPU second of the asked processes (``cpu`` tells what they have used), and some of the answers.

    ``keep``: many requests on each connection; otherwise a connection for each.
    """
    load = Load(port, requests, keep)

    async def everything() -> None:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(_connections(load) for _ in range(CONNECTIONS)))

    before = cpu()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(everything())
    used = cpu() - before
    if load.answered != len(requests):
        raise SystemExit(f"{load.answered} of {len(requests)} requests were answered")
    return load.answered / used, load.sample
