"""A lean, bounded HTTP/1.1 server for what is open to everybody: uvloop carries it, httptools parses (adr 0037).

Bounds against whoever sends little, much or nothing (CWE-400, CWE-770): connections in all and of one address, octets of
head and body, time for a head, idle time, requests that wait. What is at hand in memory is answered in the loop; the rest in
threads, what goes together in batches that grow with the load.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple, cast

import httptools
import structlog

from console.public_bounds import Bounds
from console.public_head import head_of, unchanged
from kernel.edges.public import Answer, Asked, Site, text

MAX_HEAD = 16_384  # octets of request line and headers; an OCSP request may be in the path
PIPELINED = 16
HEAD_SECONDS = 20.0
IDLE_SECONDS = 15.0
SEND_SECONDS = 60.0  # without any progress
THREADS = 8
TOGETHER = 64  # requests of one batch
NONE: Counter[str] = Counter()
_PIECE = 1 << 18

_log = structlog.get_logger("public")
_REFUSED = text(400, "This is no request that is understood here.")
_TOO_LARGE = text(413, "The request is too large.")
_BUSY = replace(text(503, "Too many requests at once; try again."), headers={"Retry-After": "1"})
_FAILED = text(500, "The service failed; its log says why.")


class _Waiting(NamedTuple):
    asked: Asked
    told: Callable[[Answer], None]


class Front:
    """One process's connections and waiting requests before a Site. Everything but the site's ``answer`` runs in the loop."""

    def __init__(self, site: Site, bounds: Bounds | None = None) -> None:
        self.site = site
        self.bounds = bounds or Bounds()
        self.bodies = 0  # octets of what came and is not answered yet
        self.connections: set[Connection] = set()
        self.origins: Counter[str] = Counter()
        self.waiting = 0  # requests that wait for their answer
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="public")
        self._waiting: Counter[str] = Counter()  # the same by address
        self._alone: deque[_Waiting] = deque()
        self._together: deque[_Waiting] = deque()
        self._running = 0
        self._gathering: asyncio.TimerHandle | None = None
        self._batch_runs = False
        self._patience = 0.0
        self._expected = TOGETHER

    def connection(self) -> "Connection":
        """For asyncio: the protocol of a new connection."""
        return Connection(self)

    def full(self, origin: str, arriving: Counter[str] = NONE) -> bool:
        """No room for one more connection of that address; ``arriving`` are those that shake hands, by address."""
        most, here = self.bounds.connections, self.origins[origin] + arriving[origin]
        return len(self.connections) + arriving.total() >= most or here >= most // 2

    def ask(self, asked: Asked, told: Callable[[Answer], None]) -> None:
        """Have a request answered in a thread; refused when too many wait, or too many of one address."""
        most = self.bounds.waiting
        if self.waiting >= most or self._waiting[asked.origin] >= most // 2:
            told(_BUSY)
            return
        self.waiting += 1
        self._waiting[asked.origin] += 1
        queue = self._together if self.site.together(asked) else self._alone
        queue.append(_Waiting(asked, told))
        self._start()

    def _start(self) -> None:
        """Start what there is a thread for. One batch at a time: while it runs, the next one gathers."""
        if self._together and not self._batch_runs:
            if self._gathering is None:
                self._gathering = self._loop.call_later(self._patience, self._start_batch)
            elif len(self._together) >= self._expected:
                self._gathering.cancel()
                self._start_batch()
        while self._alone and self._running < THREADS - 1:
            self._running += 1
            self._run([self._alone.popleft()], together=False)

    def _start_batch(self) -> None:
        """Whoever was answered together asks again together: after a batch of many the next waits for them a moment."""
        self._gathering, self._batch_runs = None, True
        batch = self._next_batch()
        self._patience = self.bounds.gathering * (len(batch) - 1) / TOGETHER
        self._run(batch, together=True)

    def _next_batch(self) -> list[_Waiting]:
        """The first that waits, and those behind it as far as there is room."""
        batch = [self._together.popleft()]
        room = self.bounds.batch - len(batch[0].asked.body)
        while self._together and len(batch) < TOGETHER:
            room -= len(self._together[0].asked.body)
            if room < 0:
                break
            batch.append(self._together.popleft())
        return batch

    def _run(self, batch: list[_Waiting], *, together: bool) -> None:
        work = self._loop.run_in_executor(self._threads, self._answers, [one.asked for one in batch])
        work.add_done_callback(lambda done: self._tell(batch, together, done.result()))

    def _answers(self, asked: Sequence[Asked]) -> list[Answer]:
        try:
            answers = self.site.answer(asked)
            for one in answers:
                _ = one.head  # made here, not in the loop: a file may have to be asked for its size
            return answers
        except Exception as error:  # noqa: BLE001 - one bad request must not end the service
            _log.error("answering failed", exc_info=error)
            return [_FAILED] * len(asked)

    def _tell(self, batch: list[_Waiting], together: bool, answers: list[Answer]) -> None:
        if together:
            self._batch_runs = False
            self._expected = max(2, min(TOGETHER, len(batch) + len(self._together)))
        else:
            self._running -= 1
        self.waiting -= len(batch)
        for one, answer in zip(batch, answers, strict=True):
            self._waiting[one.asked.origin] -= 1
            if not self._waiting[one.asked.origin]:
                del self._waiting[one.asked.origin]
            one.told(answer)
        self._start()

    def sweep(self) -> None:
        """Cut off who has been too long about something; about once a second."""
        now = monotonic()
        for connection in list(self.connections):
            if now > connection.until:
                connection.abort()

    def close(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
        for connection in list(self.connections):
            connection.abort()
        self._threads.shutdown(wait=False, cancel_futures=True)


class Connection(asyncio.Protocol):
    """One client: its requests are answered in their order, one at a time.

    ``last``: nothing further is heard, the answer under way ends the connection.
    """

    __slots__ = (
        "_body", "_body_size", "_busy", "_drained", "_front", "_head_size", "_headers", "_held", "_later",
        "_origin", "_parser", "_task", "_transport", "_url", "last", "until",
    )  # fmt: skip

    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._origin = ""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._head_size = self._body_size = self._held = 0
        self._later: deque[tuple[Asked, bool]] = deque()
        self._busy = self.last = False
        self._drained: asyncio.Future[None] | None = None  # while the client does not take what it is sent
        self._task: asyncio.Task[None] | None = None
        self.until = monotonic() + HEAD_SECONDS

    # --- of the transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._transport is not None:  # on its way from where it was accepted to the loop
            return
        self._transport = cast(asyncio.Transport, transport)
        self._origin = str((transport.get_extra_info("peername") or ("",))[0])
        if self._front.full(self._origin):
            self._transport.abort()
            return
        self._front.connections.add(self)
        self._front.origins[self._origin] += 1

    def carried(self, transport: asyncio.Transport) -> None:
        """From now on by another transport than the first (console.public_direct)."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._later.clear()
        self._front.bodies -= self._held
        self._held = 0
        self._taken()
        del self._parser  # it holds this object: nothing is left to the collector of cycles
        if self in self._front.connections:
            self._front.connections.discard(self)
            self._front.origins[self._origin] -= 1
            if not self._front.origins[self._origin]:
                del self._front.origins[self._origin]

    def data_received(self, data: bytes) -> None:
        if self.last:
            return
        self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # an offer, answered in plain HTTP (RFC 9110 section 7.8)
            return
        except httptools.HttpParserError:
            if not self.last:  # what follows a last request is none
                self._refuse(_REFUSED)
            return
        if self._head_size - self._body_size > MAX_HEAD:
            self._refuse(_TOO_LARGE)

    def pause_writing(self) -> None:
        """Who does not take its answers is not heard either, or they would fill the memory."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        if self._transport is not None and not self.last:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.until = monotonic() + SEND_SECONDS
        self._taken()
        if self._transport is not None and not self.last:
            self._transport.resume_reading()

    def _taken(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- of the parser
    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, []
        if not self._busy:
            self.until = monotonic() + HEAD_SECONDS

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Who asks whether to send the body is told so (RFC 9110 section 10.1.1), or waits a second for nothing."""
        asks = self._headers.get("expect", "").lower() == "100-continue"
        if asks and self._transport is not None and not self._busy and not self.last:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._body_size += len(body)
        self._held += len(body)
        self._front.bodies += len(body)
        if self._body_size > self._front.bounds.body:
            self._refuse(_TOO_LARGE)
        elif self._front.bodies > self._front.bounds.bodies:
            self._refuse(_BUSY)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        asked = Asked(
            self._parser.get_method().decode("latin-1"),
            path,
            b"".join(self._body),
            query,
            self._headers,
            self._origin,
        )
        upgrade = self._parser.should_upgrade()
        if upgrade and asked.method not in ("GET", "HEAD"):  # the parser takes its body for another protocol
            self._refuse(_REFUSED)
            return
        keep = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1" and not upgrade
        self._head_size = self._body_size = 0
        if self._busy:
            self._later.append((asked, keep))
            waiting = sum(len(later.body) for later, _ in self._later)
            if len(self._later) > PIPELINED or waiting > self._front.bounds.body:
                self.abort()
            return
        self._take(asked, keep)

    # --- answering
    def take(self, asked: Asked) -> None:
        """Have a request answered that was read where its connection was accepted, and is its last."""
        self._held = len(asked.body)
        self._front.bodies += self._held
        if self._front.bodies > self._front.bounds.bodies:
            self._refuse(_BUSY)
        else:
            self._take(asked, keep=False)

    def _take(self, asked: Asked, keep: bool) -> None:
        if self.last:
            return
        self.last = not keep
        self._held -= len(asked.body)
        answer = self._front.site.quick(asked)
        if answer is not None:
            self._front.bodies -= len(asked.body)
            self._send(asked, keep, answer)
            return
        self._busy = True
        self.until = monotonic() + SEND_SECONDS
        self._front.ask(asked, lambda told: self._told(asked, keep, told))

    def _told(self, asked: Asked, keep: bool, answer: Answer) -> None:
        self._busy = False
        self._front.bodies -= len(asked.body)
        self._send(asked, keep, answer)
        while self._later and not self._busy:
            self._take(*self._later.popleft())

    def _send(self, asked: Asked, keep: bool, answer: Answer) -> None:
        transport = self._transport
        if transport is None:
            return
        if answer.etag and answer.etag in asked.headers.get("if-none-match", ""):
            answer = unchanged(answer)
        head = head_of(answer, keep=keep)
        self.until = monotonic() + IDLE_SECONDS
        if asked.method == "HEAD" or not answer.size:
            transport.write(head)
        elif isinstance(answer.body, Path):
            transport.write(head)
            self._busy = True
            self._task = asyncio.get_running_loop().create_task(self._stream(answer.body, answer.size))
            return
        else:
            transport.write(head + answer.body)
        if not keep:
            transport.close()

    async def _stream(self, file: Path, size: int) -> None:
        """A file piece by piece, as quickly as the client takes it; cut off where it became shorter meanwhile."""
        with contextlib.closing(file.open("rb")) as source:
            while size and self._transport is not None:
                self.until = monotonic() + SEND_SECONDS
                piece = source.read(min(_PIECE, size))
                if not piece:
                    self.abort()
                    return
                size -= len(piece)
                self._transport.write(piece)
                if self._drained is not None:
                    await self._drained
        self._busy = False
        self.until = monotonic() + IDLE_SECONDS
        if self.last and self._transport is not None:
            self._transport.close()
        while self._later and not self._busy:
            self._take(*self._later.popleft())

    def _refuse(self, answer: Answer) -> None:
        """Tell why, unless an answer is under way: into that nothing may be put."""
        if self._busy:
            self.abort()
        elif self._transport is not None and not self.last:
            self.last = True
            self._transport.write(head_of(answer, keep=False) + bytes(cast(bytes, answer.body)))
            self._transport.close()
