"""Cases as analysts work on them: opened on alerts or on events, taken over, with tasks and observables; and as lists."""

import json
from collections.abc import Callable

import pytest

from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from siem.model import AlertState, Case, CaseState, Observable, Task, Verdict
from tests.unit.siem.conftest import Centre, failed
from tests.unit.siem.test_triage import add_person


@pytest.fixture
def case(centre: Centre, analyst: Principal) -> Case:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    return centre.service.cases.open(analyst, [alert.id], "县区暴力破解").case


def events(centre: Centre, who: Principal, text: str) -> list[str]:
    return [str(one["event.id"]) for one in centre.service.events.search(who, text).documents]


def test_cases_are_found_by_state_owner_and_words(centre: Centre, case: Case, analyst: Principal) -> None:
    colleague = add_person(centre.database, "ma", "u_city")
    cases = centre.service.cases
    assert cases.page(analyst, Ask("暴力")).items[0].id == case.id
    assert cases.page(analyst, Ask("洪水")).items == ()
    taken = cases.take(colleague, case.id, "值班交接")
    assert (taken.case.owner, taken.case.owner_name) == (colleague.id, "Ma")
    assert cases.page(analyst, Ask(filters={"owner": ("me",)})).items == ()
    mine = cases.page(colleague, Ask(filters={"owner": ("me",), "state": ("open",)}))
    assert [one.id for one in mine.items] == [case.id]
    assert mine.facets["state"] == {"open": 1}
    assert taken.timeline[-1].text == "值班交接"


def test_tasks_are_a_list_of_their_own(centre: Centre, case: Case, analyst: Principal) -> None:
    work, colleague = centre.service.work, add_person(centre.database, "ma", "u_city")
    work.add_task(analyst, case.id, "封禁来源地址", assignee=colleague.id, due_at=centre.clock.now())
    file = work.add_task(analyst, case.id, "更换口令")
    first = next(task for task in file.tasks if task.title == "封禁来源地址")
    assert first.assignee_name == "Ma"
    [mine] = work.tasks(colleague, Ask(filters={"assignee": ("me",)})).items
    assert isinstance(mine.part, Task)
    assert (mine.part.id, mine.case, mine.case_title) == (first.id, case.id, "县区暴力破解")
    work.finish_task(colleague, first.id)
    order = [one.part.state for one in work.tasks(analyst, Ask()).items if isinstance(one.part, Task)]
    assert order == ["open", "done"]
    with pytest.raises(NotFound, match="no open task"):
        work.finish_task(colleague, first.id)


def test_observables_lead_from_case_to_case(centre: Centre, case: Case, analyst: Principal) -> None:
    work = centre.service.work
    work.add_observable(analyst, case.id, "host", "pc-17")
    work.add_observable(analyst, case.id, "host", "pc-17")  # again: nothing changes
    centre.take(*failed(10, "203.0.113.60", user="root"))
    ask = Ask(filters={"state": ("new",)})
    other = centre.service.cases.open(analyst, [centre.service.triage.page(analyst, ask).items[0].id])
    found = work.observables(analyst, Ask(filters={"value": ("root",)})).items
    assert {one.case for one in found} == {case.id, other.case.id}
    [host] = work.observables(analyst, Ask("PC-17")).items
    assert isinstance(host.part, Observable)
    file = work.remove_observable(analyst, host.part.id, "同名终端，与本案无关")
    assert "pc-17" not in {one.value for one in file.observables}
    assert [entry.text for entry in file.timeline if entry.kind == "observable"] == [
        "+ host: pc-17",
        "- host: pc-17 (同名终端，与本案无关)",
    ]
    with pytest.raises(Invalid, match="address, a user or a host"):
        work.add_observable(analyst, case.id, "colour", "red")


def test_events_that_no_rule_found_become_a_case(centre: Centre, analyst: Principal) -> None:
    centre.take("<13>app: 深夜登录财务系统", "<13>app: 下载全部台账")
    ids = events(centre, analyst, "app")
    ids = ids or events(centre, analyst, "")
    cases = centre.service.cases
    with pytest.raises(Invalid, match="Say why"):
        cases.open_on_events(analyst, ids, " ", "high")
    with pytest.raises(Invalid, match="no level"):
        cases.open_on_events(analyst, ids, "内部人员异常", "terrible")
    file = cases.open_on_events(analyst, ids, "内部人员异常", "high")
    assert (set(file.events), file.case.level, file.case.unit) == (set(ids), "high", "u_city")
    assert [one["message"] for one in cases.events_of(analyst, file.case.id)] == [
        "深夜登录财务系统",
        "下载全部台账",
    ]
    centre.take("<13>app: 外发邮件")
    more = events(centre, analyst, "外发邮件")
    assert set(cases.add_events(analyst, file.case.id, [*more, *ids]).events) == {*ids, *more}
    with pytest.raises(NotFound, match="no event evt_none"):
        cases.add_events(analyst, file.case.id, ["evt_none"])


