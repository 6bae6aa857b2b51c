"""A token reached by PKCS#11: the module initialised for threads, a pool of sessions, and how it comes back after a fault.

python-pkcs11 initialises a module without CKF_OS_LOCKING_OK, which allows one thread only (PKCS#11 2.40, 5.4 C_Initialize).
It is therefore finalised and initialised again here, by the module's own function list. Where a module can not lock, one
session is all there is.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any, TypeVar

import pkcs11
import structlog
from pkcs11 import exceptions as faults

from ca.signer.backends import PinRefused
from kernel.errors import Unavailable
from kernel.i18n import N_

T = TypeVar("T")
MAX_SESSIONS = 8
_OS_LOCKING_OK, _CANT_LOCK = 0x02, 0x0A
_HOLD_OFF_SECONDS = 1.0  # after a token was found away: who asks meanwhile is told so at once

# what tells that the request was wrong for this token; anything else tells that the token is not there as it was
REFUSALS = (
    faults.MechanismInvalid,
    faults.MechanismParamInvalid,
    faults.KeySizeRange,
    faults.DomainParamsInvalid,
    faults.TemplateIncomplete,
    faults.TemplateInconsistent,
    faults.AttributeTypeInvalid,
    faults.AttributeValueInvalid,
    faults.FunctionNotSupported,
    faults.TokenWriteProtected,
    faults.DeviceMemory,
)
_PIN_FAULTS = (
    faults.PinIncorrect,
    faults.PinInvalid,
    faults.PinLenRange,
    faults.PinExpired,
    faults.PinLocked,
    faults.UserPinNotInitialized,
)
_log = structlog.get_logger("signer")


class _InitializeArgs(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("mutexes", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = (
        ("version", ctypes.c_ubyte * 2),
        ("initialize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)),
        ("finalize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)),
    )


class Module:
    """The module at ``path``. Unavailable when it is none, PKCS11Error when it does not start.

    ``sessions`` is how many may be used at once.
    """

    def __init__(self, path: Path) -> None:
        self.sessions = MAX_SESSIONS
        functions = ctypes.POINTER(_FunctionList)()
        try:
            ctypes.CDLL(str(path)).C_GetFunctionList(ctypes.byref(functions))
        except (OSError, AttributeError) as error:
            raise Unavailable(
                N_("The PKCS#11 module can not be loaded."),
                mend=N_("Correct signer.hsm.module; it is the library of the HSM's maker."),
                place=str(path),
            ) from error
        self._library = pkcs11.lib(str(path))
        self._functions = functions.contents

    def restart(self) -> None:
        """Finalise and initialise: every session ends, and tokens that came or went are seen."""
        self.stop()
        arguments = _InitializeArgs(flags=_OS_LOCKING_OK)
        result = self._functions.initialize(ctypes.byref(arguments))
        if result == _CANT_LOCK:
            self.sessions = 1
            result = self._functions.initialize(None)
        if result:
            raise faults.GeneralError(f"C_Initialize: 0x{result:x}")

    def stop(self) -> None:
        """Finalise: every session and log-in of this process ends."""
        self._functions.finalize(None)

    def token(self, label: str) -> pkcs11.Token:
        return self._library.get_token(token_label=label)


@dataclass
class Lease:
    """A session in one thread's hands; ``keys`` are the handles it has found already."""

    session: pkcs11.Session
    keys: dict[str, Any] = field(default_factory=dict)


class _PinKept(Exception):
    """The token does not let its user change the PIN to this one."""


def _set_pin(lease: Lease, old: str, new: str) -> None:
    try:
        lease.session.set_pin(old, new)
    except (faults.PinInvalid, faults.PinLenRange, faults.PinTooWeak) as error:
        raise _PinKept from error


