"""Telling the log: what the issuing and marking of certificates call within their own transaction."""

from collections.abc import Iterable

from ca.encoding.log import EntryType, Leaf
from ca.model import Certificate, Reason
from ca.transparency import store
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.store import UnitOfWork


def tell(
    uow: UnitOfWork,
    clock: Clock,
    what: EntryType,
    certificate: Certificate,
    issuer_spki: bytes,
    reason: Reason | None = None,
) -> None:
    """Queue the leaf: it is logged if, and only if, the transaction is kept. ``issuer_spki`` is the issuing CA's key."""
    store.enqueue(uow.connection, [_leaf(clock, what, certificate, issuer_spki, reason)])


def tell_issued(uow: UnitOfWork, clock: Clock, issued: Iterable[tuple[Certificate, bytes]]) -> None:
    """As ``tell`` for certificates that were issued together, each with the key of its CA."""
    leaves = [_leaf(clock, EntryType.ISSUED, certificate, spki) for certificate, spki in issued]
    store.enqueue(uow.connection, leaves)


def _leaf(
    clock: Clock, what: EntryType, certificate: Certificate, issuer_spki: bytes, reason: Reason | None = None
) -> Leaf:
    return Leaf(
        type=what,
        serial=certificate.serial,
        certificate=certificate.fingerprint,
        issuer_key=sha256_hex(issuer_spki),
        at=clock.now(),
        reason=None if reason is None else reason.name.lower(),
    )
