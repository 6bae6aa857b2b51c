"""TLS of the console: renewed without a restart, never half-way, and missing certificates are named."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from console.api.answers import Problem
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
from flask import Flask, request
from console import serving
from console.api import refusing
from console.web import problems

def app(kind):
    flask = Flask(kind, template_folder=sys.argv[2])
    (refusing if kind == "api" else problems).install(flask)
    flask.add_url_rule("/", "ok", lambda: "ok")
    flask.add_url_rule("/take", "take", lambda: request.get_data(), methods=["POST"])
    return flask

serving.HEAD = 2.0
serving.Server("127.0.0.1", int(sys.argv[1]), {"workers": 1, "threads": 4}, lambda: app(sys.argv[3])).run()
"""


@pytest.fixture(params=["api"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Where a small application is served as the console is, by four threads; its errors are told as the API's or as pages."""
    (tmp_path / "problem.html").write_text("{{ status }} {{ detail }}", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVED, str(port), str(tmp_path), request.param])
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


def said(port: int, octets: bytes) -> tuple[int, str, bytes]:
    """Status, kind and body of the answer to these octets, after which the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        with closing(http.client.HTTPResponse(connection)) as answer:
            answer.begin()
            found = answer.status, answer.headers["Content-Type"], answer.read()
        assert connection.recv(1) == b""
        return found


HOST = b"Host: x\r\n"
UNREAD = {
    "no HTTP": (b"\x16\x03\x01<script>\r\n\r\n", 400),
    "a method of nobody": (b"<script>ge / HTTP/1.1\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a thousand fields": (b"GET / HTTP/1.1\r\n" + HOST + b"A: <script>\r\n" * 1000 + b"\r\n", 431),
    "a length below nothing": (b"POST /take HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n", 400),
    "a coding of nobody": (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: <script>\r\n\r\n", 501),
    "a wish of nobody": (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: <script>\r\n\r\n", 417),
}


def test_what_http_can_not_read_is_a_problem_like_every_other(port: int) -> None:
    """In both languages, since nobody knows which was wanted; and nothing of what was sent comes back."""
    for name, (octets, status) in UNREAD.items():
        got, kind, body = said(port, octets)
        assert (got, kind) == (status, "application/problem+json"), name
        problem = Problem.model_validate_json(body)
        assert problem.status == status
        assert b"script" not in body
        assert problem.detail.isascii() is False
    assert asked(port, "127.0.0.1", 5) == b"ok"


BROKEN = {
    "no length": b"zz\r\nabc\r\n0\r\n\r\n",
    "another length": b"3\r\nabcXX0\r\n\r\n",
    "no end": b"8\r\nabc",
    "an odd extension": b"3;\r=\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("port", ["api", "page"], indirect=True)
def test_a_body_that_is_broken_off_is_the_senders_fault(port: int) -> None:
    """Not one inside, which would write a traceback for each."""
    head = b"POST /take HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    for name, body in BROKEN.items():
        status, _, told = said(port, head + body)
        assert status == 400, (name, told)
        assert b"internal" not in told
    assert asked(port, "127.0.0.1", 5) == b"ok"
