"""Gunicorn keeps the processes, uvloop carries the connections: the worker class of the public service (adr 0037)."""

import asyncio
import gc
import os
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import uvloop
from gunicorn.workers.base import Worker

from console.public import Front
from console.public_bounds import Bounds
from console.public_direct import Listener
from console.public_tls import TlsListener
from kernel.edges.public import Site

_BEAT = 1.0
_YOUNG = 50_000  # objects that may be cycles; at most some megabytes
_GRACE = 5.0  # for answers under way at the end


@dataclass(frozen=True)
class Service:
    """What a worker serves; over TLS when there is a ``context``, which is asked for each connection."""

    site: Site
    bounds: Bounds | None = None
    context: Callable[[], ssl.SSLContext] | None = None

    def listen(self, front: Front, listening: socket.socket) -> Listener | TlsListener:
        """Accept connections for the front."""
        if self.context is None:
            return Listener(front, listening)
        return TlsListener(front, listening, self.context)


class PublicWorker(Worker):  # type: ignore[misc]
    """Serves the Service that the application loads, on gunicorn's sockets."""

    def run(self) -> None:
        signal.set_wakeup_fd(-1)  # the loop brings its own
        gc.freeze()  # what was loaded stays: the collector of cycles need not go through it time and again,
        gc.set_threshold(_YOUNG)  # nor through the requests of each batch, which leave no cycles
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(self.wsgi))

    async def _serve(self, service: Service) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, stop.set)
        front = Front(service.site, service.bounds)
        listeners = [service.listen(front, listening.sock) for listening in self.sockets]
        while not stop.is_set() and self.ppid == os.getppid():
            self.notify()
            front.sweep()
            await _wait(stop, _BEAT)
        for listener in listeners:
            listener.close()
        for _ in range(int(_GRACE / 0.1)):
            if not front.waiting:
                break
            await asyncio.sleep(0.1)
        front.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
