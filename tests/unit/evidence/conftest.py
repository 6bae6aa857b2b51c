"""A sealer with real keys: a throw-away root, a signer and a time-stamping authority."""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from kernel.blobs import MemoryBlobs
from kernel.clock import Clock, FixedClock
from kernel.evidence.ports import SealCertificates
from kernel.evidence.seal import DOCUMENT_SIGNING
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.pki import cms, tsp
from kernel.store import Database
from tests.support.pki import LocalKey, make_leaf, make_root, make_tsa

POLICY = "1.3.6.1.4.1.55555.1.3"


@dataclass
class LocalSealer:
    """Seals in this process, as the CA's signer does from its own."""

    clock: Clock
    root: LocalKey = field(default_factory=make_root)
    ready: bool = True
    stamps: int = 0

    def __post_init__(self) -> None:
        self.signer = make_leaf(self.root, "Evidence signer", usage=DOCUMENT_SIGNING)
        self.tsa = make_tsa(self.root)

    def sign(self, content: bytes) -> bytes:
        return cms.sign(self.signer, content, signing_time=self.clock.now())

    def timestamp(self, digest: bytes) -> bytes:
        self.stamps += 1
        asked = tsp.parse_request(tsp.request(digest))
        at: datetime = self.clock.now()
        return tsp.token_of(tsp.grant(self.tsa, asked, policy=POLICY, serial=self.stamps, at=at))

    def certificates(self) -> SealCertificates:
        return SealCertificates((self.root.certificate_der,), ())


@pytest.fixture
def sealer(clock: FixedClock) -> LocalSealer:
    return LocalSealer(clock)


@pytest.fixture
def evidence(
    any_database: Database, clock: FixedClock, blobs: MemoryBlobs, sealer: LocalSealer
) -> EvidenceService:
    return EvidenceService(any_database, clock, Access(any_database), blobs, sealer)
