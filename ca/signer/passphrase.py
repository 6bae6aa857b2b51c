"""From a pass-phrase to a key: argon2id (RFC 9106). Key file and officers' shares are opened in the same way."""

from argon2.low_level import Type, hash_secret_raw

from kernel.errors import Invalid
from kernel.i18n import N_

SALT_OCTETS = 16
SHORTEST = 12  # characters
# RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes
_MEMORY_KIB, _PASSES, _LANES = 65536, 3, 4


def check_passphrase(passphrase: str, too_short: str) -> bytes:
    """The pass-phrase in octets; Invalid, with the message ``too_short``, below SHORTEST characters."""
    if len(passphrase) < SHORTEST:
        raise Invalid(too_short, mend=N_("Use at least %(length)s characters."), length=SHORTEST)
    return passphrase.encode()


def derive(passphrase: bytes, salt: bytes) -> bytes:
    """A 256-bit key; takes about a tenth of a second and 64 MiB."""
    return hash_secret_raw(passphrase, salt, _PASSES, _MEMORY_KIB, _LANES, 32, Type.ID)
