"""Knocking at TLS endpoints: whatever they present is taken down, valid or not (pyOpenSSL reads the whole chain).

Bounded: so many at once, so many a second, so long for each. Nothing is believed and nothing is sent but a handshake; who
speaks TLS is asked once more for a certificate of the other kind of key, since a server may have one of each.
"""

import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ca.inventory.judging import facts_of
from ca.inventory.model import KeyKind, Presented, Target

_MOST_CHAIN = 10
# all that may be signed with a key of a kind (RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1), old digests too
_SIGNATURES = {
    KeyKind.RSA: ":".join(
        [f"rsa_pss_rsae_sha{bits}" for bits in (256, 384, 512)]
        + [f"RSA+SHA{bits}" for bits in (256, 384, 512, 224, 1)]
    ),
    KeyKind.ECDSA: ":".join(f"ECDSA+SHA{bits}" for bits in (256, 384, 512, 224, 1)),
}


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

    def scan(self, targets: Sequence[Target]) -> Iterator[tuple[Target, tuple[Presented, ...]]]:
        """Each target with what it presented, what it prefers first; nothing of who does not speak TLS there."""
        with ThreadPoolExecutor(self._pace.at_once, thread_name_prefix="inventory") as pool:
            yield from zip(targets, pool.map(self._one, targets), strict=True)

    def _one(self, target: Target) -> tuple[Presented, ...]:
        first = self._knock(target, None)
        if first is None:
            return ()
        own = _kind_of(first)
        others = (self._knock(target, kind) for kind in KeyKind if kind is not own)
        return (first, *(one for one in others if one is not None and _kind_of(one) is one.kind))

    def _knock(self, target: Target, kind: KeyKind | None) -> Presented | None:
        self._wait_for_turn()
        try:
            return _handshake(target, self._pace.timeout, kind)
        except (OSError, ValueError):  # silence, refusal, another protocol
            return None

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self._pace.a_second
        time.sleep(max(0.0, turn - now))


def _handshake(target: Target, timeout: float, kind: KeyKind | None) -> Presented | None:
    from OpenSSL import SSL

    deadline = time.monotonic() + timeout
    with socket.create_connection((target.address, target.port), timeout) as raw:
        raw.setblocking(False)
        connection = SSL.Connection(_context(kind), raw)
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
        return _presented(connection, kind)


def _wait(raw: socket.socket, deadline: float, *, write: bool) -> None:
    left = deadline - time.monotonic()
    ready = left > 0 and any(select.select([] if write else [raw], [raw] if write else [], [], left))
    if not ready:
        raise TimeoutError


def _presented(connection: Any, kind: KeyKind | None) -> Presented | None:
    from OpenSSL import crypto

    chain = connection.get_peer_cert_chain()
    if not chain:
        return None
    ders = tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in chain[:_MOST_CHAIN])
    return Presented(ders, connection.get_protocol_version_name(), kind)


def _kind_of(presented: Presented) -> KeyKind | None:
    facts = facts_of(presented.chain[0])
    named = facts.key.partition(" ")[0] if facts else ""
    return {"rsa": KeyKind.RSA, "rsassa_pss": KeyKind.RSA, "ec": KeyKind.ECDSA}.get(named)


def _context(kind: KeyKind | None) -> Any:
    """A client that accepts everything: weak keys and dead certificates are what we look for."""
    from OpenSSL import SSL
    from OpenSSL._util import lib  # pyOpenSSL has no method for the signatures that a client takes

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE, lambda *_any: True)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if kind is not None and lib.SSL_CTX_set1_sigalgs_list(context._context, _SIGNATURES[kind].encode()) != 1:
        raise RuntimeError(f"this OpenSSL can not ask for {kind} alone")
    return context
