"""What the signer needs of the outside: a place where private keys lie."""

from collections.abc import Sequence
from typing import Protocol

from ca.signer.model import KeyInfo, KeyRole, Purpose


class Keys(Protocol):
    """Private keys that never leave their place: key file, HSM, memory. Contract suite: tests/contract/test_signer.py."""

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        """Make a key. Conflict when the name is taken; UnknownAlgorithm; Invalid for a name outside [a-z0-9.-]{1,60}."""

    def keys(self) -> Sequence[KeyInfo]:
        """All keys by name, public parts only."""

    def key(self, name: str) -> KeyInfo:
        """One of them; NotFound when there is none. Asks no other place than the one where it lies."""

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        """Sign ``tbs`` with the key; NotFound without that key, SigningRefused when it may not sign this."""

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        """Sign what has this digest, by the key's own hash, and was checked while it passed by; errors as ``sign``.

        Not for Ed25519, which has no such form.
        """
