"""Gunicorn keeps the processes, uvloop carries the connections: the worker class of the public service (adr 0037)."""

import asyncio
import os
import signal
from typing import Any

import uvloop
from gunicorn.workers.base import Worker

from console.public import Front

_BEAT = 1.0
_GRACE = 5.0  # for answers under way at the end


class PublicWorker(Worker):  # type: ignore[misc]
    """Serves the Site that the application loads, on gunicorn's sockets."""

    def run(self) -> None:
        signal.set_wakeup_fd(-1)  # the loop brings its own
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(self.wsgi))

    async def _serve(self, site: Any) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, stop.set)
        front = Front(site)
        servers = [
            await loop.create_server(front.connection, sock=listener.sock, backlog=self.cfg.backlog)
            for listener in self.sockets
        ]
        while not stop.is_set() and self.ppid == os.getppid():
            self.notify()
            front.sweep()
            await _wait(stop, _BEAT)
        for server in servers:
            server.close()
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
