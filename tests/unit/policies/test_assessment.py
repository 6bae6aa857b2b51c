"""From evidence to results: what is not proved never passes, what is half proved waits for a person."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.assets.model import Asset, AssetKind
from kernel.assets.service import Register
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from policies.assessment.conclusion import Template, conclude
from policies.assessment.model import (
    REMEDIATION_TRANSITIONS,
    Outcome,
    RemediationState,
    Result,
    ResultState,
    remediation_moved,
)
from policies.catalogue.model import Catalogue, ObjectKind
from policies.service import PoliciesService
from policies.systems.model import System
from policies.wording import explain
from tests.unit.policies.conftest import RULES, finding, record

Found = dict[tuple[str, str], Result]


def results_of(policies: PoliciesService, who: Principal, assessment: str) -> Found:
    return {(r.item, r.object_name): r for r in policies.assessments.results(who, assessment)}


def again(policies: PoliciesService, system: System, officer: Principal) -> Found:
    return results_of(policies, officer, policies.assessments.assess(officer, system.id).id)


def test_every_item_has_a_result(policies: PoliciesService, assessment: str, officer: Principal) -> None:
    found = results_of(policies, officer, assessment)
    assert {item for item, _ in found} == {item.id for item in policies.assessments.catalogue.items}


def test_a_severe_finding_fails_its_items_on_that_device_alone(
    policies: PoliciesService, assessment: str, officer: Principal, collected: dict[str, str]
) -> None:
    found = results_of(policies, officer, assessment)
    telnet = found["L3-8.1.4.1-c", "nw-acc"]
    assert (telnet.outcome, telnet.state) == (Outcome.FAILS, ResultState.DECIDED)
    assert telnet.evidence == (collected["access"],)
    assert telnet.reasons[0].params == {"rules": "telnet-open"}
    assert found["L3-8.1.4.1-c", "nw-core"].outcome is Outcome.CONFORMS
    assert found["L3-8.1.3.2-a", "nw-acc"].outcome is Outcome.CONFORMS


def test_a_clean_record_proves_nothing_for_an_item_that_no_rule_looked_at(
    policies: PoliciesService, assessment: str, officer: Principal
) -> None:
    result = results_of(policies, officer, assessment)["L3-8.1.4.1-b", "nw-core"]
    assert (result.outcome, result.state) == (Outcome.UNPROVEN, ResultState.OPEN)


@pytest.mark.parametrize(
    ("severity", "state", "outcome"),
    [
        ("critical", "open", Outcome.FAILS),
        ("high", "acknowledged", Outcome.FAILS),
        ("high", "excepted", Outcome.PARTLY),
        ("medium", "open", Outcome.PARTLY),
        ("high", "fixed", Outcome.CONFORMS),
        ("high", "verified", Outcome.CONFORMS),
    ],
)
def test_severity_and_state_of_a_finding_decide(
    policies: PoliciesService,
    system: System,
    evidence: EvidenceService,
    database: Database,
    register: Register,
    officer: Principal,
    severity: str,
    state: str,
    outcome: Outcome,
) -> None:
    summary = {"rules": RULES, "findings": [finding("any-any", severity, state)]}
    record(evidence, database, EvidenceKind.CONFIG_CHECKED, register.asset("nw-core").id, summary)
    assert again(policies, system, officer)["L3-8.1.3.2-a", "nw-core"].outcome is outcome


def test_replicas_are_judged_by_place(policies: PoliciesService, assessment: str, officer: Principal) -> None:
    found = results_of(policies, officer, assessment)
    assert found["L3-8.1.4.9-a", "政务服务平台"].outcome is Outcome.CONFORMS
    assert found["L3-8.1.4.9-b", "政务服务平台"].outcome is Outcome.FAILS
    assert found["L3-8.1.4.7-b", "政务服务平台"].outcome is Outcome.FAILS


def test_an_unknown_verdict_is_no_pass(
    policies: PoliciesService,
    system: System,
    collected: dict[str, str],
    evidence: EvidenceService,
    database: Database,
    officer: Principal,
) -> None:
    for said in ("unknown", None, True, "PASS"):
        record(evidence, database, EvidenceKind.BACKUP_VERIFIED, "ca", {"verdict": said, "site": "same-city"})
        result = again(policies, system, officer)["L3-8.1.4.9-a", "政务服务平台"]
        assert (result.outcome, result.state) == (Outcome.UNPROVEN, ResultState.OPEN)


def test_the_newest_record_of_a_subject_counts(
    policies: PoliciesService,
    system: System,
    collected: dict[str, str],
    evidence: EvidenceService,
    database: Database,
    officer: Principal,
) -> None:
    mended = {"verdict": "pass", "site": "remote"}
    record(evidence, database, EvidenceKind.BACKUP_VERIFIED, "ca", mended)
    assert again(policies, system, officer)["L3-8.1.4.9-b", "政务服务平台"].outcome is Outcome.CONFORMS


def test_evidence_out_of_date_no_longer_speaks(
    policies: PoliciesService,
    system: System,
    collected: dict[str, str],
    clock: FixedClock,
    officer: Principal,
) -> None:
    clock.advance(days=32)
    found = again(policies, system, officer)
    assert found["L3-8.1.4.1-c", "nw-acc"].outcome is Outcome.UNPROVEN
    # only a drill speaks for a year
    sound = {result.item for result in found.values() if result.outcome is Outcome.CONFORMS}
    assert sound == {"L3-8.1.4.9-c", "L3-8.1.10.11-c", "L3-8.1.10.13-c"}


def test_evidence_of_another_branch_of_units_does_not_count(
    policies: PoliciesService,
    system: System,
    collected: dict[str, str],
    evidence: EvidenceService,
    database: Database,
    register: Register,
    network_admin: Principal,
    officer: Principal,
) -> None:
    below = policies.systems.propose(
        officer, name="县平台", unit="u_county", level="S3A3G3", owner="县", boundary=["nw-core"]
    )
    failed = {"verdict": "fail", "site": "same-city"}
    record(evidence, database, EvidenceKind.BACKUP_VERIFIED, "other-set", failed, unit="u_other")
    assert again(policies, below, officer)["L3-8.1.4.9-a", "县平台"].outcome is Outcome.CONFORMS
    assert again(policies, system, officer)["L3-8.1.4.9-a", "政务服务平台"].outcome is Outcome.FAILS


def test_what_evidence_only_supports_waits_for_a_person(
    policies: PoliciesService, assessment: str, officer: Principal
) -> None:
    proposed = results_of(policies, officer, assessment)["L3-8.1.4.1-d", "政务服务平台"]
    assert (proposed.outcome, proposed.state) == (Outcome.CONFORMS, ResultState.PROPOSED)
    done = policies.assessments.confirm(officer, proposed.id, note="现场查看登录过程")
    assert (done.outcome, done.state, done.confirmed_by) == (
        Outcome.CONFORMS,
        ResultState.CONFIRMED,
        "officer",
    )


def test_a_persons_finding_is_evidence_with_its_attachment_and_holds_for_the_next_assessment(
    policies: PoliciesService,
    system: System,
    assessment: str,
    evidence: EvidenceService,
    officer: Principal,
    clock: FixedClock,
) -> None:
    fire = results_of(policies, officer, assessment)["L3-8.1.1.5-a", "政务服务平台"]
    with pytest.raises(Invalid):
        policies.assessments.confirm(officer, fire.id, note="看过")  # which result?
    photo = Attachment("灭火系统.jpg", b"\xff\xd8", "image/jpeg")
    done = policies.assessments.confirm(
        officer, fire.id, outcome=Outcome.CONFORMS, note="机房有自动灭火系统", attachments=[photo]
    )
    kept = evidence.get(done.evidence[-1])
    assert (kept.kind, kept.attachments[0].name) == (EvidenceKind.MANUAL_FINDING, "灭火系统.jpg")
    later = again(policies, system, officer)["L3-8.1.1.5-a", "政务服务平台"]
    assert (later.outcome, later.state) == (Outcome.CONFORMS, ResultState.CONFIRMED)
    clock.advance(days=367)
    assert again(policies, system, officer)["L3-8.1.1.5-a", "政务服务平台"].outcome is Outcome.UNPROVEN


def test_whoever_may_not_confirm_is_refused(
    policies: PoliciesService,
    assessment: str,
    officer: Principal,
    assessor: Principal,
    network_admin: Principal,
) -> None:
    result = results_of(policies, officer, assessment)["L3-8.1.4.1-d", "政务服务平台"]
    for nobody in (assessor, network_admin):
        with pytest.raises(NotPermitted):
            policies.assessments.confirm(nobody, result.id, note="x")
    with pytest.raises(Invalid):
        policies.assessments.confirm(officer, result.id, note=" ")
    county = replace(officer, id="usr_c", unit="u_county")
    with pytest.raises(NotFound):
        policies.assessments.confirm(county, result.id, note="x")
    with pytest.raises(NotFound):
        policies.assessments.results(county, assessment)
    assert policies.lists.assessments(county, Ask()).items == ()


def test_a_shortcoming_gets_an_owner_and_a_date_and_is_accepted_at_the_end(
    policies: PoliciesService,
    assessment: str,
    officer: Principal,
    network_admin: Principal,
    assessor: Principal,
    clock: FixedClock,
) -> None:
    service, found = policies.assessments, results_of(policies, officer, assessment)
    due = clock.now() + timedelta(days=30)
    telnet, sound = found["L3-8.1.4.1-c", "nw-acc"], found["L3-8.1.4.1-c", "nw-core"]
    opened = service.remediate(officer, telnet.id, owner="黄强", due=due, action="关闭 Telnet")
    with pytest.raises(Invalid):
        service.remediate(officer, sound.id, owner="黄强", due=due, action="无")
    with pytest.raises(Invalid):
        service.remediate(officer, telnet.id, owner="黄强", due=clock.now(), action="关闭 Telnet")
    with pytest.raises(NotPermitted):
        service.move_remediation(assessor, opened.id, RemediationState.DONE, reason="x")
    with pytest.raises(Conflict):
        service.move_remediation(officer, opened.id, RemediationState.ACCEPTED, reason="太早")
    service.move_remediation(network_admin, opened.id, RemediationState.DONE, reason="已改为 SSH")
    with pytest.raises(NotPermitted):
        service.move_remediation(network_admin, opened.id, RemediationState.ACCEPTED, reason="自验")
    done = service.move_remediation(officer, opened.id, RemediationState.ACCEPTED, reason="复核通过")
    assert done.closed_at == clock.now()
    assert [r.state for r in service.remediations(officer, assessment)] == [RemediationState.ACCEPTED]


@pytest.mark.parametrize("state", RemediationState)
@pytest.mark.parametrize("to", RemediationState)
def test_remediations_move_as_the_table_says(state: RemediationState, to: RemediationState) -> None:
    if to in REMEDIATION_TRANSITIONS[state]:
        assert remediation_moved(state, to) is to
    else:
        with pytest.raises(Conflict):
            remediation_moved(state, to)


def test_assessing_needs_the_right_and_a_level_with_a_catalogue(
    policies: PoliciesService, system: System, officer: Principal, assessor: Principal
) -> None:
    with pytest.raises(NotPermitted):
        policies.assessments.assess(assessor, system.id)
    low = policies.systems.propose(
        officer, name="二级系统", unit="u_city", level="S2A2G2", owner="某", boundary=["nw-core"]
    )
    with pytest.raises(Invalid, match="level 2"):
        policies.assessments.assess(officer, low.id)


def test_the_assessment_is_evidence_itself(
    policies: PoliciesService, assessment: str, system: System, evidence: EvidenceService
) -> None:
    (kept,) = evidence.find(EvidenceKind.ASSESSMENT, system.id)
    assert kept.summary["assessment"] == assessment
    assert kept.summary["conclusion"] == ""
    assert "clear-text-management" in kept.summary["major_risks"]


# --- the conclusion
def made(outcomes: list[tuple[Outcome, ResultState]], item: str = "L3-8.1.1.1-a") -> list[Result]:
    return [
        Result(str(n), "a", item, "u", ObjectKind.SYSTEM, "s", "s", outcome, outcome, state, (), ())
        for n, (outcome, state) in enumerate(outcomes)
    ]


def results(conforms: int, fails: int, item: str = "L3-8.1.1.1-a") -> list[Result]:
    done = ResultState.CONFIRMED
    return made([(Outcome.CONFORMS, done)] * conforms + [(Outcome.FAILS, done)] * fails, item)


@pytest.mark.parametrize(
    ("conforms", "fails", "verdict"),
    [
        (91, 9, "conform"),
        (90, 10, "basic"),
        (60, 40, "basic"),
        (59, 41, "not"),
        (100, 0, "conform"),
        (0, 1, "not"),
    ],
)
def test_the_rate_decides_between_the_three_words(
    template: Template, conforms: int, fails: int, verdict: str
) -> None:
    assert conclude(results(conforms, fails), template).verdict == verdict


def test_a_major_risk_rules_out_the_best_word(template: Template) -> None:
    conclusion = conclude([*results(99, 0), *results(0, 1, "L3-8.1.4.9-a")], template)
    assert [(risk.id, risk.reference) for risk in conclusion.risks] == [("no-local-backup", "A-26")]
    assert (conclusion.rate_low, conclusion.verdict) == (99.0, "basic")


def test_what_does_not_apply_is_left_out_of_the_rate(template: Template) -> None:
    none = made([(Outcome.NOT_APPLICABLE, ResultState.CONFIRMED)] * 900)
    assert conclude([*results(91, 9), *none], template).rate_low == 91.0


def test_there_is_no_conclusion_while_open_results_could_change_it(template: Template) -> None:
    waiting = made([(Outcome.UNPROVEN, ResultState.OPEN), (Outcome.CONFORMS, ResultState.PROPOSED)] * 5)
    conclusion = conclude([*results(90, 0), *waiting], template)
    assert (conclusion.rate_low, conclusion.rate_high, conclusion.verdict) == (90.0, 100.0, "")
    assert not conclusion.final
    hopeless = conclude([*results(10, 80), *waiting], template)
    assert hopeless.verdict == "not"


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from(ResultState)), max_size=30))
def test_deciding_what_waits_never_leaves_the_bounds(template: Template, drawn: list[Any]) -> None:
    before = conclude(made(drawn), template)
    assert before.rate_low <= before.rate_high
    for outcome in (Outcome.CONFORMS, Outcome.PARTLY, Outcome.FAILS):
        waiting = {ResultState.OPEN, ResultState.PROPOSED}
        after = conclude(
            made(
                [
                    (outcome, ResultState.CONFIRMED)
                    if (state in waiting and said is not Outcome.NOT_APPLICABLE) or said is Outcome.UNPROVEN
                    else (said, state)
                    for said, state in drawn
                ]
            ),
            template,
        )
        assert before.rate_low <= after.rate_low == after.rate_high <= before.rate_high
        assert before.verdict in ("", after.verdict)


def test_every_item_can_be_read_by_the_catalogue(catalogue: Catalogue) -> None:
    assert catalogue.kinds() <= set(EvidenceKind)


def test_border_items_are_not_judged_on_servers(
    policies: PoliciesService, register: Register, network_admin: Principal, officer: Principal
) -> None:
    register.put_asset(
        network_admin, Asset("", AssetKind.DEVICE, "srv", "u_city", "intranet", "10.10.1.5", "linux", 3)
    )
    mixed = policies.systems.propose(
        officer, name="混合", unit="u_city", level="S3A3G3", owner="某", boundary=["nw-core", "srv"]
    )
    found = again(policies, mixed, officer)
    assert ("L3-8.1.3.2-a", "nw-core") in found
    assert ("L3-8.1.3.2-a", "srv") not in found
    assert ("L3-8.1.4.1-c", "srv") in found


def test_a_system_without_devices_still_has_a_result_for_every_item(
    policies: PoliciesService, register: Register, network_admin: Principal, officer: Principal
) -> None:
    register.put_asset(network_admin, Asset("", AssetKind.SYSTEM, "portal", "u_city", level=3))
    alone = policies.systems.propose(
        officer, name="云上系统", unit="u_city", level="S3A3G3", owner="某", boundary=["portal"]
    )
    found = again(policies, alone, officer)
    assert {item for item, _ in found} == {item.id for item in policies.assessments.catalogue.items}
    assert found["L3-8.1.3.2-a", "云上系统"].state is ResultState.OPEN


def test_reasons_are_told_in_the_readers_language(
    policies: PoliciesService, assessment: str, officer: Principal
) -> None:
    found = results_of(policies, officer, assessment)
    (remote,) = found["L3-8.1.4.9-b", "政务服务平台"].reasons
    assert explain(remote, "zh_CN") == "ca (remote)：校验结论 为 未通过"
    assert explain(remote, "en") == "ca (remote): result of the check is failed"
    (unknown,) = found["L3-8.1.4.7-a", "政务服务平台"].reasons
    assert explain(unknown, "en") == "there is no evidence in force of state of the CA"
