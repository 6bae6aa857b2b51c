"""Policies of our own: one UUID each, readable by every parser; what bears the form of before is still believed."""

from pathlib import Path
from uuid import UUID

import pytest
from asn1crypto import tsp
from hypothesis import given
from hypothesis import strategies as st

from ca.encoding.policies import LOG, OFFICER, STAMPING, in_pieces, settled, spellings
from ca.model import Certificate
from ca.signer.model import ApprovalRules, KeyRole, Signing
from ca.transparency.signature import check_head
from policies.registry import load
from tests.unit.ca.conftest import World
from tests.unit.ca.signatures import appoint
from tests.unit.ca.test_profile_versions import changed, enacted
from tests.unit.ca.test_signed_approvals import approve
from tests.unit.ca.test_timestamps import request

BEFORE = {  # as certificates of the releases before bear them
    "officer": "2.25.301762117450198243360527214361182402406",
    "device-automatic": "2.25.301762117450198243360527214361182402407",
    "transparency-log": "2.25.185264754904943022931341776995719196852",
}
SHIPPED = {one.value["id"]: one.value for one in load(part="cert_profiles").documents}


@given(st.uuids())
def test_both_forms_of_a_uuid_are_one_policy_that_every_parser_reads(uuid: UUID) -> None:
    pieces, whole = spellings(uuid)
    assert settled(whole) == settled(pieces) == pieces == in_pieces(uuid)
    assert max(map(int, pieces.split("."))) < 1 << 31


@given(st.from_regex(r"[0-2](\.[0-9]{1,60}){1,8}", fullmatch=True))
def test_nothing_else_becomes_a_policy_of_ours(oid: str) -> None:
    assert settled(oid) == oid or oid.startswith("2.25.")
    assert settled(f"{oid}.1") == f"{oid}.1" or oid == "2.25"


@pytest.mark.parametrize("profile", sorted(BEFORE))
def test_what_is_shipped_has_a_readable_form_of_the_same_policy(profile: str) -> None:
    (policy,) = SHIPPED[profile]["policies"]
    assert settled(BEFORE[profile]) == policy
    known = {"officer": OFFICER, "transparency-log": LOG}
    assert known.get(profile, policy) == policy


def test_an_officer_of_before_approves_and_is_still_one(world: World, tmp_path: Path) -> None:
    enacted(world, changed("officer", policies=[BEFORE["officer"]], lint="none"))
    officer = appoint(world, world.officer, world.second, tmp_path)
    readable = world.ca.profile_changes.propose(world.second, changed("officer"), "可读的写法")
    world.ca.profile_changes.approve(world.officer, readable.key, "同意")
    world.signer.rule(ApprovalRules(Signing.REQUIRED))
    assert isinstance(approve(world, officer, world.request().id), Certificate)


def test_a_log_of_before_is_still_one(world: World) -> None:
    enacted(world, changed("transparency-log", policies=[BEFORE["transparency-log"]], lint="none"))
    world.ca.services.provision(world.officer, KeyRole.LOG)
    world.issue()
    world.ca.log.sequencer.run()
    head = world.ca.log.head()
    roots = world.ca.seal_certificates()[0]
    certificates = world.ca.log.certificates(head)
    assert check_head(head.text, head.signature, certificates, roots) == head.head


def test_a_setting_names_a_policy_in_either_form() -> None:
    whole, (pieces,) = BEFORE["device-automatic"], SHIPPED["device-automatic"]["policies"]
    for named in (whole, pieces):
        rules = ApprovalRules(Signing.REQUIRED, frozenset({named}))
        assert rules.let_pass([whole])
        assert rules.let_pass([pieces])
        assert not rules.let_pass(["1.2.3"])


@pytest.mark.parametrize("policy", [STAMPING, "2.25.301762117450198243360527214361182402410"])
def test_a_token_names_its_policy_as_it_was_asked_for(world: World, policy: str) -> None:
    assert settled(policy) == STAMPING
    answer = world.ca.timestamps.answer(request(req_policy=policy).dump(force=True))
    assert (
        tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]["encap_content_info"]["content"]
        .parsed["policy"]
        .native
        == policy
    )
