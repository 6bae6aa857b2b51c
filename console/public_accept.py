"""Connections are accepted many in a row, and not at all for a moment when there is no room for more."""

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import Any

import structlog

from console.public import Front

REST = 1.0  # seconds without accepting, when there are no descriptors left
_BATCH = 64  # connections accepted in a row before the loop sees to others

_log = structlog.get_logger("public")


class Accepting(ABC):
    """Accepts for a front until it is closed; the socket stays its owner's."""

    def __init__(self, front: Front, listening: socket.socket) -> None:
        self._front = front
        self._socket = listening
        self._loop = asyncio.get_running_loop()
        self._kind = listening.family, listening.type, listening.proto
        self._rest: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._start()

    def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._socket)

    @abstractmethod
    def _serve(self, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        """One connection that was accepted."""

    def _start(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                accepted, address = self._next()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptors or no memory: those who are here leave in a moment
                _log.error("no connection can be accepted", cause=error.strerror)
                self._loop.remove_reader(self._socket)
                self._rest = self._loop.call_later(REST, self._start)
                return
            self._serve(accepted, address)

    def _next(self) -> tuple[socket.socket, tuple[Any, ...]]:
        """As ``socket.accept``, which asks the listening socket anew what it is each time: a tenth of all that is done."""
        descriptor, address = self._socket._accept()  # type: ignore[attr-defined]
        return socket.socket(*self._kind, descriptor), address
