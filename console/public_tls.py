"""Connections over TLS: counted against the front's bounds before the handshake as after it, and given a time for it."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from console.public import HEAD_SECONDS, Connection, Front
from console.public_accept import Accepting

CLOSE_SECONDS = 5.0  # for the client's own close_notify


class TlsListener(Accepting):
    """Has each connection shake hands first; ``context`` is asked for each."""

    def __init__(self, front: Front, listening: socket.socket, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._greeted: Counter[str] = Counter()  # by address: whose handshake is under way
        self._tasks: set[asyncio.Task[None]] = set()
        super().__init__(front, listening)

    def close(self) -> None:
        super().close()
        for task in self._tasks:
            task.cancel()

    def _serve(self, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        origin = str(address[0])
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
        connection = _Arriving(self._front, partial(self._leave, origin))
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context(),
                ssl_handshake_timeout=HEAD_SECONDS,
                ssl_shutdown_timeout=CLOSE_SECONDS,
            )
        except (OSError, asyncio.CancelledError):  # what ssl raises is an OSError
            accepted.close()
        finally:
            connection.arrive()

    def _leave(self, origin: str) -> None:
        self._greeted[origin] -= 1
        if not self._greeted[origin]:
            del self._greeted[origin]


class _Arriving(Connection):
    """Counted by its listener as long as it shakes hands, by the front from then on."""

    __slots__ = ("_arrived",)

    def __init__(self, front: Front, arrived: Callable[[], None]) -> None:
        super().__init__(front)
        self._arrived: Callable[[], None] | None = arrived

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.arrive()
        super().connection_made(transport)

    def arrive(self) -> None:
        """The handshake is over, well or badly."""
        if self._arrived is not None:
            self._arrived()
            self._arrived = None
