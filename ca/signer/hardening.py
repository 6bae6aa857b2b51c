"""What keeps secrets in the signer's memory from leaving it: no network, no core dumps, no look from outside, no swap."""

import ctypes
import os
import resource
from dataclasses import dataclass

import structlog

from kernel.errors import Invalid
from kernel.i18n import N_

_CLONE_NEWNET = 0x40000000
_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_SECRETS = ("WEICHENG_SIGNER__PASSPHRASE", "WEICHENG_SIGNER__HSM__PIN", "WEICHENG_SIGNER__TOKEN_KEY")
_log = structlog.get_logger("signer")


@dataclass(frozen=True)
class Protection:
    """What the system granted the process."""

    no_core_dump: bool
    memory_locked: bool
    no_network: bool


def harden(*, keep_network: bool = False) -> Protection:
    """Protect this process as far as the system lets it; Invalid when a secret stands in its environment.

    ``keep_network``: for an HSM that is reached over the network.
    """
    given = [name for name in _SECRETS if name in os.environ]
    if given:  # every process of the same user could read it in /proc
        raise Invalid(
            N_("The signer takes no secret from its environment."),
            mend=N_("Put it into a secret file instead."),
            place=given[0],
        )
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    undumpable = libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    # an empty network namespace of its own; without the privilege it opens no socket but its Unix one
    alone = not keep_network and libc.unshare(_CLONE_NEWNET) == 0
    found = Protection(undumpable, _lock_memory(libc), alone)
    _log.info("hardened", **vars(found))
    return found


def _lock_memory(libc: ctypes.CDLL) -> bool:
    """mlockall, only where no limit would let a later allocation fail."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        return False
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)
