"""The signer works only after enough officers have come: m of n shares give the secret that opens its keys.

Without an activation file the signer opens its keys by the secrets of its settings, as small installations do. Once officers
hold shares, key file and token have secrets that nobody knows; a restart, ``deactivate`` or the end of the time makes the
signer inactive again. A new set of shares is begun while the signer is active, agreed to by the holders of the old one,
collected and confirmed by each new holder, and only then takes effect: all at once, and also when the power fails in between.
"""

import secrets as random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from threading import RLock

import structlog

from ca.signer.backends import Backends, PinRefused, Secrets
from ca.signer.model import KeyInfo, KeyRole, Purpose, not_activated
from ca.signer.record import Holder, Plan, Record
from ca.signer.shares import SECRET_OCTETS, Share, ShareRefused, combine, split
from kernel.canonical import iso_utc
from kernel.errors import Conflict, IntegrityFailed, NotFound, NotPermitted
from kernel.i18n import N_

_PATIENCE = 3600.0  # seconds in which the shares have to come together
_PIN_DIGITS = 16
_log = structlog.get_logger("signer")


@dataclass
class _Renewal:
    """A new set of shares on its way. ``agreed``: the holders of the old set let it."""

    plan: Plan
    key: bytes
    shares: Mapping[str, Share]  # by account
    agreed: bool
    confirmed: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        return self.agreed and self.confirmed == set(self.shares)


