"""TLS of the console: renewed without a restart, never half-way, and missing certificates are named."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from console.tls import ContextCache, TlsFiles
from console.web.server import serve
from kernel.config import Settings
from kernel.errors import Unavailable
from tests.support.certificates import TestCa


def test_a_renewal_that_is_half_way_keeps_the_last_good_certificate(tmp_path: Path) -> None:
    files = TlsFiles("web", tmp_path / "server-127.0.0.1.pem", tmp_path / "server-127.0.0.1.key")
    ca = TestCa(tmp_path)
    pair = ca.server()
    contexts = ContextCache(files)
    good = contexts.current()
    old_key = pair.key.read_bytes()
    ca.server()
    new_key = pair.key.read_bytes()
    pair.key.write_bytes(old_key)  # the new certificate is there, its key is not yet
    assert contexts.current() is good
    pair.key.write_bytes(new_key)
    assert contexts.current() is not good


def test_a_console_without_certificate_says_what_to_set() -> None:
    with pytest.raises(Unavailable, match=r"web\.certificate"):
        serve(Settings())


SERVED = """
import sys
from console import serving

def app(environ, start):
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]

serving.HEAD = 2.0
serving.Server("127.0.0.1", int(sys.argv[1]), {"workers": 1, "threads": 4}, lambda: app).run()
"""


@pytest.fixture
def port() -> Iterator[int]:
    """Where a small application is served as the console is, by four threads."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVED, str(port)])
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def asked(port: int, origin: str, patience: float) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, patience, source_address=(origin, 0))
    connection.request("GET", "/", headers={"Connection": "close"})
    return connection.getresponse().read()


def test_who_sends_slowly_keeps_nobody_else_waiting_and_is_cut_off(port: int) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.3", 0)))
            for _ in range(20)
        ]
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        time.sleep(0.5)
        begun = time.monotonic()
        assert [asked(port, "127.0.0.1", 5) for _ in range(10)] == [b"ok"] * 10
        assert time.monotonic() - begun < 2
        assert slow[0].recv(1) == b""  # its time for the head of the request is over
    assert asked(port, "127.0.0.3", 10) == b"ok"
