"""Registered systems: their level, and the way of their filing."""

from datetime import date

import pytest

from kernel.assets.model import Asset, AssetKind
from kernel.assets.service import Register
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from policies.service import PoliciesService
from policies.systems.model import (
    LEVELS,
    TRANSITIONS,
    Harm,
    ObjectHarmed,
    System,
    SystemState,
    moved,
    parse_level,
)


def test_a_system_walks_through_its_filing(
    policies: PoliciesService, system: System, officer: Principal, second_officer: Principal
) -> None:
    service = policies.systems
    assert service.move(officer, system.id, SystemState.REVIEWED, document="评审 1 号").state == "reviewed"
    service.move(second_officer, system.id, SystemState.APPROVED, document="核准 2 号")
    with pytest.raises(Invalid):
        service.move(officer, system.id, SystemState.FILED, document="备案证明")
    filed = service.move(
        officer,
        system.name,
        SystemState.FILED,
        document="备案证明",
        filing_number="330-1",
        filed_on=date(2026, 3, 2),
    )
    kept = service.get(officer, system.id)
    assert kept == filed
    assert kept.documents["approved"] == "核准 2 号"
    assert kept.filed_on == date(2026, 3, 2)


def test_who_proposed_a_system_can_not_approve_it(
    policies: PoliciesService, system: System, officer: Principal
) -> None:
    policies.systems.move(officer, system.id, SystemState.REVIEWED, document="评审")
    with pytest.raises(NotPermitted):
        policies.systems.move(officer, system.id, SystemState.APPROVED, document="核准")


def test_a_change_of_level_or_boundary_starts_the_way_anew(
    policies: PoliciesService, system: System, officer: Principal, second_officer: Principal
) -> None:
    policies.systems.move(officer, system.id, SystemState.REVIEWED, document="评审")
    changed = policies.systems.change(
        second_officer, system.id, level="S3A2G3", boundary=["nw-core"], reason="拆分"
    )
    assert (str(changed.level), len(changed.boundary)) == ("S3A2G3", 1)
    assert (changed.state, changed.proposed_by) == (SystemState.PROPOSED, second_officer.id)


@pytest.mark.parametrize("state", SystemState)
@pytest.mark.parametrize("to", SystemState)
def test_every_other_step_is_a_conflict(state: SystemState, to: SystemState) -> None:
    if to in TRANSITIONS[state]:
        assert moved(state, to) is to
    else:
        with pytest.raises(Conflict):
            moved(state, to)


def test_a_retired_system_can_not_be_changed(
    policies: PoliciesService, system: System, officer: Principal
) -> None:
    policies.systems.move(officer, system.id, SystemState.RETIRED, document="下线")
    with pytest.raises(Conflict):
        policies.systems.change(officer, system.id, level="S3A3G3", reason="x")


@pytest.mark.parametrize(("text", "overall"), [("S3A2G3", 3), ("s2a3g3", 3), ("S4A1G4", 4)])
def test_a_level_is_read(text: str, overall: int) -> None:
    assert parse_level(text).overall == overall


@pytest.mark.parametrize("text", ["3", "S3A3G2", "S2A2G3", "S5A1G5", "S0A1G1", "", "S3A3G3 x"])
def test_what_is_no_level_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_level(text)


def test_the_matrix_of_harms_covers_every_pair_and_rises() -> None:
    for harmed in ObjectHarmed:
        levels = [LEVELS[harmed, harm] for harm in Harm]
        assert levels == sorted(levels)
    assert LEVELS[ObjectHarmed.SOCIETY, Harm.SERIOUS] == 3


def test_a_system_needs_a_name_an_owner_and_assets_of_the_register(
    policies: PoliciesService,
    officer: Principal,
    register: Register,
    network_admin: Principal,
    system: System,
) -> None:
    register.put_asset(network_admin, Asset("", AssetKind.PERSON, "wang", "u_city"))
    good = {"name": "甲", "unit": "u_city", "level": "S3A3G3", "owner": "乙", "boundary": ["nw-core"]}
    for wrong, error in (
        ({"name": " "}, Invalid),
        ({"owner": ""}, Invalid),
        ({"boundary": []}, Invalid),
        ({"boundary": ["wang"]}, Invalid),
        ({"boundary": ["absent"]}, NotFound),
        ({"name": system.name}, Conflict),
        ({"unit": "u_nowhere"}, NotPermitted),
    ):
        with pytest.raises(error):
            policies.systems.propose(officer, **{**good, **wrong})  # type: ignore[arg-type]


def test_a_system_is_seen_from_its_unit_upwards(
    policies: PoliciesService, system: System, assessor: Principal, registrar: Principal
) -> None:
    assert [found.id for found in policies.lists.systems(assessor, Ask()).items] == [system.id]
    below = Principal("usr_b", "b", assessor.roles, "u_county", "password")
    assert policies.lists.systems(below, Ask()).items == ()
    with pytest.raises(NotFound):
        policies.systems.get(below, system.id)
    with pytest.raises(NotPermitted):
        policies.lists.systems(registrar, Ask())
