"""Looking through graded protection page by page, and what is shown of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.clock import FixedClock
from kernel.errors import NotFound, NotPermitted
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from policies.assessment.conclusion import conclude, counts_of, weigh
from policies.assessment.model import Outcome, RemediationState
from policies.resources.assessments import assessment_record, control_record
from policies.resources.remediations import remediation_record
from policies.resources.results import result_record
from policies.resources.systems import system_record
from policies.service import PoliciesService
from policies.systems.model import System


def asked(**filters: str) -> Ask:
    return Ask(filters={name: (value,) for name, value in filters.items()}, limit=500)


@pytest.fixture
def county(officer: Principal) -> Principal:
    return replace(officer, id="usr_county", unit="u_county")


def test_results_come_in_catalogue_order_and_are_narrowed(
    policies: PoliciesService, assessment: str, assessor: Principal
) -> None:
    lists = policies.lists
    every = lists.results(assessor, Ask(limit=500)).items
    order = [item.id for item in policies.assessments.catalogue.items]
    assert list(dict.fromkeys(listed.result.item for listed in every)) == order
    first = lists.results(assessor, Ask(limit=100))
    second = lists.results(assessor, Ask(limit=100, cursor=first.next_cursor or ""))
    assert (*first.items, *second.items) == every[:200]
    fails = lists.results(assessor, asked(outcome="fails"))
    assert {listed.result.outcome for listed in fails.items} == {Outcome.FAILS}
    assert fails.total == first.facets["outcome"]["fails"] > 0
    chapter = lists.results(assessor, asked(chapter="8.1.4")).items
    assert {listed.place.group.clause for listed in chapter} == {"8.1.4"}
    (telnet,) = lists.results(assessor, Ask(text="nw-acc", filters={"item": ("L3-8.1.4.1-c",)})).items
    assert telnet.result.outcome is Outcome.FAILS
    assert lists.result(assessor, telnet.result.id) == telnet
    shown = result_record(telnet)
    assert (shown.object_name, shown.system) == ("nw-acc", "政务服务平台")
    assert shown.requirement == policies.assessments.catalogue.item("L3-8.1.4.1-c").text.here
    assert shown.evidence == telnet.result.evidence != ()


def test_without_an_assessment_named_the_newest_of_each_system_is_shown(
    policies: PoliciesService,
    assessment: str,
    system: System,
    officer: Principal,
    clock: FixedClock,
) -> None:
    other = policies.systems.propose(
        officer, name="第二系统", unit="u_city", level="S3A3G3", owner="某", boundary=["nw-core"]
    )
    clock.advance(hours=1)
    again = policies.assessments.assess(officer, system.id)
    second = policies.assessments.assess(officer, other.id)
    found = policies.lists.results(officer, Ask(limit=500, filters={"item": ("L3-8.1.4.1-d",)})).items
    assert {listed.result.assessment for listed in found} == {again.id, second.id}
    assert {listed.system for listed in found} == {"政务服务平台", "第二系统"}
    old = policies.lists.results(officer, asked(assessment=assessment, item="L3-8.1.4.1-d")).items
    assert {listed.result.assessment for listed in old} == {assessment}
    latest = policies.lists.latest(officer)
    assert {name: made.id for name, (made, _tallies) in latest.items()} == {
        system.id: again.id,
        other.id: second.id,
    }
    assert latest[other.id][1] == policies.assessments.tallies(officer, second.id)
    listed = policies.lists.assessments(officer, Ask()).items
    assert [one.assessment.id for one in listed] == [second.id, again.id, assessment]
    assert policies.lists.assessments(officer, asked(system=other.id)).total == 1


def test_the_counts_beside_an_assessment_are_those_of_its_results(
    policies: PoliciesService, assessment: str, officer: Principal
) -> None:
    listed = policies.lists.assessment(officer, assessment)
    results = policies.assessments.results(officer, assessment)
    tallies = policies.assessments.tallies(officer, assessment)
    assert listed.counts == counts_of(tallies)
    assert sum(listed.counts.values()) == len(results)
    template = policies.assessments.template
    assert weigh(tallies, template) == conclude(results, template)
    assert assessment_record(listed).fails == listed.counts[Outcome.FAILS]


def test_what_is_overdue_is_found_as_such(
    policies: PoliciesService,
    assessment: str,
    officer: Principal,
    network_admin: Principal,
    clock: FixedClock,
) -> None:
    (telnet,) = policies.lists.results(officer, Ask(text="nw-acc", filters={"item": ("L3-8.1.4.1-c",)})).items
    due = clock.now() + timedelta(days=3)
    opened = policies.assessments.remediate(
        officer, telnet.result.id, owner="黄强", due=due, action="关闭 Telnet"
    )
    lists = policies.lists
    assert lists.remediations(officer, asked(state="overdue")).total == 0
    clock.advance(days=4)
    (late,) = lists.remediations(officer, asked(state="overdue")).items
    assert (late.remediation.id, late.object_name, late.overdue) == (opened.id, "nw-acc", True)
    assert remediation_record(late).state == "overdue"
    assert remediation_record(lists.remediation(officer, opened.id)).item == "L3-8.1.4.1-c"
    assert lists.remediations(officer, asked(result=telnet.result.id, state="open")).total == 1
    policies.assessments.move_remediation(
        network_admin, opened.id, RemediationState.DONE, reason="已改为 SSH"
    )
    assert lists.remediations(officer, asked(state="overdue")).total == 0
    assert lists.remediations(officer, asked(state="done", assessment=assessment)).total == 1


def test_the_catalogue_is_looked_through_by_words_of_either_language(
    policies: PoliciesService, assessor: Principal
) -> None:
    lists = policies.lists
    whole = lists.controls(assessor, Ask(limit=500))
    assert [place.item.id for place in whole.items] == [
        item.id for item in policies.assessments.catalogue.items
    ]
    assert sum(whole.facets["automation"].values()) == whole.total
    chapter = lists.controls(assessor, asked(chapter="8.1.10", automation="full"))
    assert {place.group.clause for place in chapter.items} == {"8.1.10"}
    assert lists.controls(assessor, Ask(text="身份鉴别")).total > 0
    shown = control_record(lists.control(assessor, "L3-CES1-01"))
    assert (shown.item, shown.chapter) == ("L3-8.1.4.1-a", "8.1.4")
    with pytest.raises(NotFound):
        lists.control(assessor, "L3-9")


def test_other_units_find_nothing_and_learn_nothing(
    policies: PoliciesService, assessment: str, system: System, county: Principal, officer: Principal
) -> None:
    lists = policies.lists
    result = lists.results(officer, Ask(limit=1)).items[0].result.id
    package = policies.packages.export(officer, assessment).id
    for page in (lists.systems, lists.assessments, lists.results, lists.remediations, lists.packages):
        assert page(county, Ask()).total == 0
    assert lists.results(county, asked(assessment=assessment)).total == 0
    for item, name in (
        (lists.assessment, assessment),
        (lists.result, result),
        (lists.package, package),
        (policies.systems.get, system.id),
    ):
        for asked_for in (name, "nothing"):
            with pytest.raises(NotFound):
                item(county, asked_for)


def test_who_may_not_read_is_refused_before_anything(
    policies: PoliciesService, registrar: Principal, auditor: Principal
) -> None:
    lists = policies.lists
    for page in (lists.systems, lists.assessments, lists.results, lists.remediations, lists.controls):
        for nobody in (registrar, auditor):
            with pytest.raises(NotPermitted):
                page(nobody, Ask())


def test_systems_are_found_by_name_and_state(
    policies: PoliciesService, system: System, officer: Principal
) -> None:
    (found,) = policies.lists.systems(officer, Ask(text="政务", filters={"state": ("proposed",)})).items
    shown = system_record(found)
    assert (shown.id, shown.level, shown.boundary) == (system.id, "S3A3G3", system.boundary)
    assert policies.lists.systems(officer, asked(state="filed")).total == 0


def test_lists_read_the_same_on_both_databases(any_database: Database, officer: Principal) -> None:
    """The joins, sub-queries and NULLs of every list are understood by SQLite and by PostgreSQL."""
    from kernel.identity.access import Access
    from policies.catalogue.model import Catalogue
    from policies.lists import PolicyLists

    empty = Catalogue("GB/T 22239-2019", 3, "general", (), "0")
    lists = PolicyLists(any_database, FixedClock(any_database.clock.now()), Access(any_database), empty)
    assert lists.systems(officer, Ask()).total == 0
    assert lists.assessments(officer, Ask(sort="made_at")).items == ()
    assert lists.results(officer, asked(chapter="8.1.4", outcome="fails")).facets["outcome"] == {}
    assert lists.results(officer, asked(assessment="a")).items == ()
    assert lists.remediations(officer, asked(state="overdue")).items == ()
    assert lists.packages(officer, Ask(sort="-size")).total == 0
    assert lists.latest(officer) == {}
