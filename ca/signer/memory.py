"""Keys that live and die with the process; for tests and drills."""

import re
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca.signer.checks import check_signable
from ca.signer.guard import Guarded
from ca.signer.model import WHERE_POSSIBLE, ApprovalRules, KeyInfo, KeyRole, Purpose, check_role
from ca.signer.warrant import Credential
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.i18n import N_
from kernel.pki import algorithms

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


def check_name(name: str) -> None:
    """Key names are small and plain: they appear in file entries, records and messages."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            N_("%(name)s is no name for a key."), mend=N_("Use a-z, 0-9, dot and hyphen."), name=name[:80]
        )


def key_info(name: str, role: KeyRole, algorithm: str, private: PrivateKeyTypes) -> KeyInfo:
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyInfo(name, role, algorithm, spki)


class MemoryKeys:
    """Keys in memory."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[KeyInfo, PrivateKeyTypes]] = {}

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        check_name(name)
        if name in self._held:
            raise Conflict(N_("There is a key %(name)s already."), name=name)
        private = algorithms.generate(algorithms.algorithm(algorithm))
        info = key_info(name, role, algorithm, private)
        self._held[name] = (info, private)
        return info

    def keys(self) -> Sequence[KeyInfo]:
        return [info for _, (info, _) in sorted(self._held.items())]

    def key(self, name: str) -> KeyInfo:
        return self._key(name)[0]

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        info, private = self._key(name)
        row = algorithms.algorithm(info.algorithm)
        check_signable(info, row, purpose, tbs)
        return algorithms.sign(private, row, tbs)

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        info, private = self._key(name)
        check_role(info, purpose)
        return algorithms.sign_digest(private, algorithms.algorithm(info.algorithm), digest)

    def _key(self, name: str) -> tuple[KeyInfo, PrivateKeyTypes]:
        if name not in self._held:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return self._held[name]


class MemorySigner(Guarded):
    """Signer over keys in memory, with a secret of its own."""

    def __init__(self, rules: ApprovalRules = WHERE_POSSIBLE, clock: Clock | None = None) -> None:
        secret = secrets.token_bytes(32)
        super().__init__(MemoryKeys(), Credential(lambda: secret), rules, clock)
