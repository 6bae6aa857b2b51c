"""Suspending a certificate by telephone: the holder says a pass-phrase, the registrar types what was heard.

The suspension takes effect at once and needs no second person; whether to revoke or to release is decided afterwards by those
who always do. A wrong phrase is counted: after a few, that certificate's telephone is closed for a while.
"""

import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from math import ceil

from ca import store as certificates
from ca.model import Certificate, Request
from ca.registration import store
from ca.status.marking import Marking
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Invalid, LimitExceeded, NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.passwords import Passwords
from kernel.identity.permissions import Permission
from kernel.store import Database, UnitOfWork

SHORTEST, LONGEST = 8, 100  # characters that count
DIGITS = 12  # of a phrase made here: read out in three groups, 40 bits, of which a few may be tried
TRIES = 5
CLOSED = timedelta(minutes=30)


class Phrases:
    """Sets pass-phrases and acts on what is heard on the telephone."""

    def __init__(self, database: Database, clock: Clock, access: Access, marking: Marking) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._marking = marking

    def set(self, principal: Principal, request_id: str, phrase: str | None = None) -> str:
        """Set the phrase of a request's certificate, replacing any other; without one it is made. Returns it: shown once."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        chosen = _made() if phrase is None else phrase
        hashed = _hasher().hash(_reduced(chosen)) if phrase is None else hash_of(phrase)
        with self._database.begin() as uow:
            request = certificates.read_request(uow.connection, request_id, lock=True)
            if not self._access.covers(principal, request.unit):
                raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
            keep_phrase(uow, principal, request, hashed, self._clock.now())
        return chosen

    def suspend(self, principal: Principal, serial: str, heard: str, note: str) -> Certificate:
        """Suspend the certificate if its phrase was heard; Invalid for a wrong one or none, LimitExceeded after some."""
        self._access.require(principal, Permission.CA_HOLD_BY_PHONE)
        with self._database.read() as connection:
            found = certificates.read_certificate(connection, serial)
        if not self._access.covers(principal, found.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
        with self._database.read() as connection:
            known = store.read_phrase(connection, found.request)
        # argon2 is slow on purpose: outside the transaction, and as slow for a certificate without a phrase
        right = _hasher().verify(known.hash if known else None, _reduced(heard))
        with self._database.begin() as uow:
            refused = self._count(uow, principal, found, right, known.hash if known else None)
            if refused is None:
                self._marking.hold(uow, principal, found, note)
        if refused is not None:
            raise refused
        return self._marking.published(found)

    def _count(
        self, uow: UnitOfWork, by: Principal, found: Certificate, right: bool, known: str | None
    ) -> WeichengError | None:
        """Record the attempt; what is wrong with it, if anything. A phrase that was changed meanwhile does not count."""
        row = store.read_phrase(uow.connection, found.request)
        closed = row is not None and row.locked_until is not None and row.locked_until > self._clock.now()
        right = right and row is not None and row.hash == known and not closed
        target, outcome = f"certificate:{found.serial}", "success" if right else "failure"
        uow.audit(by, AuditAction.CA_PHRASE_TRY, target, unit=found.unit, outcome=outcome)
        if closed:
            return _closed(row.locked_until - self._clock.now())  # type: ignore[union-attr]
        if row is not None:
            failures = 0 if right else row.failures + 1
            until = self._clock.now() + CLOSED if failures >= TRIES else None
            store.count_failure(uow.connection, row.request, 0 if until else failures, until)
        return None if right else _wrong()


def hash_of(phrase: str) -> str:
    """The argon2id hash (RFC 9106) of a phrase; Invalid for one that is soon guessed."""
    return _hasher().hash(plain(phrase))


def keep_phrase(uow: UnitOfWork, by: Principal, request: Request, hashed: str, now: datetime) -> None:
    """Keep the hash of a request's phrase; who sets it checks permissions."""
    store.put_phrase(uow.connection, request.id, hashed, by.id, now)
    uow.audit(by, AuditAction.CA_PHRASE_SET, f"request:{request.id}", unit=request.unit)


@cache
def _hasher() -> Passwords:
    return Passwords()  # made when it is needed: it hashes something at once


def _wrong() -> Invalid:
    return Invalid(
        N_("Certificate and pass-phrase do not go together."),
        mend=N_("Ask again; otherwise have a security officer suspend it."),
        place="phrase",
    )


def _closed(left: timedelta) -> LimitExceeded:
    return LimitExceeded(
        N_("Too many wrong pass-phrases were tried for this certificate."),
        mend=N_("Try again in %(minutes)s minutes, or have a security officer suspend it."),
        place="phrase",
        minutes=ceil(left / timedelta(minutes=1)),
    )


def plain(phrase: str) -> str:
    """What counts of a phrase when it is said aloud; Invalid for one that is soon guessed."""
    reduced = _reduced(phrase)
    if not SHORTEST <= len(reduced) <= LONGEST or len(set(reduced)) < SHORTEST // 2:
        raise Invalid(
            N_(
                "A pass-phrase has %(shortest)s to %(longest)s letters, characters or digits, not the same few."
            ),
            mend=N_("Blanks, signs and capitals do not count: it is said aloud."),
            place="phrase",
            shortest=SHORTEST,
            longest=LONGEST,
        )
    return reduced


def _reduced(phrase: str) -> str:
    """Letters and digits alone, in one case and one width (Unicode NFKC)."""
    folded = unicodedata.normalize("NFKC", phrase).casefold()
    return "".join(sign for sign in folded if sign.isalnum())


def _made() -> str:
    digits = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    return " ".join(digits[start : start + 4] for start in range(0, DIGITS, 4))
