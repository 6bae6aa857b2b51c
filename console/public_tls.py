"""Connections over TLS: counted against the front's bounds before the handshake as after it, and given a time for it."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable

import structlog

from console.public import HEAD_SECONDS, Front

CLOSE_SECONDS = 5.0  # for the client's own close_notify
_BATCH = 64  # connections accepted in a row before the loop sees to others
_REST = 1.0  # seconds without accepting, when there are no descriptors left

_log = structlog.get_logger("public")


class TlsListener:
    """Accepts for a front until it is closed; the socket stays its owner's. ``context`` is asked for each connection."""

    def __init__(self, front: Front, listening: socket.socket, context: Callable[[], ssl.SSLContext]) -> None:
        self._front = front
        self._socket = listening
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._rest: asyncio.TimerHandle | None = None
        self._greeted: Counter[str] = Counter()  # by address: whose handshake is under way
        self._tasks: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        self._start()

    def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._socket)
        for task in self._tasks:
            task.cancel()

    def _start(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                accepted, address = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptors or no memory: those who are here leave in a moment
                _log.error("no connection can be accepted", cause=error.strerror)
                self._loop.remove_reader(self._socket)
                self._rest = self._loop.call_later(_REST, self._start)
                return
            self._take(accepted, str(address[0]))

    def _take(self, accepted: socket.socket, origin: str) -> None:
        if self._front.full(origin, self._greeted):
            accepted.close()
            return
        accepted.setblocking(False)
        self._greeted[origin] += 1
        task = self._loop.create_task(self._greet(accepted, origin))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _greet(self, accepted: socket.socket, origin: str) -> None:
        """The handshake; whoever fails in it (plain HTTP, an old version, no time left) is cut off without a word."""
        try:
            await self._loop.connect_accepted_socket(
                self._front.connection,
                accepted,
                ssl=self._context(),
                ssl_handshake_timeout=HEAD_SECONDS,
                ssl_shutdown_timeout=CLOSE_SECONDS,
            )
        except (OSError, asyncio.CancelledError):  # what ssl raises is an OSError
            accepted.close()
        finally:
            self._greeted[origin] -= 1
            if not self._greeted[origin]:
                del self._greeted[origin]
