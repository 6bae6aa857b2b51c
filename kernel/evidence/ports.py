"""What evidence needs of the certification authority that stands on this floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kernel.errors import Unavailable
from kernel.i18n import N_


@dataclass(frozen=True)
class SealCertificates:
    """DER certificates by which seals are checked: trusted roots, and issuing CAs between them and the signers."""

    anchors: Sequence[bytes] = ()
    intermediates: Sequence[bytes] = ()


class Sealer(Protocol):
    """Signs and time-stamps; ``ready`` is False before the CA's keys exist."""

    @property
    def ready(self) -> bool: ...

    def sign(self, content: bytes) -> bytes:
        """DER ContentInfo: detached CMS SignedData (RFC 5652) over ``content``, with signer's and issuing certificates."""

    def timestamp(self, digest: bytes) -> bytes:
        """DER time-stamp token (RFC 3161) over a SHA-256 digest, with the TSA's certificate."""

    def certificates(self) -> SealCertificates:
        """The certificates that check what ``sign`` and ``timestamp`` make."""


class NullSealer:
    """Stands where no CA has been founded yet: records wait unsealed."""

    ready = False

    def sign(self, content: bytes) -> bytes:
        raise self._unavailable()

    def timestamp(self, digest: bytes) -> bytes:
        raise self._unavailable()

    def certificates(self) -> SealCertificates:
        return SealCertificates()

    @staticmethod
    def _unavailable() -> Unavailable:
        return Unavailable(
            N_("There is no sealing key yet."), mend=N_("Run the key ceremony of the CA first.")
        )
