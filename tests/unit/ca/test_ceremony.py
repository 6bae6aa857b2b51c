"""The key ceremony: two officers, one plan, and no half-founded CA after a crash."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import update

from ca.hierarchy.plan import CeremonyPlan
from ca.hierarchy.tables import ceremonies
from ca.service import CaService
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole, Purpose
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotPermitted, Unavailable
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.model import Principal
from kernel.store import Database
from tests.unit.ca.conftest import PLAN, build


@pytest.fixture
def signer() -> MemorySigner:
    return MemorySigner()


@pytest.fixture
def built(
    database: Database, clock: FixedClock, signer: MemorySigner, tmp_path: Path
) -> tuple[CaService, EvidenceService]:
    return build(database, clock, signer, tmp_path / "box")


@pytest.fixture
def ca(built: tuple[CaService, EvidenceService]) -> CaService:
    return built[0]


def test_two_officers_found_root_and_issuing_ca_with_minutes(
    built: tuple[CaService, EvidenceService], officer: Principal, second_officer: Principal
) -> None:
    ca, evidence = built
    made = ca.ceremonies.perform(second_officer, ca.ceremonies.propose(officer, PLAN))
    root, issuing = (x509.load_der_x509_certificate(one.certificate) for one in made)
    root.verify_directly_issued_by(root)
    issuing.verify_directly_issued_by(root)
    assert issuing.not_valid_after_utc <= root.not_valid_after_utc
    assert issuing.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    (record,) = evidence.find(EvidenceKind.CA_CEREMONY)
    assert record.summary["persons"] == [officer.id, second_officer.id]
    assert record.summary["witnesses"] == ["张敏"]
    with pytest.raises(Conflict, match="founded already"):
        ca.ceremonies.propose(officer, PLAN)


def test_who_proposed_can_not_perform(
    ca: CaService, signer: MemorySigner, officer: Principal, registrar: Principal
) -> None:
    ceremony = ca.ceremonies.propose(officer, PLAN)
    for wrong in (officer, registrar):
        with pytest.raises(NotPermitted):
            ca.ceremonies.perform(wrong, ceremony)
    assert ca.authorities() == []
    assert signer.keys() == []


def test_a_changed_plan_is_not_performed(
    ca: CaService, database: Database, officer: Principal, second_officer: Principal
) -> None:
    ceremony = ca.ceremonies.propose(officer, PLAN)
    with database.begin() as uow:
        uow.execute(update(ceremonies).values(plan={**PLAN.as_dict(), "organisation": "另一个局"}))
    with pytest.raises(IntegrityFailed, match="not the one that was proposed"):
        ca.ceremonies.perform(second_officer, ceremony)
    assert ca.authorities() == []


@pytest.mark.parametrize("failing", [1, 2])
def test_a_ceremony_that_breaks_off_is_taken_up_again(
    ca: CaService,
    signer: MemorySigner,
    officer: Principal,
    second_officer: Principal,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
) -> None:
    real, calls = signer.sign, []

    def breaks(name: str, purpose: Purpose, tbs: bytes, *warrant: str) -> bytes:
        calls.append(name)
        if len(calls) == failing:
            raise Unavailable("The signer does not answer.")
        return real(name, purpose, tbs, *warrant)

    ceremony = ca.ceremonies.propose(officer, PLAN)
    with monkeypatch.context() as patched:
        patched.setattr(signer, "sign", breaks)
        with pytest.raises(Unavailable):
            ca.ceremonies.perform(second_officer, ceremony)
    ca.ceremonies.perform(second_officer, ceremony)
    assert [one.id for one in ca.authorities()] == ["root", "issuing"]
    assert [key.name for key in signer.keys()] == ["issuing", "root"]


def test_a_key_of_another_kind_in_the_signer_stops_it(
    ca: CaService, signer: MemorySigner, officer: Principal, second_officer: Principal
) -> None:
    signer.generate("root", KeyRole.OCSP, "p256")
    ceremony = ca.ceremonies.propose(officer, PLAN)
    with pytest.raises(Conflict, match="another kind"):
        ca.ceremonies.perform(second_officer, ceremony)


ISSUING = PLAN.issuing[0]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PLAN, witnesses=()),
        replace(PLAN, issuing=(replace(ISSUING, years=21),)),
        replace(PLAN, root=replace(PLAN.root, years=31)),
        replace(PLAN, root=replace(PLAN.root, algorithm="p256")),
        replace(PLAN, root=replace(PLAN.root, name="")),
        replace(PLAN, issuing=()),
        replace(PLAN, issuing=(ISSUING, ISSUING)),
        replace(PLAN, issuing=(replace(ISSUING, id="A b"),)),
        replace(PLAN, issuing=(ISSUING, replace(ISSUING, id="other"))),
        replace(PLAN, issuing=(replace(ISSUING, profiles=("root",)),)),
    ],
)
def test_a_plan_that_can_not_be_is_refused_before_anybody_meets(
    ca: CaService, officer: Principal, wrong: CeremonyPlan
) -> None:
    with pytest.raises(Invalid):
        ca.ceremonies.propose(officer, wrong)
