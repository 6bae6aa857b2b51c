"""A public service served for real from a thread of the test: the server that production has, on a port of its own."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import uvloop

from console.public import Front
from console.public_bounds import Bounds
from console.public_worker import Service
from kernel.edges.public import Site


@dataclass(frozen=True)
class Fetched:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str, data: bytes | None = None, *, method: str = "", headers: Mapping[str, str] | None = None
) -> Fetched:
    """One request by the standard library's client, the path exactly as it is given."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        path = url.partition(parts.netloc)[2] or "/"
        connection.request(method or ("GET" if data is None else "POST"), path, data, dict(headers or {}))
        answer = connection.getresponse()
        return Fetched(answer.status, dict(answer.getheaders()), answer.read())


@contextmanager
def served(
    site: Site, bounds: Bounds | None = None, context: Callable[[], ssl.SSLContext] | None = None
) -> Iterator[str]:
    """The service's address while it is served; over TLS with a ``context``."""
    started, stop = threading.Event(), asyncio.Event()
    told: dict[str, object] = {}

    async def serve() -> None:
        front = Front(site, bounds)
        listening = socket.create_server(("127.0.0.1", 0))
        listener = Service(site, bounds, context).listen(front, listening)
        told.update(port=listening.getsockname()[1])
        started.set()
        while not stop.is_set():
            front.sweep()
            await asyncio.sleep(0.05)
        listener.close()
        listening.close()
        front.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(10), "the service did not start"
        yield f"http{'s' if context else ''}://127.0.0.1:{told['port']}"
    finally:
        stop.set()
        thread.join(10)
