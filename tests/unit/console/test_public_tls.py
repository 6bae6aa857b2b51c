"""The public server over TLS: the bounds hold before the handshake as after it, and it speaks with nobody in clear."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from console import public_tls
from console.public_bounds import Bounds
from console.tls import ContextCache, TlsFiles
from kernel.edges.public import Answer, Asked, text
from tests.support.certificates import TestCa
from tests.support.public import served

T = TypeVar("T")


class Echo:
    """Tells how much was sent; ``/slow`` after a while."""

    def quick(self, asked: Asked) -> Answer | None:
        return text(200, "at once") if asked.path == "/quick" else None

    def together(self, asked: Asked) -> bool:
        return asked.path == "/many"

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        if asked[0].path == "/slow":
            time.sleep(0.3)
        return [text(200, f"{one.method} {one.path} {len(one.body)} {one.origin}") for one in asked]


@pytest.fixture
def ca(tmp_path: Path) -> TestCa:
    made = TestCa(tmp_path)
    made.server()
    return made


@pytest.fixture
def context(ca: TestCa, tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    files = TlsFiles("enrol", tmp_path / "server-127.0.0.1.pem", tmp_path / "server-127.0.0.1.key")
    return ContextCache(files).current


@pytest.fixture
def url(context: Callable[[], ssl.SSLContext]) -> Iterator[str]:
    bounds = Bounds(connections=8, body=200_000, bodies=400_000)  # of one address four connections
    with served(Echo(), bounds, context) as found:
        yield found


def plain(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), 10)


def secure(url: str, ca: TestCa) -> ssl.SSLSocket:
    return ssl.create_default_context(cafile=ca.root).wrap_socket(plain(url), server_hostname="127.0.0.1")


def ask(url: str, ca: TestCa, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    parts, trust = urlsplit(url), ssl.create_default_context(cafile=ca.root)
    with closing(HTTPSConnection(parts.hostname or "", parts.port, timeout=10, context=trust)) as connection:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def given_back(attempt: Callable[[], T]) -> T:
    """What comes of an attempt once there is room again: the server sees a moment later that a connection ended."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return attempt()
        except OSError:  # cut off for want of room; TLS errors are of this kind
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def cut_off(connection: socket.socket) -> bool:
    """Whether the other side ends the connection without a word."""
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


def test_what_is_asked_is_answered_on_a_kept_connection(url: str, ca: TestCa) -> None:
    with secure(url, ca) as connection:
        assert connection.version() == "TLSv1.3"
        for path, told in (
            ("/quick", b"at once"),
            ("/slow", b"GET /slow 0 127.0.0.1"),
            ("/many", b"GET /many 0"),
        ):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert told in connection.recv(65536)
    body = b"z" * 150_000
    assert ask(url, ca, "/many", body) == (200, b"POST /many 150000 127.0.0.1\n")


def test_what_is_too_large_is_refused(url: str, ca: TestCa) -> None:
    with secure(url, ca) as connection:
        connection.sendall(
            b"POST /many HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\n\r\n" + b"z" * 200_001
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_plain_http_is_cut_off(url: str, ca: TestCa) -> None:
    with plain(url) as connection:
        connection.sendall(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        told = connection.recv(65536)
        assert b"HTTP" not in told
        assert told == b"" or cut_off(connection)
    assert ask(url, ca, "/quick")[0] == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_versions_are_refused(url: str, version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = version
    with plain(url) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(connection)


def test_a_handshake_that_never_ends_is_cut_off(
    context: Callable[[], ssl.SSLContext], ca: TestCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_tls, "HEAD_SECONDS", 0.5)
    with served(Echo(), None, context) as url, plain(url) as silent, plain(url) as slow:
        slow.sendall(b"\x16\x03\x01\x02\x00\x01\x00")  # the begin of a ClientHello
        started = time.monotonic()
        assert cut_off(silent)
        assert cut_off(slow)
        assert time.monotonic() - started < 5
        assert ask(url, ca, "/quick")[0] == 200


def test_handshakes_count_as_connections(url: str, ca: TestCa) -> None:
    """Who only opens connections takes no more of them than who asks, and gives them back."""
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(plain(url))
        time.sleep(0.3)
        with plain(url) as fifth:
            assert cut_off(fifth)
    held = [given_back(lambda: secure(url, ca)) for _ in range(4)]
    with plain(url) as fifth:
        assert cut_off(fifth)
    for one in held:
        one.close()
    assert given_back(lambda: ask(url, ca, "/many"))[0] == 200


def test_who_goes_in_the_middle_leaves_nothing_behind(url: str, ca: TestCa) -> None:
    """Whose connection ends within a body is counted no more: the bound of all bodies is 400,000."""
    for _ in range(6):
        with secure(url, ca) as connection:
            connection.sendall(
                b"POST /many HTTP/1.1\r\nHost: x\r\nContent-Length: 190000\r\n\r\n" + b"z" * 180_000
            )
            time.sleep(0.1)
    assert given_back(lambda: ask(url, ca, "/many", b"z" * 190_000))[0] == 200


def test_a_slow_head_is_cut_off(
    context: Callable[[], ssl.SSLContext], ca: TestCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.public.HEAD_SECONDS", 0.5)
    with served(Echo(), None, context) as url, secure(url, ca) as connection:
        connection.sendall(b"GET /quick HT")
        assert cut_off(connection)


def test_a_renewed_certificate_counts_for_the_next_connection(
    url: str, ca: TestCa, context: Callable[[], ssl.SSLContext]
) -> None:
    with secure(url, ca) as kept:
        first = kept.getpeercert(binary_form=True)
        ca.server()
        with secure(url, ca) as second:
            assert second.getpeercert(binary_form=True) != first
        kept.sendall(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"at once" in kept.recv(65536)
