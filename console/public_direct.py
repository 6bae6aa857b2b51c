"""Connections are answered where they are accepted: most clients of a status service ask one thing and go.

The system gives a connection over when its first octets are there (TCP_DEFER_ACCEPT), so a whole request is at hand: it is
accepted, read, answered and closed by one system call each. What lasts longer has the protocol that every connection has
(console.public), and is carried by the loop unless one more answer is all that is still to come.
"""

import asyncio
import socket
from socket import MSG_DONTWAIT
from typing import Any

import httptools
import structlog

from console.public import Connection, Front
from console.public_accept import Accepting
from console.public_head import head_of
from kernel.edges.public import Asked, Site

_FIRST = 16_384  # octets read at once
_DEFERRED = 1  # seconds that the system waits for the first octets

_log = structlog.get_logger("public")


class Listener(Accepting):
    """Answers what is at hand with the connection."""

    def __init__(self, front: Front, listening: socket.socket) -> None:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFERRED)
        super().__init__(front, listening)

    def _serve(self, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        try:
            data = accepted.recv(_FIRST, MSG_DONTWAIT)
        except BlockingIOError:
            Direct(self._loop, accepted, address).begin(self._front)
            return
        except OSError:
            data = b""
        if not data:  # gone already
            accepted.close()
            return
        whole = Whole(self._front.bounds.body)
        if not whole.read(data):
            Direct(self._loop, accepted, address).begin(self._front, data)
            return
        answer = whole.answer(self._front.site, address[0])
        if answer is None:
            Direct(self._loop, accepted, address).take(self._front, whole.asked(address[0]))
            return
        try:
            sent = accepted.send(answer, MSG_DONTWAIT)
        except OSError:
            sent = len(answer)  # there is nobody any more
        if sent == len(answer):
            accepted.close()
        else:
            Direct(self._loop, accepted, address).finish(self._front, answer[sent:])


class Whole:
    """One request of which all octets are there, the last of its connection."""

    __slots__ = ("_body", "_headers", "_last", "_longest", "_method", "_parser", "_url")

    def __init__(self, longest: int) -> None:
        """``longest``: octets of a body."""
        self._longest = longest
        self._method = self._url = self._body = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._last = False

    def read(self, data: bytes) -> bool:
        """Whether these octets are one."""
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        finally:
            del self._parser  # it holds this object: nothing is left to the collector of cycles
        return self._last and len(self._body) <= self._longest

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._last = not self._method and not self._parser.should_keep_alive()
        self._method = self._parser.get_method()

    def asked(self, origin: str) -> Asked:
        path, _, query = self._url.decode("latin-1").partition("?")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        return Asked(self._method.decode("latin-1"), path, self._body, query, headers, origin)

    def answer(self, site: Site, origin: str) -> bytes | None:
        """Head and body if they are in memory; None where a thread, or a look at the headers, is needed."""
        if self._method == b"HEAD" or b"?" in self._url:
            return None
        method, path = self._method.decode("latin-1"), self._url.decode("latin-1")
        answer = site.quick(Asked(method, path, self._body, origin=origin))
        if answer is None or not isinstance(answer.body, bytes):
            return None
        if answer.etag and any(name.lower() == b"if-none-match" for name, _ in self._headers):
            return None
        return head_of(answer, keep=False) + answer.body


class Direct(asyncio.Transport):
    """The transport of a connection that was just accepted: sends at once, reads nothing."""

    __slots__ = ("_address", "_closed", "_connection", "_held", "_loop", "_moving", "_socket", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket, address: object) -> None:
        self._loop = loop
        self._socket = accepted
        self._address = address
        self._closed = self._moving = False
        self._held = b""
        self._connection: Connection

    def begin(self, front: Front, data: bytes = b"") -> None:
        """Have what was read answered; the loop carries the connection unless its last answer is all that is to come."""
        self._connection = front.connection()
        self._connection.connection_made(self)
        if data and not self._closed:
            self._connection.data_received(data)
        if not (self._closed or self._moving or self._connection.last):
            self._move()

    def take(self, front: Front, asked: Asked) -> None:
        """Have the last request of the connection answered."""
        self._connection = front.connection()
        self._connection.connection_made(self)
        if not self._closed:
            self._connection.take(asked)

    def finish(self, front: Front, data: bytes) -> None:
        """Send what is left of an answer, and close."""
        self._connection = front.connection()
        self._connection.connection_made(self)
        self._connection.last = True
        self.write(data)
        self.close()

    # --- what the protocol asks of its transport
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._address if name == "peername" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._moving:
            self._held += data
        elif not self._closed:
            self._send(bytes(data))

    def close(self) -> None:
        self._closed = True
        if not self._moving:
            self._shut()

    def abort(self) -> None:
        self._held = b""
        self.close()

    def is_closing(self) -> bool:
        return self._closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    # --- moving
    def _send(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data, MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent < len(data):
            self._held = data[sent:]
            self._connection.pause_writing()
            self._move()

    def _move(self) -> None:
        self._moving = True
        self._task = self._loop.create_task(self._carry())

    async def _carry(self) -> None:
        """The loop's transport gets the connection, and what could not be sent or came meanwhile."""
        try:
            made, _ = await self._loop.connect_accepted_socket(lambda: self._connection, self._socket)
        except OSError as error:
            _log.warning("connection dropped", cause=error.strerror)
            self._shut()
            return
        if made.is_closing():  # the client was quicker
            return
        self._connection.carried(made)
        if self._held:
            self._connection.resume_writing()
            made.write(self._held)
        if self._closed:
            made.close()

    def _shut(self) -> None:
        self._socket.close()
        self._connection.connection_lost(None)
