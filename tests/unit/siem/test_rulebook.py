"""Rules as they are read and tested; senders and losses; files that are sent in; what the worker does."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Invalid, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobState
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from kernel.store.listing import Ask
from siem.adapters.memory_events import MemoryEvents
from siem.jobs import RECORD, handlers
from siem.sources import SourceState
from tests.unit.siem.conftest import Centre, failed, make_centre
from tests.unit.siem.test_triage import add_person


def worker(centre: Centre) -> JobQueue:
    queue = JobQueue(centre.database, centre.clock, Access(centre.database))
    queue.register(handlers(centre.service))
    return queue


def test_rules_are_found_and_read(centre: Centre, analyst: Principal) -> None:
    rules = centre.service.rules
    page = rules.page(analyst, Ask(limit=500))
    levels = [rule.info.level for rule in page.items]
    assert levels == sorted(levels, key=("critical", "high", "medium", "low", "informational").index)
    assert page.facets["tested"] == {"untested": len(levels)}
    rule = rules.rule(analyst, "brute-force")
    assert (rule.kind, rule.alerts, rule.tested, rule.title) == (
        "correlation",
        True,
        "untested",
        "同一地址暴力破解登录口令",
    )
    assert "event_count" in rule.info.text
    assert rule.info.why["zh_CN"] != rule.info.why["en"] != ""
    assert "brute-force" in {one.info.name for one in rules.page(analyst, Ask("暴力")).items}
    with pytest.raises(NotFound, match="no rule nothing"):
        rules.rule(analyst, "nothing")


def test_every_rule_that_alerts_says_what_it_means_in_both_languages(
    centre: Centre, analyst: Principal
) -> None:
    for rule in centre.service.rules.page(analyst, Ask(limit=500)).items:
        if rule.alerts:
            assert rule.info.why["en"], rule.info.name
            assert rule.info.why["zh_CN"] != rule.info.why["en"], rule.info.name
            assert len(rule.info.harmless["zh_CN"]) == len(rule.info.harmless["en"]), rule.info.name
            assert set(rule.info.harmless["zh_CN"]).isdisjoint(rule.info.harmless["en"]), rule.info.name


def test_a_test_of_the_rules_is_a_job_and_a_change_outdates_it(
    tmp_path: Path, database: Database, clock: FixedClock, analyst: Principal
) -> None:
    folder = tmp_path / "rules"
    (folder / "examples").mkdir(parents=True)
    rule = "title: x\nname: x\nlogsource: {category: authentication}\ndetection: {s: {event.outcome: failure}, condition: s}\n"
    (folder / "x.yml").write_text(rule)
    line = "<38>{t3164} host sshd[1]: Failed password for root from 203.0.113.5 port 1 ssh2"
    (folder / "examples" / "x.yml").write_text(
        f"rule: x\nfires: [{{line: '{line}'}}]\nquiet: [{{line: '<38>app: ok'}}]\n"
    )
    centre = make_centre(tmp_path, database, clock, MemoryEvents(), folder)
    queue = worker(centre)
    job = centre.service.rules.ask_test(analyst)
    assert centre.service.rules.ask_test(analyst) == job  # while it waits, asking again is the same
    assert queue.run_next("w")
    done = queue.get(analyst, job)
    assert (done.state, done.result) == (JobState.SUCCEEDED, {"rules": 1, "wrong": []})
    assert centre.service.rules.rule(analyst, "x").tested == "right"
    (folder / "x.yml").write_text(rule.replace("failure", "success"))
    assert centre.service.rules.rule(analyst, "x").tested == "changed"
    (folder / "y.yml").write_text("title: y\nname: y\nlogsource: {}\ndetection: {s: {a: b}, condition: t}\n")
    broken = centre.service.rules.page(analyst, Ask()).items[0]
    assert (broken.tested, broken.info.name) == ("broken", "y.yml:1")
    assert "y.yml" in centre.service.rules.rule(analyst, "y.yml:1").detail
    (folder / "y.yml").unlink()
    centre.service.rules.ask_test(analyst)
    queue.run_next("w")
    wrong = centre.service.rules.rule(analyst, "x")
    assert wrong.tested == "wrong"
    assert "examples/x.yml fires: -" in wrong.detail
    centre.service.close()


def test_senders_are_silent_after_a_day_and_belong_to_units(centre: Centre, analyst: Principal) -> None:
    centre.take("<13>app: x", "<999>wrong")
    centre.take("<13>app: x", source="10.10.20.1")
    service, county = centre.service.sources, add_person(centre.database, "county", "u_county")
    states = {view.health.source: view.state for view in service.page(analyst, Ask()).items}
    assert states == {"10.10.10.5": SourceState.POOR, "10.10.20.1": SourceState.GOOD}
    [own] = service.page(county, Ask()).items
    assert (own.asset_name, own.unit) == ("county-sw", "u_county")
    foreign = next(view.id for view in service.all(analyst) if view.unit == "u_city")
    with pytest.raises(NotFound):
        service.source(county, foreign)
    centre.clock.advance(days=1)
    assert service.source(analyst, own.id).state is SourceState.SILENT
    assert service.page(analyst, Ask(filters={"state": ("silent",)})).facets["state"] == {"silent": 2}


def test_a_file_that_is_sent_is_safe_at_once_and_processed_by_the_worker(
    centre: Centre, analyst: Principal, assessor: Principal
) -> None:
    lines, job = centre.service.upload(analyst, "\n".join(failed(12)).encode(), "10.10.10.5")
    assert lines == 12
    assert centre.service.events.page(analyst, Ask()).total == 0
    worker(centre).run_next("w")
    assert centre.service.events.page(analyst, Ask()).total == 12
    assert centre.service.triage.page(analyst, Ask()).total == 1
    with centre.database.read() as connection:
        rows = connection.execute(select(audit_records).where(audit_records.c.action == "siem:event:import"))
        assert job in rows.one().body
    for data, source in ((b"", "x"), (b"\n\0\n", "x"), (b"x", " ")):
        with pytest.raises(Invalid):
            centre.service.upload(analyst, data, source)
    with pytest.raises(NotPermitted):
        centre.service.upload(assessor, b"x", "x")


def test_recording_the_state_is_audited(centre: Centre) -> None:
    queue = worker(centre)
    queue.schedule("s", "* * * * *", RECORD)
    centre.clock.advance(minutes=2)
    assert queue.run_schedules() == 1
    assert queue.run_next("w")
    with centre.database.read() as connection:
        rows = connection.execute(select(audit_records).where(audit_records.c.action == "siem:state:record"))
        [row] = rows.all()
    assert (row.actor, row.target) == ("system:worker", "events")


HOSTILE: list[Any] = [
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "nul\0inside",
    "x" * 1_000_000,
    "surrogate \ud800 alone",
    "{{ 7*7 }} {% raw %}",
    "'; DROP TABLE siem_alerts; --",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_become_events_that_are_shown_and_asked_for(
    centre: Centre, analyst: Principal, text: str
) -> None:
    from siem.resources.events import LONGEST, record_of

    writer = centre.intake.writer()
    writer.append("udp", "10.10.10.5", b"<13>app: " + text.encode("utf-8", "surrogatepass"))
    writer.close()
    centre.service.process()
    [event] = centre.service.events.page(analyst, Ask()).items
    record = record_of(event)
    told = record.model_dump_json()
    assert len(told) < 5 * LONGEST
    assert record_of(event).id == event["event.id"]
