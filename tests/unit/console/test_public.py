"""The public server's manners: bounds against who sends little, much or nothing, and HTTP's general rules."""

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console import public
from console.public_bounds import Bounds
from kernel.edges.public import Answer, Asked, text
from tests.support.public import fetch, served


class Echo:
    """Tells what was asked; ``/quick`` from memory, ``/file`` with a file, ``/slow`` after a while, ``/bad`` not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def quick(self, asked: Asked) -> Answer | None:
        return Answer(200, "text/plain", b"at once", 60, '"tag"') if asked.path == "/quick" else None

    def together(self, asked: Asked) -> bool:
        return asked.path == "/many"

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        if asked[0].path == "/bad":
            raise RuntimeError("broken")
        if asked[0].path == "/slow":
            time.sleep(0.3)
        if asked[0].path == "/file":
            return [Answer(200, "application/octet-stream", self._file, 30)]
        return [text(200, f"{one.method} {one.path} {one.query} {len(one.body)}") for one in asked]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "large"
    made.write_bytes(bytes(range(256)) * 8192)
    return made


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), 10)


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def test_what_is_asked_is_answered(file: Path) -> None:
    with served(Echo(file)) as url:
        assert fetch(f"{url}/a?b=c").body == b"GET /a b=c 0\n"
        assert fetch(f"{url}/many", b"body").body == b"POST /many  4\n"
        assert fetch(f"{url}/bad").status == 500
        assert fetch(f"{url}/file").body == file.read_bytes()
        head = fetch(f"{url}/file", method="HEAD")
        assert (head.body, head.headers["Content-Length"]) == (b"", str(file.stat().st_size))


def test_caches_are_told_how_long_and_who_has_it_gets_it_no_more(file: Path) -> None:
    with served(Echo(file)) as url:
        first = fetch(f"{url}/quick")
        assert first.headers["Cache-Control"] == "max-age=60, public, no-transform, must-revalidate"
        assert "Expires" in first.headers
        again = fetch(f"{url}/quick", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
        assert "Content-Length" not in again.headers
        assert fetch(f"{url}/a").headers["Cache-Control"] == "no-store"


def test_requests_in_a_row_are_answered_in_their_order(file: Path) -> None:
    with served(Echo(file)) as url, connect(url) as connection:
        paths = ("/slow", "/quick", "/file", "/last")
        asked = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths[:-1]]
        asked.append(f"GET {paths[-1]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        connection.sendall("".join(asked).encode())
        told = read_all(connection)
        places = [
            told.index(mark) for mark in (b"GET /slow", b"at once", file.read_bytes()[:512], b"GET /last")
        ]
        assert places == sorted(places)
        assert told.count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000, b"413"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"z" * 100_000, b"413"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
)
def test_what_is_too_large_or_no_request_is_refused(file: Path, sent: bytes, status: bytes) -> None:
    with served(Echo(file)) as url, connect(url) as connection:
        connection.sendall(sent)
        try:
            told = read_all(connection)
        except ConnectionResetError:  # the rest of what was sent came after the end
            return
        assert told.startswith(b"HTTP/1.1 " + status)


def test_who_does_not_finish_a_request_is_cut_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "HEAD_SECONDS", 0.2)
    with served(Echo(file)) as url, connect(url) as connection:
        connection.sendall(b"GET / HT")
        started = time.monotonic()
        with pytest.raises(ConnectionResetError):
            if not connection.recv(1):
                raise ConnectionResetError
        assert time.monotonic() - started < 5


def test_connections_are_bounded(file: Path) -> None:
    with served(Echo(file), Bounds(connections=4)) as url:  # of one address half
        held = [connect(url) for _ in range(2)]
        for one in held:
            one.sendall(b"GET / HT")
        time.sleep(0.2)
        with connect(url) as third, pytest.raises(ConnectionError):
            third.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if not third.recv(1):
                raise ConnectionResetError
        for one in held:
            one.close()
        time.sleep(0.2)
        assert fetch(f"{url}/a").status == 200


def test_who_comes_when_too_many_wait_is_told_to_come_again(file: Path) -> None:
    served_few = served(Echo(file), Bounds(waiting=2))
    with served_few as url, connect(url) as first, connect(url) as second:
        first.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.1)
        second.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        told = read_all(second)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1" in told
        assert b"200 OK" in read_all(first)


def test_who_asks_and_does_not_listen_is_not_heard_further(file: Path) -> None:
    """Answers nobody takes wait with the client's requests, not in our memory."""
    asked = b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n" * 2000
    with served(Echo(file)) as url, connect(url) as connection:
        connection.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += connection.send(asked)
        # whatever was answered is there, in one piece each, once somebody listens
        told = b""
        while len(told) < 1 << 20:
            told += connection.recv(65536)
        assert told.count(b"HTTP/1.1 200 OK") - 1 <= told.count(b"at once")


