"""Connections that are answered where they are accepted: the same answers as on any other, however the octets come."""

import resource
import socket
import struct
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console import public, public_accept
from console.public import Bounds
from kernel.edges.public import Answer, Asked, text
from tests.support.public import fetch, served
from tests.unit.console.test_public import connect, read_all

LARGE = bytes(range(256)) * 40_000  # more than a socket takes at once
TWO = (
    b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    b"GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
)


class Memory:
    """``/quick`` and ``/large`` from memory, what else is asked in a thread; ``/slow`` after a while."""

    def __init__(self) -> None:
        self.threads: list[Asked] = []

    def quick(self, asked: Asked) -> Answer | None:
        if asked.path == "/quick":
            return Answer(200, "text/plain", f"{asked.method} {len(asked.body)}".encode(), 60, '"tag"')
        return Answer(200, "text/plain", LARGE) if asked.path == "/large" else None

    def together(self, asked: Asked) -> bool:
        return False

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        self.threads.extend(asked)
        if asked[0].path == "/slow":
            time.sleep(0.2)
        return [text(200, f"{one.method} {one.path} {one.query} {len(one.body)}") for one in asked]


def ask(url: str, *pieces: bytes, pause: float = 0.05) -> bytes:
    """What comes back for octets that are sent in pieces, until the server ends the connection."""
    with connect(url) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        return read_all(connection)


def request(path: str, body: bytes = b"", *, method: str = "", lines: str = "") -> bytes:
    head = (
        f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}"
    )
    return (head + (f"Content-Length: {len(body)}\r\n" if body else "") + "\r\n").encode() + body


def body_of(told: bytes) -> bytes:
    assert told.startswith(b"HTTP/1.1 200 OK\r\n"), told[:200]
    assert b"\r\nConnection: close\r\n" in told
    return told.partition(b"\r\n\r\n")[2]


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_what_is_in_memory_is_told_without_a_thread() -> None:
    site = Memory()
    with served(site) as url:
        assert body_of(ask(url, request("/quick"))) == b"GET 0"
        assert body_of(ask(url, request("/quick", b"abc"))) == b"POST 3"
        assert body_of(ask(url, b"GET /quick HTTP/1.0\r\n\r\n")) == b"GET 0"
        assert site.threads == []


def test_what_is_not_in_memory_comes_from_a_thread_with_all_that_was_asked() -> None:
    site = Memory()
    with served(site) as url:
        assert body_of(ask(url, request("/a?b=c", b"abc", lines="X-Y: z\r\n"))) == b"POST /a b=c 3\n"
        assert body_of(ask(url, request("/quick?b=c"))) == b"GET 0"
        (asked,) = site.threads
        assert (asked.headers["x-y"], asked.origin, asked.body) == ("z", "127.0.0.1", b"abc")


@pytest.mark.parametrize("at", [1, 10, 30, len(request("/quick", b"x" * 64)) - 64, -1])
def test_a_request_in_two_packets_is_one(at: int) -> None:
    whole = request("/quick", b"x" * 64)
    with served(Memory()) as url:
        assert body_of(ask(url, whole[:at], whole[at:])) == b"POST 64"


@given(cuts=st.lists(st.integers(1, len(TWO) - 1), max_size=4, unique=True))
@settings(max_examples=25, deadline=None)
def test_requests_in_a_row_have_their_answers_however_they_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TWO)]
    pieces = [TWO[start:end] for start, end in pairwise(edges)]
    with served(Memory()) as url:
        told = ask(url, *pieces, pause=0.003)
    assert told.count(b"HTTP/1.1 200 OK") == 2
    assert told.index(b"POST /slow  4\n") < told.index(b"GET 0")


def test_after_the_last_request_nothing_is_answered() -> None:
    with served(Memory()) as url:
        assert ask(url, request("/a") + request("/quick")).count(b"HTTP/1.1") == 1
        assert ask(url, request("/quick") + b"\r\n").count(b"HTTP/1.1") == 1


def test_a_head_has_no_body_and_who_has_it_gets_it_no_more() -> None:
    with served(Memory()) as url:
        told = ask(url, request("/quick", method="HEAD"))
        assert told.endswith(b"\r\n\r\n")
        assert b"Content-Length: 6" in told
        assert ask(url, request("/quick", lines='IF-None-Match: "tag"\r\n')).startswith(b"HTTP/1.1 304")
        assert body_of(ask(url, request("/quick", lines='If-None-Match: "other"\r\n'))) == b"GET 0"


@pytest.mark.parametrize(
    "sent", [b"no request\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\0" * 99]
)
def test_no_request_is_refused(sent: bytes) -> None:
    with served(Memory()) as url:
        assert ask(url, sent).startswith(b"HTTP/1.1 400")


