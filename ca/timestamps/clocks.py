"""May this clock be signed for? What the kernel says of it, whether it was set, and what was signed before.

Linux tells by adjtimex(2) whether something disciplines the clock (chrony, ntpd, systemd-timesyncd) and how far it may be off;
a container is told of its host's clock. A clock that is set while the process runs is found by comparing it with the time that
went by (CLOCK_MONOTONIC, which is slewed like the clock but never set).
"""

import ctypes
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kernel.clock import Clock
from kernel.errors import Unavailable
from kernel.i18n import N_

_UNSYNCHRONISED = 0x40  # STA_UNSYNC
_TIME_ERROR = 5
SETTLING = timedelta(minutes=1)  # how long nothing is signed after the clock was set


class Doubt(StrEnum):
    """Why the clock is not signed for."""

    UNSYNCHRONISED = "unsynchronised"
    INACCURATE = "inaccurate"
    SET = "set"
    BEHIND = "behind"


WORDS: Mapping[Doubt, str] = {
    Doubt.UNSYNCHRONISED: N_("The clock is not synchronised."),
    Doubt.INACCURATE: N_("The clock may be off by more than the accuracy that is promised."),
    Doubt.SET: N_("The clock was set; nothing is stamped until it has been steady for a minute."),
    Doubt.BEHIND: N_("The clock is behind what the CA has signed already."),
}


class ClockDoubtful(Unavailable):
    """The clock is not signed for; ``doubt`` says why."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(WORDS[doubt], mend=N_("Look after the machine's clock (chronyc tracking)."))
        self.doubt = doubt


@dataclass(frozen=True)
class ClockState:
    """What the system says of its clock: whether it is disciplined, and by how many seconds it may be off at most."""

    synchronised: bool
    error: float


class _Timex(ctypes.Structure):
    """struct timex of Linux (64 bit); fields beyond ``constant`` are not looked at."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("rest", ctypes.c_char * 256),
    )


def system_state() -> ClockState | None:
    """What the kernel says; None where it says nothing."""
    asked = _Timex(modes=0)  # 0: only read, which everybody may
    try:
        told = ctypes.CDLL(None).adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):
        return None
    if told < 0:
        return None
    synchronised = told != _TIME_ERROR and not asked.status & _UNSYNCHRONISED
    return ClockState(synchronised, asked.maxerror / 1e6)


class ClockGuard:
    """Watches the clock of one process from its start."""

    def __init__(
        self,
        clock: Clock,
        accuracy: timedelta,
        *,
        synchronised: bool,
        state: Callable[[], ClockState | None] = system_state,
    ) -> None:
        self._clock = clock
        self._accuracy = accuracy
        self._synchronised = synchronised
        self._state = state
        self._lock = threading.Lock()
        self._wall, self._passed = clock.now(), clock.monotonic()
        self._set_at: float | None = None

    def check(self, newest: datetime | None) -> datetime:
        """The time to sign; ClockDoubtful otherwise. ``newest`` is the time of what was signed last, if there is any."""
        now = self._steady()
        if newest is not None and now < newest:
            raise ClockDoubtful(Doubt.BEHIND)
        if self._synchronised:
            self._check_state()
        return now

    def state(self) -> ClockState | None:
        """What the system says of its clock."""
        return self._state()

    def _check_state(self) -> None:
        told = self._state()
        if told is None or not told.synchronised:
            raise ClockDoubtful(Doubt.UNSYNCHRONISED)
        if told.error > self._accuracy.total_seconds():
            raise ClockDoubtful(Doubt.INACCURATE)

    def _steady(self) -> datetime:
        with self._lock:
            now, passed = self._clock.now(), self._clock.monotonic()
            expected = self._wall + timedelta(seconds=passed - self._passed)
            self._wall, self._passed = now, passed
            if abs(now - expected) > self._accuracy:
                self._set_at = passed
            if self._set_at is not None:
                if passed - self._set_at < SETTLING.total_seconds():
                    raise ClockDoubtful(Doubt.SET)
                self._set_at = None
            return now