def test_nothing_is_put_into_an_answer_under_way(tmp_path: Path) -> None:
    """A bad request behind one for a large file is refused behind the file, or the connection ends."""
    large = tmp_path / "list"
    large.write_bytes(b"\0" * (16 << 20))
    with served(Echo(large)) as url, connect(url) as connection:
        connection.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        connection.sendall(b"no request at all\r\n\r\n")
        told = read_all(connection).partition(b"\r\n\r\n")[2]
        assert told.partition(b"HTTP/1.1 400")[0] == large.read_bytes()


def test_a_refusal_is_no_answer_to_what_was_asked_before(file: Path) -> None:
    with served(Echo(file)) as url, connect(url) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nno request at all\r\n\r\n")
        try:
            told = read_all(connection)
        except ConnectionResetError:
            return
        assert b"400" not in told


def test_bodies_that_wait_are_bounded(file: Path) -> None:
    post = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"z" * 60_000
    with served(Echo(file)) as url, connect(url) as connection:
        with pytest.raises(ConnectionError):
            connection.sendall(post * 8)
            if read_all(connection).count(b"200 OK") < 8:
                raise ConnectionResetError


def test_an_offer_of_another_protocol_is_passed_over(file: Path) -> None:
    """As the HTTP clients of Java and curl make it of themselves."""
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    with served(Echo(file)) as url:
        assert fetch(f"{url}/quick", headers=offer).body == b"at once"
        assert fetch(f"{url}/a", headers=offer).body == b"GET /a  0\n"
        assert fetch(f"{url}/a", b"body", headers=offer).status == 400


def test_the_octets_of_all_bodies_together_are_bounded(file: Path) -> None:
    def begun(connection: socket.socket) -> None:
        connection.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n" + b"z" * 2000)
        time.sleep(0.2)

    with (
        served(Echo(file), Bounds(body=4000, bodies=5000)) as url,
        connect(url) as first,
        connect(url) as second,
    ):
        begun(first)
        begun(second)
        with connect(url) as third:
            begun(third)
            assert read_all(third).startswith(b"HTTP/1.1 503")
        first.sendall(b"z" * 1000)
        assert first.recv(65536).startswith(b"HTTP/1.1 200")
        second.close()
        time.sleep(0.2)
        assert fetch(f"{url}/a", b"z" * 4000).body == b"POST /a  4000\n"  # what went away is counted no more
        assert fetch(f"{url}/many", b"z" * 4000).status == 200


def test_who_asks_whether_to_send_a_body_is_told_to(file: Path) -> None:
    """As curl does before a large one; without an answer it waits a second."""
    with served(Echo(file)) as url, connect(url) as connection:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert b"POST /a  4" in read_all(connection)


class Gathers(Echo):
    """Notes how many were answered at once."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.sizes: list[int] = []

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        self.sizes.append(len(asked))
        time.sleep(0.02)
        return super().answer(asked)


def test_who_asks_again_and_again_is_answered_together(file: Path) -> None:
    """A batch waits until as many are there as were answered last, and no longer: here it would be a second."""
    site = Gathers(file)

    def ask(url: str) -> None:
        with connect(url) as connection:
            for _ in range(6):
                connection.sendall(b"POST /many HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                assert b"POST /many" in connection.recv(65536)

    with served(site, Bounds(gathering=16.0)) as url, ThreadPoolExecutor(5) as pool:
        started = time.monotonic()
        asking = [pool.submit(ask, url) for _ in range(5)]
        for one in asking:
            one.result(30)
        assert site.sizes.count(5) >= 3
        assert time.monotonic() - started < 4  # of which one second when the first of them ask no more
