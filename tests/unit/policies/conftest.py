"""A city's level-3 system with two devices, evidence of most rooms, and the room built over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kernel.assets.model import Asset, AssetKind, Network, Zone
from kernel.assets.service import Register
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database
from policies.assessment.conclusion import Template, template_from
from policies.assessment.service import AssessmentService
from policies.catalogue.model import Catalogue, catalogue_from
from policies.lists import PolicyLists
from policies.package.masking import profile_from
from policies.package.service import PackageService
from policies.registry import PolicyData, load
from policies.service import PoliciesService, SuiteEvidence
from policies.systems.model import System
from policies.systems.service import SystemsService
from tests.unit.evidence.conftest import LocalSealer

RULES = [
    {"rule": "telnet-open", "controls": ["L3-8.1.4.1-c", "L3-8.1.4.4-b"]},
    {"rule": "any-any", "controls": ["L3-8.1.3.2-a", "L3-8.1.3.2-c"]},
    {"rule": "gateway-bypass", "controls": ["L3-8.1.3.1-a", "L3-8.1.2.1-d"]},
]


class Facts:
    """Facts of a suite whose people all have a second factor, and which has no CA yet."""

    def ca_status(self) -> None:
        return None

    def identity_policy(self) -> Mapping[str, Any]:
        return {
            "second_factor": True,
            "separation": True,
            "password_length": 12,
            "lock_after": 5,
            "idle_minutes": 15,
        }


@pytest.fixture(scope="session")
def data() -> PolicyData:
    return load()


@pytest.fixture(scope="session")
def catalogue(data: PolicyData) -> Catalogue:
    return catalogue_from([document.value for document in data.part("catalogue")], data.version)


@pytest.fixture(scope="session")
def template(data: PolicyData) -> Template:
    return template_from(data.part("conclusions")[-1].value)


@pytest.fixture
def sealer(clock: FixedClock) -> LocalSealer:
    return LocalSealer(clock)


@pytest.fixture
def evidence(
    database: Database, clock: FixedClock, access: Access, blobs: MemoryBlobs, sealer: LocalSealer
) -> EvidenceService:
    return EvidenceService(database, clock, access, blobs, sealer)


@pytest.fixture
def register(database: Database, clock: FixedClock, access: Access, network_admin: Principal) -> Register:
    made = Register(database, clock, access)
    made.put_zone(network_admin, Zone("intranet", "政务内网", Network.INTRANET, ("10.10.0.0/16",), 3))
    for name, platform, address in (
        ("nw-core", "huawei_vrp", "10.10.0.1"),
        ("nw-acc", "h3c_comware", "10.10.0.2"),
    ):
        made.put_asset(
            network_admin,
            Asset("", AssetKind.DEVICE, name, "u_city", "intranet", address, platform, 3),
        )
    return made


@pytest.fixture
def policies(
    database: Database,
    clock: FixedClock,
    access: Access,
    register: Register,
    evidence: EvidenceService,
    blobs: MemoryBlobs,
    sealer: LocalSealer,
    data: PolicyData,
    catalogue: Catalogue,
    template: Template,
) -> PoliciesService:
    systems = SystemsService(database, clock, access, register)
    assessments = AssessmentService(database, clock, access, register, evidence, systems, catalogue, template)
    profiles = {profile.id: profile for profile in (profile_from(d.value) for d in data.part("masking"))}
    packages = PackageService(
        database,
        clock,
        access,
        evidence,
        blobs,
        sealer,
        systems,
        assessments,
        profiles,
        "卫城市",
        "Asia/Shanghai",
    )
    return PoliciesService(
        data,
        systems,
        assessments,
        packages,
        PolicyLists(database, clock, access, catalogue),
        SuiteEvidence(database, access, evidence, Facts()),
    )


@pytest.fixture
def system(policies: PoliciesService, officer: Principal) -> System:
    return policies.systems.propose(
        officer,
        name="政务服务平台",
        unit="u_city",
        level="S3A3G3",
        owner="周主任",
        boundary=["nw-core", "nw-acc"],
    )


def record(
    evidence: EvidenceService,
    database: Database,
    kind: EvidenceKind,
    subject: str,
    summary: Mapping[str, Any],
    attachments: tuple[Attachment, ...] = (),
    unit: str | None = "u_city",
) -> str:
    with database.begin() as uow:
        return evidence.record(
            uow,
            kind=kind,
            subject=subject,
            source="test",
            summary=summary,
            attachments=attachments,
            unit=unit,
        )


def finding(rule: str, severity: str = "high", state: str = "open") -> dict[str, Any]:
    controls = next(entry["controls"] for entry in RULES if entry["rule"] == rule)
    return {"rule": rule, "severity": severity, "controls": controls, "state": state, "line": 7}


@pytest.fixture
def collected(
    policies: PoliciesService,
    evidence: EvidenceService,
    database: Database,
    register: Register,
    officer: Principal,
) -> dict[str, str]:
    """Evidence of a day: one device with Telnet, the other clean; a damaged remote replica; the suite itself."""
    core, access_switch = register.asset("nw-core").id, register.asset("nw-acc").id
    config = Attachment("nw-core.cfg", "# 配置\nsnmp-agent host 10.10.0.99\n".encode(), "text/plain")
    made = {
        "core": record(
            evidence, database, EvidenceKind.CONFIG_CHECKED, core, {"rules": RULES, "findings": []}, (config,)
        ),
        "access": record(
            evidence,
            database,
            EvidenceKind.CONFIG_CHECKED,
            access_switch,
            {"rules": RULES, "findings": [finding("telnet-open")]},
        ),
        "local": record(
            evidence, database, EvidenceKind.BACKUP_VERIFIED, "ca", {"verdict": "pass", "site": "same-city"}
        ),
        "remote": record(
            evidence, database, EvidenceKind.BACKUP_VERIFIED, "ca", {"verdict": "fail", "site": "remote"}
        ),
        "drill": record(evidence, database, EvidenceKind.RESTORE_DRILL, "ca", {"verdict": "pass"}),
    }
    policies.suite.collect(officer)
    return made


@pytest.fixture
def assessment(
    policies: PoliciesService, system: System, collected: dict[str, str], officer: Principal
) -> str:
    return policies.assessments.assess(officer, system.id).id


@pytest.fixture
def root_file(sealer: LocalSealer, tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(sealer.root.certificate_pem)
    return path
