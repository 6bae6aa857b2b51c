"""The time-stamping authority (RFC 3161): its own key, policy, accuracy, and a register of what it stamped.

Serial numbers are 126 random bits below a leading one: no counter that a restore could set back, nothing that processes would
have to share; and the register refuses one that was there. A stamp is in the register before it is answered, so that each token
anybody holds can be found in it; one whose entry can not be stored is thrown away.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509

from ca.encoding.policies import STAMPING, settled
from ca.ports import ServiceKeys
from ca.signer.model import KeyRole
from ca.timestamps import store
from ca.timestamps.clocks import ClockDoubtful, ClockGuard, ClockState
from ca.timestamps.model import Stamped
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.edges.limits import Buckets
from kernel.errors import Unavailable, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki import tsp
from kernel.store import Database
from kernel.store.listing import Ask, Page


@dataclass(frozen=True)
class Rules:
    """What the authority promises (seconds) and demands, how long its register is kept, how often one address may ask."""

    accuracy: int = 1
    synchronised: bool = False
    keep: timedelta = timedelta(days=3660)
    per_minute: int = 600


class Timestamps:
    """Answers requests, and lists what was answered."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        keys: ServiceKeys,
        rules: Rules | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._keys = keys
        self._rules = rules or Rules()
        self.buckets = Buckets(self._rules.per_minute)
        self.guard = ClockGuard(
            clock, timedelta(seconds=self._rules.accuracy), synchronised=self._rules.synchronised
        )

    # --- for everybody
    def answer(self, request: bytes) -> bytes:
        """A DER TimeStampResp for a DER TimeStampReq; a request that can not be granted is answered with a rejection."""
        try:
            asked = tsp.parse_request(request)
            if asked.policy is not None and settled(asked.policy) != STAMPING:
                return tsp.reject(tsp.UNACCEPTED_POLICY, "this policy is not offered")
            return self._granted(asked)
        except tsp.MalformedRequest as error:
            return tsp.reject(error.failure, error.text("en"))
        except ClockDoubtful as error:
            return tsp.reject(tsp.TIME_NOT_AVAILABLE, error.text("en"))
        except WeichengError as error:
            return tsp.reject(tsp.SYSTEM_FAILURE, error.text("en"))

    def token(self, digest: bytes, *, algorithm: str = "sha256") -> bytes:
        """A token over a digest, for evidence and files of our own."""
        request = tsp.request(digest, digest=algorithm, nonce=secrets.randbits(63))
        return tsp.token_of(self.answer(request))

    def _granted(self, asked: tsp.TimeStampRequest) -> bytes:
        key = self._keys.key(KeyRole.TIMESTAMP)
        with self._database.read() as connection:
            own = store.authority_in_force(connection, sha256_hex(key.certificate_der))
            newest = store.newest_signature(connection, self._clock.now())
        at = self.guard.check(newest)
        begins, ends = _times(key.certificate_der)
        if own is None or not begins <= at < ends:
            raise Unavailable(N_("The certificate of the time-stamping authority is not in force."))
        serial = secrets.randbits(126) | 1 << 126
        policy = asked.policy or STAMPING  # as it was asked for (RFC 3161 section 2.4.2)
        answer = tsp.grant(
            key, asked, policy=policy, serial=serial, at=at, accuracy_seconds=self._rules.accuracy
        )
        entry = Stamped(f"{serial:032x}", at, asked.digest, asked.imprint.hex(), own)
        with self._database.begin() as uow:
            store.add(uow.connection, entry)
        return answer

    # --- for officers, auditors and assessors
    def page(self, principal: Principal, ask: Ask) -> Page[Stamped]:
        """Stamps given, newest first. Filters: digest, imprint, since, until. Quick find: a serial number or an imprint."""
        self._access.require(principal, Permission.TIMESTAMP_READ)
        text = ask.text.strip().lower().replace(":", "")
        with self._database.read() as connection:
            return store.STAMPS.page(connection, replace(ask, text=""), *store.found_by(text))

    def show(self, principal: Principal, serial: str) -> Stamped:
        self._access.require(principal, Permission.TIMESTAMP_READ)
        with self._database.read() as connection:
            return store.read(connection, serial)

    def clock_state(self, principal: Principal) -> ClockState | None:
        """What the system says of its clock; None where it says nothing."""
        self._access.require(principal, Permission.TIMESTAMP_READ)
        return self.guard.state()

    # --- for the worker
    def prune(self) -> int:
        """Remove from the register what is kept no longer; returns how many."""
        with self._database.begin() as uow:
            return store.prune(uow.connection, self._clock.now() - self._rules.keep)


@lru_cache(maxsize=16)
def _times(certificate: bytes) -> tuple[datetime, datetime]:
    found = x509.load_der_x509_certificate(certificate)
    return found.not_valid_before_utc, found.not_valid_after_utc
