"""The room over a real store, with recorded screens instead of devices: the practice network's own configurations."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from console.compose.netops import BASELINES
from kernel.assets.service import Register
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.credentials import Credential, Credentials
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.secrets import SecretBox
from kernel.store import Database
from kernel.store.listing import Ask, every
from netops.archive.memory import MemoryArchive
from netops.archive.service import ArchiveService
from netops.archive.versions import VersionService
from netops.collection.devices import DeviceService
from netops.collection.model import KeptVersion
from netops.collection.replay import ReplayCollector
from netops.collection.service import CollectionService
from netops.collection.targets import Targets
from netops.compliance.detect import Checker
from netops.compliance.model import PRESENT, Finding, FindingState
from netops.compliance.rules import load_rules
from netops.compliance.service import FindingService, RuleService
from netops.config.masking import Masker
from netops.service import NetopsService
from netops.vendors import load_vendors

RANGE = Path(__file__).parent.parent.parent / "range"
PASSWORD = "device-Password-93"


@dataclass
class Room:
    """The service and what tests look at or change behind it."""

    netops: NetopsService
    collector: ReplayCollector
    evidence: EvidenceService
    credentials: Credentials
    database: Database
    register: Register

    def found(
        self, who: Principal, states: Iterable[FindingState] = PRESENT, **narrowed: str
    ) -> list[Finding]:
        """All findings in these states, none: in any."""
        asked = Ask(filters={"state": tuple(states)}).narrowed(**narrowed)
        return list(every(partial(self.netops.findings.page, who), asked))

    def versions(self, who: Principal, device: str) -> list[KeptVersion]:
        return list(every(partial(self.netops.versions.page, who), Ask().narrowed(device=device)))


@pytest.fixture
def checker() -> Checker:
    return Checker(load_rules(BASELINES), Masker(b"a key of thirty-two octets at least"))


@pytest.fixture
def room(
    database: Database, clock: FixedClock, checker: Checker, network_admin: Principal, tmp_path: Path
) -> Room:
    return furnished(database, clock, checker, network_admin, tmp_path)


@pytest.fixture
def any_room(
    any_database: Database, clock: FixedClock, checker: Checker, network_admin: Principal, tmp_path: Path
) -> Room:
    return furnished(any_database, clock, checker, network_admin, tmp_path)


def furnished(
    database: Database, clock: FixedClock, checker: Checker, network_admin: Principal, tmp_path: Path
) -> Room:
    access, blobs = Access(database), MemoryBlobs()
    register = Register(database, clock, access)
    register.import_zones(network_admin, RANGE / "zones.csv", all_or_nothing=True)
    register.import_table(network_admin, RANGE / "register.csv", all_or_nothing=True)
    box = SecretBox(tmp_path / "box.key")
    credentials = Credentials(database, clock, access, box)
    credentials.put(network_admin, "range", Credential(username="weicheng", password=PASSWORD))
    evidence = EvidenceService(database, clock, access, blobs, NullSealer())
    collector = ReplayCollector(recorded_screens())
    archive, findings = MemoryArchive(), FindingService(database, clock, access)
    targets = Targets(database, access, register, credentials, load_vendors())
    collection = CollectionService(
        database=database, clock=clock, access=access, evidence=evidence, findings=findings, collector=collector,
        targets=targets, archive=archive, blobs=blobs, box=box, checker=checker,
    )  # fmt: skip
    reading = ArchiveService(
        database=database, access=access, register=register, archive=archive, blobs=blobs, box=box
    )
    versions = VersionService(
        database=database, access=access, register=register, archive=archive, targets=targets, checker=checker
    )
    netops = NetopsService(
        devices=DeviceService(database, access), versions=versions, collection=collection, archive=reading,
        findings=findings, rules=RuleService(access, checker.book), checker=checker, vendors=load_vendors(),
    )  # fmt: skip
    return Room(netops, collector, evidence, credentials, database, register)


def recorded_screens() -> dict[str, str]:
    folders = sorted(path.parent for path in (RANGE / "hosts").glob("*/running-config"))
    return {folder.name: (folder / "running-config").read_text("utf-8") for folder in folders}