class Activation:
    """Keys behind officers' shares. ``opened`` builds the backends from their secrets; ``given`` are those of the settings."""

    def __init__(
        self,
        record: Path,
        opened: Callable[[Secrets], Backends],
        given: Secrets | None = None,
        *,
        hours: float | None = None,
    ) -> None:
        self._record = Record(record)
        self._opened = opened
        self._hours = hours
        self._lock = RLock()
        self._backends: Backends | None = None
        self._secrets = Secrets()
        self._until: float | None = None
        self._present: dict[int, Share] = {}
        self._since = 0.0
        self._renewal: _Renewal | None = None
        if not self._record.exists():
            self._secrets = given or Secrets()
            self._backends = opened(self._secrets)
        elif given not in (None, Secrets()):
            _log.warning("officers hold shares; the secrets of the settings open nothing: remove them")

    # --- the keys
    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        return self._active().generate(name, role, algorithm)

    def keys(self) -> Sequence[KeyInfo]:
        return self._active().keys()

    def key(self, name: str) -> KeyInfo:
        return self._active().key(name)

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        return self._active().sign(name, purpose, tbs)

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        return self._active().sign_digest(name, purpose, digest)

    # --- coming together
    def present(self, account: str, share: Share) -> bool:
        """One officer's share; True when it was the last that was needed.

        ShareRefused for one of another set or a changed one, NotPermitted for another officer's, Conflict for one that is
        here already or that nobody waits for.
        """
        with self._lock:
            plan = self._plan()
            if self._is_active() and (self._renewal is None or self._renewal.agreed):
                raise Conflict(N_("The signer is active; no share is waited for."))
            self._check(plan, account, share)
            self._forget_late()
            if share.number in self._present:
                raise Conflict(N_("This share is present already."))
            self._present[share.number] = share
            _log.info("share presented", holder=account, present=len(self._present), needed=plan.threshold)
            if len(self._present) < plan.threshold:
                return False
            self._come_together()
            return True

    def deactivate(self) -> None:
        """Forget every secret; what is being signed is finished. Conflict where no shares bring it back."""
        with self._lock:
            self._plan()
            self._forget()
            _log.info("deactivated")

    # --- a new set
    def begin(self, threshold: int, holders: Mapping[str, str]) -> Plan:
        """Make a new set for the holders (account -> name). Begun anew, it starts over."""
        with self._lock:
            self._active()
            key = random.token_bytes(SECRET_OCTETS)
            made = split(key, threshold, len(holders))
            named = zip(made, holders.items(), strict=True)
            plan = Plan(
                made[0].set.hex(),
                threshold,
                tuple(Holder(share.number, *of, share.commitment) for share, of in named),
                iso_utc(datetime.now(UTC)),
            )
            agreed = not self._record.exists()
            self._present.clear()
            self._renewal = _Renewal(plan, key, dict(zip(holders, made, strict=True)), agreed)
            _log.info("new shares begun", holders=list(holders), needed=threshold)
            return plan

    def collect(self, account: str) -> Share:
        """The new share of this officer."""
        with self._lock:
            renewal = self._underway()
            if not renewal.agreed:
                raise Conflict(
                    N_("The holders of the present shares have not agreed yet."),
                    mend=N_("They present them with: weicheng ca signer activate."),
                )
            if account not in renewal.shares:
                raise NotFound(N_("There is no new share for you."))
            return renewal.shares[account]

    def confirm(self, account: str, share: Share) -> bool:
        """An officer has the share safe and can open it; True when it was the last, and the new set is in force."""
        with self._lock:
            renewal = self._underway()
            self._check(renewal.plan, account, share)
            renewal.confirmed.add(account)
            _log.info("share confirmed", holder=account, confirmed=len(renewal.confirmed))
            if not renewal.complete:
                return False
            self._take_effect(renewal)
            return True

    def cancel(self) -> None:
        """Drop a new set before it is in force."""
        with self._lock:
            self._underway()
            self._renewal = None
            _log.info("new shares cancelled")

    # --- how it stands
    def standing(self) -> "Standing":
        with self._lock:
            self._forget_late()
            active, renewal = self._is_active(), self._renewal
            plan = self._record.plan() if self._record.exists() else None
            return Standing(
                backends=self._backends if active else None,
                plan=plan,
                present=frozenset(self._present),
                seconds_left=self._until - time.monotonic() if active and self._until else None,
                new=renewal.plan if renewal else None,
                agreed=renewal is not None and renewal.agreed,
                confirmed=frozenset(renewal.confirmed) if renewal else frozenset(),
            )

    # --- inside
    def _active(self) -> Backends:
        with self._lock:
            if self._is_active() and self._backends is not None:
                return self._backends
            raise not_activated(len(self._present), self._record.plan().threshold)

    def _is_active(self) -> bool:
        if self._until is not None and time.monotonic() >= self._until:
            self._forget()
            _log.info("deactivated", cause="the time is over")
        return self._backends is not None

    def _plan(self) -> Plan:
        if not self._record.exists():
            raise Conflict(
                N_("The signer is opened by the secrets of its settings; no officer holds a share."),
                mend=N_("Hand out shares first: weicheng ca signer shares begin."),
            )
        return self._record.plan()

    def _underway(self) -> _Renewal:
        if self._renewal is None:
            raise Conflict(
                N_("No new shares are being handed out."), mend=N_("Begin: weicheng ca signer shares begin.")
            )
        return self._renewal

    @staticmethod
    def _check(plan: Plan, account: str, share: Share) -> None:
        holder = next((one for one in plan.holders if one.number == share.number), None)
        if plan.set != share.set.hex() or holder is None:
            raise ShareRefused(
                N_("This share is of another set."), mend=N_("Present the share handed out last.")
            )
        if holder.account != account:
            raise NotPermitted(N_("This share was handed to another officer."))
        if not compare_digest(holder.commitment, share.commitment):
            raise ShareRefused(N_("This is not the share that was handed out."))

    def _forget_late(self) -> None:
        now = time.monotonic()
        if self._present and now - self._since > _PATIENCE:
            self._present.clear()
            _log.info("shares forgotten", cause="the others did not come")
        if not self._present:
            self._since = now

    def _forget(self) -> None:
        if self._backends is not None:
            self._backends.close()
        self._backends, self._secrets, self._until = None, Secrets(), None
        self._renewal = None
        self._present.clear()

    def _come_together(self) -> None:
        """Enough shares: open the keys, or agree to the new set."""
        key = combine(list(self._present.values()))
        self._present.clear()
        candidates = self._record.open(key)
        if self._renewal is not None and self._backends is not None:
            self._renewal.agreed = True
            _log.info("new shares agreed to")
            return
        self._open(candidates)
        if len(candidates) > 1:
            self._change(self._record.plan(), key, candidates[0])
        self._until = time.monotonic() + self._hours * 3600 if self._hours else None
        _log.info("activated")

    def _open(self, candidates: Sequence[Secrets]) -> None:
        """By the newest secrets, or by those before them when a change was interrupted."""
        for secrets in candidates:
            backends = self._opened(secrets)
            if len(candidates) == 1 or _fits(backends):
                self._backends, self._secrets = backends, secrets
                return
            backends.close()
        raise IntegrityFailed(
            N_("The shares are right, but what they open does not open the keys."),
            mend=N_("Restore key file, token and activation file from the same backup."),
        )

    def _take_effect(self, renewal: _Renewal) -> None:
        """From the first write on the new set opens the keys, whatever of the rest is done."""
        backends = self._active()
        for place, _ in backends.standing():
            if place.fault is not None:
                raise place.fault
        new, old = _new_secrets(), self._secrets
        between = Secrets(new.passphrase, old.pin)
        self._record.write(renewal.plan, renewal.key, [new, between, old])
        self._renewal = None
        try:
            self._change(renewal.plan, renewal.key, new)
        except BaseException:
            self._forget()  # the holders of the new shares activate it, which finishes the change
            raise
        _log.info("new shares in force", set=renewal.plan.set)

    def _change(self, plan: Plan, key: bytes, new: Secrets) -> None:
        self._secrets = self._active().change_secrets(new)
        self._record.write(plan, key, [self._secrets])


@dataclass(frozen=True)
class Standing:
    """How the signer stands. ``backends`` is None while it is inactive, ``plan`` while no officer holds a share.

    ``present`` are numbers of shares, ``confirmed`` accounts that have the new share safe.
    """

    backends: Backends | None
    plan: Plan | None
    present: frozenset[int]
    seconds_left: float | None
    new: Plan | None
    agreed: bool
    confirmed: frozenset[str]


def _fits(backends: Backends) -> bool:
    """Whether these secrets open every place; Unavailable when a place can not be asked."""
    try:
        backends.keys()
    except (IntegrityFailed, PinRefused):
        return False
    return True


def _new_secrets() -> Secrets:
    """What nobody has ever seen."""
    digits = "".join(random.choice("0123456789") for _ in range(_PIN_DIGITS))
    return Secrets(random.token_urlsafe(SECRET_OCTETS), digits)