def test_another_units_events_and_cases_do_not_exist(centre: Centre, case: Case, analyst: Principal) -> None:
    county = add_person(centre.database, "county", "u_county")
    city_events = events(centre, analyst, "event.outcome:failure")[:1]
    with pytest.raises(NotFound):
        centre.service.cases.open_on_events(county, city_events, "x", "low")
    for act in (centre.service.cases.case, centre.service.cases.take, centre.service.cases.report):
        with pytest.raises(NotFound):
            act(county, case.id)
    assert centre.service.work.observables(county, Ask()).total == 0
    observable = centre.service.work.observables(analyst, Ask()).items[0].part.id
    with pytest.raises(NotFound):
        centre.service.work.remove_observable(county, observable, "x")
    assert centre.service.cases.page(county, Ask()).total == 0


def test_several_alerts_go_into_a_case_all_or_none(centre: Centre, case: Case, analyst: Principal) -> None:
    for number in (1, 2):
        centre.take(*failed(10, f"203.0.113.{number}"))
    centre.take(*failed(10, "203.0.113.9"), source="10.10.20.1")
    triage, cases = centre.service.triage, centre.service.cases
    waiting = triage.page(analyst, Ask(filters={"state": ("new",)})).items
    city = [alert.id for alert in waiting if alert.unit == "u_city"]
    with pytest.raises(Conflict, match="different units"):
        cases.add_alerts(analyst, case.id, [alert.id for alert in waiting])
    assert len(cases.case(analyst, case.id).alerts) == 1
    assert len(cases.add_alerts(analyst, case.id, city).alerts) == 3


def test_a_closed_case_is_only_read_noted_and_opened_again(
    centre: Centre, case: Case, analyst: Principal
) -> None:
    cases, work = centre.service.cases, centre.service.work
    cases.move(analyst, case.id, CaseState.CLOSED, "核实为演练", Verdict.BENIGN)
    acts: tuple[Callable[[], object], ...] = (
        lambda: cases.take(analyst, case.id),
        lambda: work.add_task(analyst, case.id, "x"),
        lambda: work.add_observable(analyst, case.id, "ip", "10.0.0.1"),
    )
    for act in acts:
        with pytest.raises(Conflict, match="case is closed"):
            act()
    cases.add_note(analyst, case.id, "补充说明")
    [record] = centre.service._evidence.find(EvidenceKind.CASE_CLOSED)
    assert (record.subject, record.summary["verdict"]) == (case.id, "benign")
    again = cases.move(analyst, case.id, CaseState.OPEN, "又出现")
    assert (again.case.state, again.case.verdict) == (CaseState.OPEN, None)
    assert again.alerts[0].state is AlertState.CLOSED


def test_the_report_holds_the_whole_case(centre: Centre, case: Case, analyst: Principal) -> None:
    centre.service.work.add_task(analyst, case.id, "封禁")
    told = json.loads(centre.service.cases.report(analyst, case.id))
    assert told["case"]["title"] == "县区暴力破解"
    assert [len(told[part]) for part in ("alerts", "tasks")] == [1, 1]
    assert {one["value"] for one in told["observables"]} >= {"203.0.113.50", "root"}


def test_who_only_reads_changes_nothing(centre: Centre, case: Case, analyst: Principal) -> None:
    reader = add_person(centre.database, "xu", "u_city", Role.ASSESSOR)
    cases, work = centre.service.cases, centre.service.work
    assert cases.case(reader, case.id).case.id == case.id
    acts: tuple[Callable[[], object], ...] = (
        lambda: cases.take(reader, case.id),
        lambda: cases.add_note(reader, case.id, "x"),
        lambda: work.add_task(reader, case.id, "x"),
        lambda: work.add_observable(reader, case.id, "ip", "10.0.0.1"),
        lambda: cases.move(reader, case.id, CaseState.CONTAINED, "x"),
    )
    for act in acts:
        with pytest.raises(NotPermitted):
            act()
    assert len(cases.case(analyst, case.id).timeline) == 2
