"""Lines become events, events alerts, alerts cases; and who may do what with them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.model import Principal, Role
from kernel.store import Database
from kernel.store.listing import Ask
from siem.adapters.memory_events import MemoryEvents
from siem.model import AlertState, CaseState, IllegalMove, Verdict
from siem.parsing.syslog import Header
from tests.unit.siem.conftest import Centre, failed, make_centre


@pytest.fixture
def county_analyst() -> Principal:
    return Principal("usr_county", "county", frozenset({Role.SOC_ANALYST}), "u_county", "password")


def test_ten_refused_sign_ins_raise_one_alert_that_goes_on_counting(
    centre: Centre, analyst: Principal
) -> None:
    assert centre.take(*failed(9)).alerts == ()
    assert len(centre.take(*failed(1)).alerts) == 1
    centre.take(*failed(5))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    assert (alert.rule_name, alert.count, alert.state) == ("brute-force", 15, AlertState.NEW)
    assert alert.titles["zh_CN"] == "同一地址暴力破解登录口令"
    assert alert.group == {"source.ip": "203.0.113.50"}
    assert (alert.asset, alert.unit, alert.risk) == (
        "ast_srv",
        "u_city",
        60,
    )  # high (75) on a level-3 host (0.8)
    assert alert.last_seen - alert.first_seen == timedelta(seconds=14)


def test_the_events_behind_an_alert_are_shown(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(12))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    events = centre.service.triage.evidence_of(analyst, alert.id)
    assert len(events) == 12
    assert {event["source.ip"] for event in events} == {"203.0.113.50"}


def test_the_count_goes_on_after_a_restart(centre: Centre, analyst: Principal) -> None:
    for line in failed(10):  # every call is a new pipeline: what it remembers comes from the database
        centre.take(line)
    [alert] = centre.service.triage.page(analyst, Ask()).items
    assert alert.count == 10


def test_two_addresses_are_two_alerts(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10), *failed(10, "203.0.113.51"))
    assert {a.group["source.ip"] for a in centre.service.triage.page(analyst, Ask()).items} == {
        "203.0.113.50",
        "203.0.113.51",
    }


def test_a_closed_alert_stays_closed_and_a_new_one_is_raised(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    closed = centre.service.triage.close(analyst, alert.id, Verdict.FALSE, "红队演练")
    assert (closed.state, closed.verdict) == (AlertState.CLOSED, Verdict.FALSE)
    centre.clock.advance(hours=1)
    centre.take(*failed(10))
    assert [a.state for a in centre.service.triage.page(analyst, Ask()).items] == [
        AlertState.NEW,
        AlertState.CLOSED,
    ]


def test_an_alert_can_be_acknowledged_once(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    assert centre.service.triage.acknowledge(analyst, alert.id).assignee == analyst.id
    with pytest.raises(IllegalMove) as error:
        centre.service.triage.acknowledge(analyst, alert.id)
    assert "closed, in_case" in error.value.text("en")


def test_an_alert_becomes_a_case_that_is_worked_to_its_end(centre: Centre, analyst: Principal) -> None:
    triage, cases = centre.service.triage, centre.service.cases
    centre.take(*failed(10))
    [alert] = triage.page(analyst, Ask()).items
    file = cases.open(analyst, [alert.id])
    assert file.case.title == "同一地址暴力破解登录口令"
    assert file.alerts[0].state is AlertState.IN_CASE
    assert {(o.kind, o.value) for o in file.observables} >= {("ip", "203.0.113.50"), ("user", "root")}
    case = file.case.id
    task = centre.service.work.add_task(analyst, case, "封禁来源地址").tasks[0]
    cases.move(analyst, case, CaseState.CONTAINED, "已封禁")
    cases.move(analyst, case, CaseState.RECOVERED, "口令已更换")
    with pytest.raises(Conflict, match="open tasks"):
        cases.move(analyst, case, CaseState.CLOSED, "完成", Verdict.TRUE)
    centre.service.work.finish_task(analyst, task.id)
    with pytest.raises(Invalid, match="verdict"):
        cases.move(analyst, case, CaseState.CLOSED, "完成")
    done = cases.move(analyst, case, CaseState.CLOSED, "完成", Verdict.TRUE)
    assert (done.case.state, done.case.verdict, done.case.summary) == (CaseState.CLOSED, Verdict.TRUE, "完成")
    assert done.alerts[0].state is AlertState.CLOSED
    assert [entry.kind for entry in done.timeline] == [
        "opened",
        "alert",
        "task",
        "state",
        "state",
        "done",
        "state",
    ]


def test_a_case_can_not_jump_over_a_state(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    case = centre.service.cases.open(analyst, [alert.id]).case
    with pytest.raises(IllegalMove):
        centre.service.cases.move(analyst, case.id, CaseState.RECOVERED, "too early")


def test_alerts_of_two_units_do_not_share_a_case(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10))
    centre.take(*failed(10, "203.0.113.60"), source="10.10.20.1")
    ids = [alert.id for alert in centre.service.triage.page(analyst, Ask()).items]
    with pytest.raises(Conflict, match="different units"):
        centre.service.cases.open(analyst, ids)


def test_a_county_sees_its_own_alerts_and_events_only(
    centre: Centre, analyst: Principal, county_analyst: Principal
) -> None:
    centre.take(*failed(10))
    centre.take(*failed(10, "203.0.113.60"), source="10.10.20.1")
    [own] = centre.service.triage.page(county_analyst, Ask()).items
    assert own.unit == "u_county"
    [city] = [alert for alert in centre.service.triage.page(analyst, Ask()).items if alert.unit == "u_city"]
    with pytest.raises(NotFound):
        centre.service.triage.alert(county_analyst, city.id)
    with pytest.raises(NotFound):
        centre.service.triage.close(county_analyst, city.id, Verdict.FALSE, "x")
    assert centre.service.events.search(county_analyst).total == 10
    assert centre.service.events.search(analyst).total == 20


@pytest.mark.parametrize("act", ["alerts", "ack", "close", "case", "search", "retain", "import"])
def test_without_the_permission_nothing_happens(
    centre: Centre, registrar: Principal, analyst: Principal, act: str
) -> None:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    triage, cases, service = centre.service.triage, centre.service.cases, centre.service
    acts: dict[str, Callable[[], object]] = {
        "alerts": lambda: triage.page(registrar, Ask()),
        "ack": lambda: triage.acknowledge(registrar, alert.id),
        "close": lambda: triage.close(registrar, alert.id, Verdict.FALSE, "x"),
        "case": lambda: cases.open(registrar, [alert.id]),
        "search": lambda: service.events.search(registrar),
        "retain": lambda: service.retain(analyst),
        "import": lambda: service.import_file(registrar, centre.intake.folder / "x"),
    }
    with pytest.raises(NotPermitted):
        acts[act]()
    assert triage.alert(analyst, alert.id) == alert


def test_an_assessor_reads_and_changes_nothing(centre: Centre, assessor: Principal) -> None:
    centre.take(*failed(10))
    [alert] = centre.service.triage.page(assessor, Ask()).items
    with pytest.raises(NotPermitted):
        centre.service.triage.acknowledge(assessor, alert.id)


def test_alerts_and_memory_on_both_databases(
    tmp_path: Path, any_database: Database, clock: FixedClock
) -> None:
    centre = make_centre(tmp_path, any_database, clock, MemoryEvents())
    for line in failed(12):
        centre.take(line)
    system = Principal.system("test")
    [alert] = centre.service.triage.page(system, Ask()).items
    assert alert.count == 12
    assert centre.service.cases.open(system, [alert.id]).alerts[0].state is AlertState.IN_CASE
    centre.service.close()


TWICE = """title: one
name: one
logsource: {category: authentication}
detection: {s: {event.outcome: failure}, condition: s}
---
title: two
name: two
logsource: {category: authentication}
detection: {s: {user.name: root}, condition: s}
---
title: both
name: both
level: high
correlation: {type: temporal, rules: [one, two], group-by: [source.ip], timespan: 1m}
"""


def test_an_event_that_fits_two_rules_of_a_correlation_counts_once(
    tmp_path: Path, database: Database, clock: FixedClock, analyst: Principal
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "twice.yml").write_text(TWICE)
    centre = make_centre(tmp_path, database, clock, MemoryEvents(), tmp_path / "rules")
    centre.take(*failed(3))
    [alert] = centre.service.triage.page(analyst, Ask()).items
    assert alert.count == 3
    centre.service.close()


def test_a_fault_in_the_parser_costs_one_line_its_fields_and_nothing_else(
    centre: Centre, analyst: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from siem.parsing import parser

    def faulty(header: Header) -> None:
        raise RuntimeError(header.body)

    monkeypatch.setattr(parser, "_vendor", faulty)
    report = centre.take("<13>app: one", "<999>two")
    assert (report.stored, report.malformed) == (2, 2)
    monkeypatch.undo()
    assert centre.take(*failed(10)).malformed == 0
    assert centre.service.events.search(analyst, 'error.message:"RuntimeError in the parser"').total == 1
