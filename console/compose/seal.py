"""What the floor needs of the CA that stands on it, looked up when it is used: seals and the word on client certificates."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kernel.evidence.ports import SealCertificates

if TYPE_CHECKING:
    from ca.service import CaService


class CaSealer:
    """Evidence is signed by the suite's sealing key and stamped by its own TSA, both in the signer."""

    def __init__(self, ca: Callable[[], "CaService"]) -> None:
        self._ca = ca

    @property
    def ready(self) -> bool:
        return self._ca().can_seal()

    def sign(self, content: bytes) -> bytes:
        return self._ca().services.seal(content)

    def timestamp(self, digest: bytes) -> bytes:
        return self._ca().timestamps.token(digest)

    def certificates(self) -> SealCertificates:
        anchors, intermediates = self._ca().seal_certificates()
        return SealCertificates(anchors, intermediates)


class CaCertificates:
    """Whether a client certificate is good: issued here, in its time, neither held nor revoked."""

    def __init__(self, ca: Callable[[], "CaService"]) -> None:
        self._ca = ca

    def good(self, certificate: bytes) -> bool:
        return self._ca().is_good(certificate)