class TokenPool:
    """Sessions of the token ``label`` of a module, logged in by ``pin``. Safe to share among threads and over a fork."""

    def __init__(self, module: Path, label: str, pin: str) -> None:
        self.label = label
        self._path, self._pin = module, pin
        self._module: Module | None = None
        self._changed = Condition()
        self._free: list[Lease] = []
        self._out = 0
        self._stale = True  # nothing is connected yet, or what was connected is lost
        self._token: pkcs11.Token | None = None
        self._fault: tuple[float, Unavailable] | None = None
        self._owner = os.getpid()

    def run(self, use: Callable[[Lease], T], *, repeatable: bool = True) -> T:
        """``use`` on a session. When the token was lost it is sought anew, and what is ``repeatable`` done once more.

        Unavailable when the token is away, PinRefused when it does not take the PIN. REFUSALS pass through, and NoSuchKey
        when the token is there and the key is not.
        """
        try:
            return self._once(use)
        except REFUSALS:
            raise
        except faults.PKCS11Error as error:
            _log.warning("token lost", token=self.label, cause=type(error).__name__)
            if not repeatable:
                raise self._away() from error
        try:
            return self._once(use)
        except (*REFUSALS, faults.NoSuchKey):
            raise
        except faults.PKCS11Error as error:
            raise self._away() from error

    def mechanisms(self) -> dict[int, Any]:
        """The token's mechanisms by number, with the sizes of keys each takes."""
        return self.run(self._mechanisms)

    def change_pin(self, new: str) -> str:
        """Give the token a new PIN (C_SetPIN); the PIN in force, which is the old one where it can not be changed so."""
        if new == self._pin:
            return new
        try:
            self.run(lambda lease: _set_pin(lease, self._pin, new), repeatable=False)
        except (*REFUSALS, _PinKept):
            _log.warning("the token keeps its PIN", token=self.label)
        else:
            self._pin = new
        return self._pin

    def close(self) -> None:
        """End the log-in, once nobody uses a session any more, and forget the PIN."""
        with self._changed:
            self._pin = ""
            self._stale = True
            self._fault = (float("inf"), self._refused())
            self._log_out()

    # --- sessions
    def _once(self, use: Callable[[Lease], T]) -> T:
        with self._lease() as lease:
            return use(lease)

    @contextmanager
    def _lease(self) -> Iterator[Lease]:
        lease = self._take()
        lost = False
        try:
            yield lease
        except REFUSALS:
            raise
        except faults.PKCS11Error:
            lost = True
            raise
        finally:
            self._give(lease, lost=lost)

    def _take(self) -> Lease:
        with self._changed:
            self._notice_fork()
            while True:
                if self._stale and self._out == 0:
                    self._connect()
                if not self._stale:
                    if self._free:
                        self._out += 1
                        return self._free.pop()
                    lease = self._another()
                    if lease is not None:
                        return lease
                self._changed.wait()

    def _give(self, lease: Lease, *, lost: bool) -> None:
        with self._changed:
            self._out -= 1
            if lost:
                self._stale = True
            elif not self._stale:
                self._free.append(lease)
            self._log_out()
            self._changed.notify_all()

    def _log_out(self) -> None:
        if not self._pin and self._out == 0 and self._module is not None:
            self._free.clear()
            self._module.stop()
            self._module = None

    def _another(self) -> Lease | None:
        """One more session, if there may be one; the log-in of the first holds for all (PKCS#11 2.40, 2.6.3)."""
        if self._module is None or self._token is None or self._out >= self._module.sessions:
            return None
        try:
            lease = Lease(self._token.open(rw=True))
        except faults.PKCS11Error as error:
            if isinstance(error, faults.SessionCount) and self._out:
                self._module.sessions = self._out  # as many as the token gives
                return None
            self._stale = True
            raise
        self._out += 1
        return lease

    def _notice_fork(self) -> None:
        if self._owner != os.getpid():  # the parent's sessions are not ours
            self._owner, self._out, self._stale = os.getpid(), 0, True
            self._free.clear()

    # --- coming back
    def _connect(self) -> None:
        """Find the token and log in; nobody holds a session meanwhile, as C_Finalize demands."""
        if self._fault is not None and time.monotonic() < self._fault[0]:
            raise self._fault[1]
        self._free.clear()
        try:
            self._free.append(self._opened())
        except Unavailable as error:
            never = isinstance(error, PinRefused)
            self._fault = (float("inf") if never else time.monotonic() + _HOLD_OFF_SECONDS, error)
            raise
        self._fault, self._stale = None, False

    def _opened(self) -> Lease:
        try:
            if self._module is None:
                self._module = Module(self._path)
            self._module.restart()
            self._token = self._module.token(self.label)
            if self._token.flags & (pkcs11.TokenFlag.USER_PIN_LOCKED | pkcs11.TokenFlag.USER_PIN_FINAL_TRY):
                raise self._refused()
            return Lease(self._token.open(rw=True, user_pin=self._pin))
        except _PIN_FAULTS as error:
            raise self._refused() from error
        except faults.MultipleTokensReturned as error:
            raise Unavailable(
                N_("Several tokens have the label %(label)s."),
                mend=N_("Give each token a label of its own."),
                label=self.label,
            ) from error
        except faults.PKCS11Error as error:
            raise self._away() from error

    @staticmethod
    def _mechanisms(lease: Lease) -> dict[int, Any]:
        slot = lease.session.token.slot
        return {int(one): slot.get_mechanism_info(one) for one in slot.get_mechanisms()}

    def _away(self) -> Unavailable:
        return Unavailable(
            N_("The token %(label)s does not answer."),
            mend=N_("Check the HSM and its connection; signing goes on by itself when it is back."),
            place=str(self._path),
            label=self.label,
        )

    def _refused(self) -> PinRefused:
        return PinRefused(
            N_("The token %(label)s refuses the PIN, or is locked."),
            mend=N_("Set the right PIN or unlock the token, then start or activate the signer anew."),
            place=str(self._path),
            label=self.label,
        )
