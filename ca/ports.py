"""What the parts of the CA need of one another and of the outside: what signs, services' keys, evidence, secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from ca.signer.model import KeyInfo, KeyRole, Purpose, Warranted
from kernel.errors import WeichengError
from kernel.evidence.model import Attachment, EvidenceKind, Statement

if TYPE_CHECKING:
    from ca.signer.protocol import Parts
    from kernel.pki.cms import SealingKey
    from kernel.store import UnitOfWork  # the signer, which has no database, does not load one


class Signer(Protocol):
    """The signer as the CA uses it: keys under the rules of ca.signer.guard, in this process or behind a socket."""

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        """As ``ca.signer.ports.Keys.generate``."""

    def keys(self) -> Sequence[KeyInfo]:
        """As ``ca.signer.ports.Keys.keys``."""

    def warrant(self, name: str, purpose: Purpose, tbs: "Parts", **facts: Any) -> str:
        """What has exactly these bytes signed, now or after a crash; ``facts`` (JSON) tell where a certificate comes from.

        Unavailable where this process does not hold the secret of those that prepare.
        """

    def sign(self, name: str, purpose: Purpose, tbs: "Parts", warrant: str | None = None) -> bytes:
        """Sign ``tbs``, one buffer or many, on a warrant, or on one made now.

        NotFound without that key, SigningRefused when it may not sign this or we may not ask, IntegrityFailed for a
        warrant of other bytes.
        """

    def sign_many(self, name: str, purpose: Purpose, many: Sequence[bytes]) -> list[bytes]:
        """As ``sign`` for each of at most some hundred small ones that need no warrant, such as OCSP answers, in one go.

        If one is refused, all are.
        """

    def sign_warranted(self, warranted: Sequence[Warranted]) -> list[bytes | WeichengError]:
        """As ``sign`` on each one's warrant, in one go, and in the place of a signature why there is none: one that is
        refused stops no other. Unavailable when the signer is away: then some may be signed, and none is told.
        """


class ServiceKeys(Protocol):
    """The keys of the suite's own services (ca.provisioning), as the services work with them."""

    def ready(self, role: KeyRole) -> bool:
        """Whether the service has a key: the OCSP responder of every CA that issues, or the only one of its role."""

    def key(self, role: KeyRole) -> "SealingKey":
        """The service's key; Unavailable before it was provisioned."""


class Evidence(Protocol):
    """The kernel's evidence service, as far as the CA writes to it."""

    def record(
        self,
        uow: "UnitOfWork",
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

    def record_all(
        self, uow: "UnitOfWork", *, kind: EvidenceKind, source: str, statements: Sequence[Statement]
    ) -> list[str]: ...


class Box(Protocol):
    """Seals the private keys made here until they are handed over."""

    def seal(self, secret: bytes, *, context: str = "") -> str: ...
    def open(self, sealed: str, *, context: str = "") -> bytes: ...
