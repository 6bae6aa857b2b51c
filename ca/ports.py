"""What the CA needs of the outside: keys that sign, certificates and requests that stay stored, evidence, secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ca.signer.model import KeyInfo, KeyRole, Purpose
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.store import UnitOfWork


class Signer(Protocol):
    """Private keys that never leave their place. Implementations: key file (in process, or behind a socket), memory.

    Contract suite: tests/contract/test_signer.py.
    """

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        """Make a key. Conflict when the name is taken; UnknownAlgorithm; Invalid for a name outside [a-z0-9.-]{1,60}."""

    def keys(self) -> Sequence[KeyInfo]:
        """All keys by name, public parts only."""

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        """Sign ``tbs`` with the key; NotFound without that key, SigningRefused when it may not sign this."""


class Evidence(Protocol):
    """The kernel's evidence service, as far as the CA writes to it."""

    def record(
        self,
        uow: UnitOfWork,
        *,
        kind: EvidenceKind,
        subject: str,
        source: str,
        summary: Mapping[str, Any],
        attachments: Sequence[Attachment] = (),
        collected_at: datetime | None = None,
        effective_until: datetime | None = None,
        unit: str | None = None,
    ) -> str: ...


class Box(Protocol):
    """Seals the private keys made here until they are handed over."""

    def seal(self, secret: bytes, *, context: str = "") -> str: ...
    def open(self, sealed: str, *, context: str = "") -> bytes: ...
