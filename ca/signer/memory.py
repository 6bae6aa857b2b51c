"""Keys that live and die with the process; for tests and drills."""

import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from ca.signer.guard import Guarded
from ca.signer.model import WHERE_POSSIBLE, ApprovalRules, KeyInfo, KeyRole
from ca.signer.software import SoftwareKeys, check_name, key_info
from ca.signer.warrant import Credential
from kernel.clock import Clock
from kernel.errors import Conflict, NotFound
from kernel.i18n import N_
from kernel.pki import algorithms


class MemoryKeys(SoftwareKeys):
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

    def _key(self, name: str) -> tuple[KeyInfo, PrivateKeyTypes]:
        if name not in self._held:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return self._held[name]


class MemorySigner(Guarded):
    """Signer over keys in memory, with a secret of its own."""

    def __init__(self, rules: ApprovalRules = WHERE_POSSIBLE, clock: Clock | None = None) -> None:
        secret = secrets.token_bytes(32)
        super().__init__(MemoryKeys(), Credential(lambda: secret), rules, clock)
