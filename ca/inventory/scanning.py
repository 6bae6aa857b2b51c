"""Knocking at TLS endpoints: whatever they present is taken down, valid or not (pyOpenSSL reads the whole chain).

Bounded: so many at once, so many a second, so long for each. Nothing is believed and nothing is sent but a handshake.
"""

import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ca.inventory.model import Presented, Target

_MOST_CHAIN = 10


@dataclass(frozen=True)
class Pace:
    """How gently: connections at once, new ones a second, seconds for each."""

    at_once: int = 32
    a_second: float = 100.0
    timeout: float = 3.0


class TlsScanner:
    """Asks endpoints for their certificates."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._lock = threading.Lock()
        self._next = 0.0

    def scan(self, targets: Sequence[Target]) -> Iterator[tuple[Target, Presented | None]]:
        """Each target with what it presented; None for who does not speak TLS there."""
        with ThreadPoolExecutor(self._pace.at_once, thread_name_prefix="inventory") as pool:
            yield from zip(targets, pool.map(self._one, targets), strict=True)

    def _one(self, target: Target) -> Presented | None:
        self._wait_for_turn()
        try:
            return _handshake(target, self._pace.timeout)
        except (OSError, ValueError):  # silence, refusal, another protocol
            return None

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self._pace.a_second
        time.sleep(max(0.0, turn - now))


def _handshake(target: Target, timeout: float) -> Presented | None:
    from OpenSSL import SSL

    deadline = time.monotonic() + timeout
    with socket.create_connection((target.address, target.port), timeout) as raw:
        raw.setblocking(False)
        connection = SSL.Connection(_context(), raw)
        connection.set_connect_state()
        if target.server_name:
            connection.set_tlsext_host_name(target.server_name.encode("idna"))
        try:
            while True:
                try:
                    connection.do_handshake()
                    break
                except SSL.WantReadError:
                    _wait(raw, deadline, write=False)
                except SSL.WantWriteError:
                    _wait(raw, deadline, write=True)
        except SSL.Error:
            pass  # also who wants a certificate of ours has shown theirs before they hang up
        return _presented(connection)


def _wait(raw: socket.socket, deadline: float, *, write: bool) -> None:
    left = deadline - time.monotonic()
    ready = left > 0 and any(select.select([] if write else [raw], [raw] if write else [], [], left))
    if not ready:
        raise TimeoutError


def _presented(connection: Any) -> Presented | None:
    from OpenSSL import crypto

    chain = connection.get_peer_cert_chain()
    if not chain:
        return None
    ders = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in chain[:_MOST_CHAIN])
    return Presented(ders, connection.get_protocol_version_name())


def _context() -> Any:
    """A client that accepts everything: weak keys and dead certificates are what we look for."""
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE, lambda *_any: True)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    return context
