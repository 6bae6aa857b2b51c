"""A CA on memory keys, founded by two officers."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ca.cli import commands
from ca.inventory.scanning import Pace, TlsScanner
from ca.model import Certificate, Request
from ca.scopes import ListRules
from ca.service import CaService
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole
from console.compose.ca import Means, compose
from kernel.assets.service import Register
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.secrets import SecretBox
from kernel.store import Database
from tests.support.hierarchy import one_ca
from tests.support.signer import ControlledSigner

QUICK = Pace(at_once=8, a_second=1000, timeout=2)
PLAN = one_ca("卫城市大数据局", "测试根 CA", "测试签发 CA", "张敏")


@dataclass
class World:
    """The CA's service with its signer, so that tests can break it."""

    ca: CaService
    signer: ControlledSigner
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
    evidence = EvidenceService(database, clock, access, MemoryBlobs(), NullSealer())
    means = Means(
        database=database,
        clock=clock,
        access=access,
        approvals=Approvals(clock, access),
        register=Register(database, clock, access),
        evidence=evidence,
        box=SecretBox(folder / "box.key"),
        signer=signer,
        data=folder,
        published=folder / "crl",
        lists=rules,
        scanner=TlsScanner(QUICK),
    )
    return compose(means), evidence


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


@dataclass
class Terminal:
    """A person at a terminal; the attributes are those of the application."""

    ca: CaService
    clock: FixedClock
    principal: Principal
    out: Output

    def run(self, *arguments: str, status: int = 0) -> Any:
        """What a command that ends with ``status`` prints: JSON as data, other forms as text."""
        done = CliRunner().invoke(
            commands, arguments, obj=self, standalone_mode=False, catch_exceptions=False
        )
        assert (done.return_value or 0) == status, done.output
        return json.loads(done.stdout) if self.out.form == "json" and done.stdout else done.stdout


@pytest.fixture
def at(world: World, clock: FixedClock) -> Any:
    return lambda principal, form="json": Terminal(world.ca, clock, principal, Output(form))