def test_a_connection_is_kept_for_who_wants_it() -> None:
    with served(Memory()) as url, connect(url) as connection:
        for path, told in (("/quick", b"GET 0"), ("/a", b"GET /a  0\n"), ("/quick", b"GET 0")):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            got = b""
            while not got.endswith(told):
                got += connection.recv(65536)
            assert b"Connection: close" not in got
            time.sleep(0.05)


def test_an_answer_larger_than_the_socket_takes_comes_whole(tmp_path: Path) -> None:
    with served(Memory()) as url, connect(url) as slow:
        slow.sendall(request("/large"))
        time.sleep(0.2)  # meanwhile others are answered
        assert fetch(f"{url}/quick").body == b"GET 0"
        assert body_of(read_all(slow)) == LARGE


def test_who_ends_its_side_after_asking_is_answered() -> None:
    with served(Memory()) as url:
        for path, told in (("/quick", b"GET 0"), ("/slow", b"GET /slow  0\n")):
            with connect(url) as connection:
                connection.sendall(request(path))
                connection.shutdown(socket.SHUT_WR)
                assert body_of(read_all(connection)) == told


@pytest.mark.parametrize("path", ["/quick", "/large", "/slow"])
def test_who_is_gone_before_the_answer_takes_no_place(path: str) -> None:
    with served(Memory(), Bounds(connections=4)) as url:  # of one address half
        for _ in range(8):
            connection = connect(url)
            connection.sendall(request(path))
            reset(connection)
            time.sleep(0.25 if path == "/slow" else 0.02)
        assert fetch(f"{url}/a").body == b"GET /a  0\n"


def test_who_says_nothing_does_not_hinder_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "HEAD_SECONDS", 0.2)
    with served(Memory()) as url:
        silent = [connect(url) for _ in range(20)]
        assert body_of(ask(url, request("/quick"))) == b"GET 0"
        for one in silent:
            reset(one)


def test_places_are_counted_while_answers_are_made() -> None:
    with served(Memory(), Bounds(connections=4)) as url:
        told: list[bytes] = []
        asking = [threading.Thread(target=lambda: told.append(ask(url, request("/slow")))) for _ in range(2)]
        for one in asking:
            one.start()
        time.sleep(0.1)
        with connect(url) as third:
            third.sendall(request("/a"))
            with pytest.raises(ConnectionError):
                if not third.recv(1):
                    raise ConnectionResetError
        assert body_of(ask(url, request("/quick"))) == b"GET 0"  # takes no place
        for one in asking:
            one.join()
        assert [body_of(one) for one in told] == [b"GET /slow  0\n"] * 2
        assert body_of(ask(url, request("/a"))) == b"GET /a  0\n"


def test_without_descriptors_accepting_goes_on_when_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_accept, "REST", 0.1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served(Memory()) as url, connect(url) as used, socket.socket() as waiting:
        used.sendall(request("/quick"))
        body_of(read_all(used))
        port = int(url.rsplit(":", 1)[1])
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (waiting.fileno() + 1, hard))
            waiting.connect(("127.0.0.1", port))
            waiting.sendall(request("/quick"))
            time.sleep(0.3)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert body_of(read_all(waiting)) == b"GET 0"


def test_an_offer_of_another_protocol_is_passed_over() -> None:
    offer = request("/quick", lines="Upgrade: h2c\r\n").replace(b"close", b"close, Upgrade")
    with served(Memory()) as url:
        assert body_of(ask(url, offer)) == b"GET 0"


def test_who_asks_at_the_same_time_is_answered_together() -> None:
    """By twenty clients, each of whom asks again as soon as it is answered."""
    site, rounds = Batches(), 10
    with served(site) as url:

        def client() -> None:
            for _ in range(rounds):
                assert body_of(ask(url, request("/many"), pause=0)) == b"/many"

        asking = [threading.Thread(target=client) for _ in range(20)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    assert sum(site.sizes) == 20 * rounds
    assert len(site.sizes) < 20 * rounds / 2
    assert max(site.sizes) <= public.TOGETHER


def test_a_batch_has_only_so_many_octets() -> None:
    """While the first is answered, five of three octets wait and one of nine, for which a batch of seven is too small."""
    site = Batches()
    site.go_on.clear()
    with served(site, Bounds(batch=7, gathering=0)) as url, ThreadPoolExecutor(7) as clients:
        for number, body in enumerate([b"aaa"] * 6 + [b"b" * 9], start=1):
            clients.submit(ask, url, request("/many", body), pause=0)
            while site.came < number:
                time.sleep(0.01)
        site.go_on.set()
    assert site.sizes == [1, 2, 2, 1, 1]


class Batches(Memory):
    """Remembers how many were asked at once; answers while it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.came = 0
        self.sizes: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def together(self, asked: Asked) -> bool:
        self.came += 1
        return True

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        self.sizes.append(len(asked))
        assert self.go_on.wait(30)
        return [Answer(200, "text/plain", one.path.encode()) for one in asked]
