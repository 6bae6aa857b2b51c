"""A CA on memory keys, founded by two officers."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ca.bulk.service import BulkRevocations
from ca.directory import Directory
from ca.hierarchy.sealing import Seals
from ca.hierarchy.service import build_hierarchy
from ca.impact import Impacts
from ca.inventory.scanning import Pace, TlsScanner
from ca.inventory.service import Inventory
from ca.issuance import Issuance
from ca.model import Certificate, Request
from ca.overview import Overview
from ca.profiles import Profiles
from ca.profiles.changing import ProfileChanges
from ca.provisioning import Services
from ca.registration.blocklists import Blocklists
from ca.registration.holders import Holders
from ca.registration.phrases import Phrases
from ca.registration.renewals import Renewals
from ca.registration.service import Registration
from ca.scopes import ListRules
from ca.service import CaService
from ca.signer.control import SignerControl
from ca.signer.custody import Custody
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole
from ca.status.files import ListFiles
from ca.status.lifecycle import Lifecycle
from ca.status.making import ListMaker
from ca.status.marking import Marking
from ca.status.preparing import Preparation
from ca.status.proofs import Proofs
from ca.status.publication import Publication
from ca.status.responder import Responder
from ca.status.revocations import Revocations
from ca.status.shown import Lists
from ca.status.standing import RelyingParty
from ca.timestamps.service import Timestamps
from ca.transparency.service import TransparencyLog
from ca.validation.anchors import Anchors
from ca.validation.service import Validations
from kernel.assets.service import Register
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.secrets import SecretBox
from kernel.store import Database
from policies.registry import load, read_one
from tests.support.hierarchy import one_ca
from tests.support.signer import ControlledSigner

QUICK = Pace(at_once=8, a_second=1000, timeout=2)
PLAN = one_ca("卫城市大数据局", "测试根 CA", "测试签发 CA", "张敏")


@dataclass
class World:
    """The CA's service with its signer, so that tests can break it."""

    ca: CaService
    signer: MemorySigner
    evidence: EvidenceService
    registrar: Principal
    officer: Principal
    second: Principal

    def request(self, **changes: object) -> Request:
        """A person's request of the registrar's unit, with a key made here."""
        wanted: dict[str, object] = {
            "profile": "person",
            "subject": {"O": "临江县大数据中心", "CN": "陈晓明"},
            "names": ("email:chen@city.gov.cn",),
            "unit": "u_county",
            "evidence": "身份证原件",
        }
        return self.ca.registration.file(self.registrar, **(wanted | changes))  # type: ignore[arg-type]

    def issue(self, **changes: object) -> Certificate:
        issued = self.ca.registration.approve(self.officer, self.request(**changes).id)
        assert isinstance(issued, Certificate)
        return issued


def build(
    database: Database,
    clock: FixedClock,
    signer: MemorySigner,
    folder: Path,
    rules: ListRules = ListRules("http://127.0.0.1:8080"),  # noqa: B008 - never changed
) -> tuple[CaService, EvidenceService]:
    access = Access(database)
    box = SecretBox(folder / "box.key")
    approvals = Approvals(clock, access)
    evidence = EvidenceService(database, clock, access, MemoryBlobs(), NullSealer())
    profiles = Profiles(
        database, clock, (document.value for document in load(part="cert_profiles").documents)
    )
    issuance = Issuance(database, clock, signer, profiles, evidence, rules)
    blocklists = Blocklists(folder / "blocklists", database, access)
    files = ListFiles(folder / "crl")
    maker = ListMaker(database, clock, signer, files, rules)
    publication = Publication(database, clock, access, maker, files, rules)
    responder = Responder(database, clock, signer)
    marking = Marking(database, clock, publication, evidence)
    services = Services(database, clock, access, signer, profiles, issuance)
    timestamps = Timestamps(database, clock, access, services)
    registration = Registration(
        database, clock, access, approvals, profiles, issuance, box, blocklists, evidence
    )
    service = CaService(
        database=database,
        clock=clock,
        profiles=profiles,
        profile_changes=ProfileChanges(
            database, clock, access, approvals, profiles, lambda data: read_one(data, "cert_profiles")
        ),
        hierarchy=build_hierarchy(
            database,
            clock,
            access,
            approvals,
            signer,
            profiles,
            issuance,
            maker,
            evidence,
            Seals(services, timestamps),
            (document.value for document in load(part="hierarchies").documents),
        ),
        registration=registration,
        telephone=Phrases(database, clock, access, marking),
        renewals=Renewals(database, clock, access, profiles),
        holders=Holders(database, access, registration.filing, marking),
        blocklists=blocklists,
        lifecycle=Lifecycle(database, clock, access, marking),
        impacts=Impacts(database, access),
        revocations=Revocations(database, access, approvals, marking),
        publication=publication,
        lists=Lists(database, clock, access, files, rules),
        responder=responder,
        preparation=Preparation(database, clock, access, signer, responder),
        proofs=Proofs(database, clock, access, evidence),
        services=services,
        relying_party=RelyingParty(database, access, responder, files),
        overview=Overview(database, clock, access, profiles),
        validations=Validations(database, clock, access, evidence),
        anchors=Anchors(database, clock, access, approvals),
        inventory=Inventory(
            database, clock, access, Register(database, clock, access), evidence, TlsScanner(QUICK)
        ),
        bulk=BulkRevocations(database, access, approvals, marking),
        issuance=issuance,
        directory=Directory(database, clock, profiles),
        timestamps=timestamps,
        log=TransparencyLog(database, clock, access, services, folder / "transparency"),
        custody=Custody(database, access, SignerControl(signer)),
    )
    return service, evidence


# for tests whose statements both databases have to understand alike; the others need only one
on_both = pytest.mark.parametrize(
    "world", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    clock: FixedClock,
    tmp_path_factory: pytest.TempPathFactory,
    officer: Principal,
    second_officer: Principal,
    registrar: Principal,
) -> World:
    grown = getattr(request, "param", "sqlite") == "postgresql"
    database: Database = request.getfixturevalue("postgres_database" if grown else "database")
    folder = tmp_path_factory.mktemp("ca")
    signer = ControlledSigner(folder / "signer.activation", clock)
    service, evidence = build(database, clock, signer, folder)
    service.ceremonies.perform(second_officer, service.ceremonies.propose(officer, PLAN))
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE, KeyRole.LOG):
        service.services.provision(officer, role)
    for authority in service.authorities():
        service.publication.publish(authority.id, officer)
    return World(service, signer, evidence, registrar, officer, second_officer)


@pytest.fixture
def other_registrar(registrar: Principal) -> Principal:
    return replace(registrar, id="usr_other", name="other", unit="u_other")
