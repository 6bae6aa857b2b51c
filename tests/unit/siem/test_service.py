"""Search, import, retention, statistics and the suite's own events, as users of the centre meet them."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Invalid, NotFound, NotPermitted, Unavailable
from kernel.events import Event, EventBus, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from siem.adapters.open_events import open_events
from siem.adapters.spool import SpoolReader
from siem.adapters.tantivy_events import TantivyEvents
from siem.jobs import handlers, subscriptions
from siem.query import Bool, Exists, Match, MatchAll, MatchPhrase, Prefix, Range, Term, Wildcard
from siem.query_text import parse_query
from tests.unit.siem.conftest import Centre, failed, make_centre

TEXTS = [
    ("", MatchAll()),
    ("user.name:root", Term("user.name", "root")),
    ("source.ip:10.0.0.0/8", Term("source.ip", "10.0.0.0/8")),
    ("destination.port:22", Term("destination.port", 22)),
    ("destination.port>=1024", Range("destination.port", gte=1024)),
    ("@timestamp<2026-11-23T00:00:00Z", Range("@timestamp", lt="2026-11-23T00:00:00Z")),
    ("host.name:nw-*", Prefix("host.name", "nw-")),
    ("host.name:*core*", Wildcard("host.name", "*core*")),
    ("user.name:*", Exists("user.name")),
    ("login", Match("message", "login")),
    ("病毒", MatchPhrase("message", "病毒")),
    ('"link down"', MatchPhrase("message", "link down")),
    ("a b", Bool(must=(Match("message", "a"), Match("message", "b")))),
    ("a AND NOT b", Bool(must=(Match("message", "a"),), must_not=(Match("message", "b"),))),
    (
        "a OR b AND c",
        Bool(should=(Match("message", "a"), Bool(must=(Match("message", "b"), Match("message", "c"))))),
    ),
    ("NOT (a OR b)", Bool(must_not=(Bool(should=(Match("message", "a"), Match("message", "b"))),))),
]


@pytest.mark.parametrize(("text", "right"), TEXTS)
def test_queries_as_users_write_them(text: str, right: object) -> None:
    assert parse_query(text) == right


@pytest.mark.parametrize("text", ["(a", "a)", "AND a", "a OR", '"open', "NOT", "((((" * 20, "x" * 5000])
def test_a_wrong_query_names_its_place(text: str) -> None:
    with pytest.raises(Invalid):
        parse_query(text)


def test_search_by_words_time_and_page(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(5), "<13>app: 发现病毒告警")
    assert centre.service.events.search(analyst, "病毒").total == 1
    first = centre.service.events.search(analyst, "event.outcome:failure", size=3)
    rest = centre.service.events.search(analyst, "event.outcome:failure", size=3, after=first.cursor)
    assert len({d["event.id"] for d in (*first.documents, *rest.documents)}) == 5
    since = centre.clock.now() - timedelta(seconds=2)
    assert centre.service.events.search(analyst, since=since).total == 2


def test_a_file_is_taken_in_line_by_line(centre: Centre, analyst: Principal, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_bytes("\n".join(failed(12)).encode() + "\n<13>app: 中文\n\n".encode("gb18030"))
    done = centre.service.import_file(analyst, log)
    assert done.report is not None
    assert (done.lines, done.report.stored, len(done.report.alerts)) == (13, 13, 1)
    assert centre.service.events.search(analyst, "log.file.path:auth.log").total == 13
    with centre.database.read() as connection:
        actions = connection.execute(select(audit_records.c.action)).scalars().all()
    assert "siem:event:import" in actions


def test_a_file_handed_to_a_running_collector_waits_for_it(
    centre: Centre, analyst: Principal, tmp_path: Path
) -> None:
    (tmp_path / "x.log").write_text("<13>app: x\n")
    with SpoolReader(centre.intake.folder).alone():
        assert centre.service.import_file(analyst, tmp_path / "x.log").report is None
    report = centre.service.process()
    assert report is not None
    assert report.stored == 1


def test_a_file_that_is_not_there_is_named(centre: Centre, analyst: Principal, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.log"):
        centre.service.import_file(analyst, tmp_path / "gone.log")


def test_what_is_not_understood_is_counted_by_sender(centre: Centre, analyst: Principal) -> None:
    centre.take("<999>wrong", "<13>app: fine")
    [source] = centre.service.sources.all(analyst)
    assert (source.health.source, source.health.received, source.health.malformed) == ("10.10.10.5", 2, 1)


def test_retention_deletes_audits_and_leaves_evidence(
    centre: Centre, officer: Principal, analyst: Principal
) -> None:
    centre.take("<13>app: old")
    centre.clock.advance(days=200)
    centre.take("<13>app: new")
    report = centre.service.retain(officer)
    assert (len(report.deleted), len(report.kept), report.keep_days) == (1, 1, 190)
    assert centre.service.events.search(analyst).total == 1
    [record] = centre.service._evidence.find(EvidenceKind.LOG_RETENTION)
    assert record.summary["days"] == 190
    assert record.summary["deleted"] == [part.name for part in report.deleted]


def test_what_retention_would_delete_is_told_before(
    centre: Centre, officer: Principal, analyst: Principal
) -> None:
    centre.take("<13>app: old")
    assert centre.service.overdue(officer) == []
    centre.clock.advance(days=200)
    assert [part.events for part in centre.service.overdue(officer)] == [1]
    for act in (lambda: centre.service.ask_retention(analyst, "x"), lambda: centre.service.overdue(analyst)):
        with pytest.raises(NotPermitted):
            act()
    queue = JobQueue(centre.database, centre.clock, Access(centre.database))
    queue.register(handlers(centre.service))
    job = centre.service.ask_retention(officer, "磁盘将满")
    assert queue.run_next("w")
    found = queue.get(Principal.system("t"), job)
    assert found.result is not None
    assert len(found.result["deleted"]) == 1
    assert centre.service.overdue(officer) == []


def test_collection_and_detection_become_evidence(centre: Centre) -> None:
    centre.take(*failed(10))
    centre.service.record_state(timedelta(hours=1), Principal.system("worker"))
    [collected] = centre.service._evidence.find(EvidenceKind.LOGS_COLLECTED)
    [detected] = centre.service._evidence.find(EvidenceKind.DETECTION_RUN)
    assert (collected.summary["events"], collected.summary["sources"]) == (10, 1)
    assert [found["rule"] for found in detected.summary["alerts"]] == ["brute-force"]


def test_the_suites_own_events_are_documents_once(centre: Centre, analyst: Principal) -> None:
    bus = EventBus(centre.database, lambda *_: None)
    for name, (kinds, handler) in subscriptions(centre.service).items():
        bus.subscribe(name, kinds, handler)
    with centre.database.begin() as uow:
        uow.emit(
            Event(
                EventKind.SIGN_IN_FAILED, "usr_1", {"login": "zhou", "origin": "10.1.1.1"}, "u_county", "low"
            )
        )
    assert bus.relay() == 1
    with centre.database.begin() as uow:  # delivered again, as after a kill between spool and cursor
        event = Event(EventKind.SIGN_IN_FAILED, "usr_1", {}, id="evt_same", occurred_at=centre.clock.now())
        centre.service.on_event(uow, event)
        centre.service.on_event(uow, event)
    centre.service.process()
    page = centre.service.events.search(analyst, "event.dataset:weicheng.identity", newest_first=False)
    assert page.total == 2
    first = next(d for d in page.documents if d["event.id"] != "evt_same")
    assert (first["user.name"], first["source.ip"], first["organization.id"]) == (
        "zhou",
        "10.1.1.1",
        "u_county",
    )
    assert first["event.code"] == "identity:session:failed"


def test_a_batch_that_the_database_refused_is_done_again_the_same(centre: Centre, analyst: Principal) -> None:
    """The failure comes between storing and recording: the second time stores nothing twice and alerts all the same."""
    pipeline = centre.intake.pipeline()
    writer = centre.intake.writer()
    for line in failed(10):
        writer.append("udp", "10.10.10.5", line.encode())
    writer.close()
    real, calls = pipeline._alerts.record, []

    def failing(*arguments: object) -> list[str]:
        calls.append(1)
        if len(calls) == 1:
            raise Unavailable("the database is away")
        return real(*arguments)  # type: ignore[arg-type]

    pipeline._alerts.record = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(Unavailable):
        pipeline.run_once()
    again = pipeline.run_once()
    assert (again.stored, again.duplicates, len(again.alerts)) == (0, 10, 1)
    assert centre.service.events.search(analyst).total == 10


def test_the_embedded_store_is_written_by_one_and_read_by_many(
    tmp_path: Path, database: Database, clock: FixedClock
) -> None:
    from kernel.errors import Conflict

    writer = make_centre(tmp_path, database, clock, TantivyEvents(tmp_path / "events"))
    writer.take("<13>app: one")
    reader = TantivyEvents(tmp_path / "events")
    system = Principal.system("test")
    assert len(reader.parts()) == 1
    with pytest.raises(Conflict, match="Another process writes"):
        reader.delete_before(clock.now() + timedelta(days=1))
    writer.take("<13>app: two")
    ids = [document["event.id"] for document in writer.service.events.search(system).documents]
    assert {document["message"] for document in reader.fetch(ids).values()} == {"one", "two"}
    writer.service.close()
    assert len(reader.delete_before(clock.now() + timedelta(days=1))) == 1
    reader.close()


@pytest.mark.parametrize("url", ["", "tantivy:relative", "ftp://host", "http://", "postgresql://x"])
def test_an_event_store_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="events_url"):
        open_events(url)


def test_an_elasticsearch_that_is_not_there_is_a_typed_error() -> None:
    from siem.query import Search

    store = open_events("http://user:secret@127.0.0.1:9")
    with pytest.raises(Unavailable) as error:
        store.search(Search())
    assert "secret" not in error.value.text("en")
    store.close()


_FULL = """
import resource, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from kernel.errors import Unavailable
from siem.adapters.tantivy_events import TantivyEvents
from siem.ecs import iso
from siem.query import Search

def event(n):
    moment = iso(datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=n))
    return {"event.id": f"e{n}", "@timestamp": moment, "event.ingested": moment, "message": f"x{n} " * 200}

store = TantivyEvents(Path(sys.argv[1]))
store.index([event(0)])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    store.index([event(n) for n in range(1, 3000)])
except Unavailable as error:
    print(error.text("en"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.search(Search()).total)
print(store.index([event(n) for n in range(1, 3000)]).stored, store.search(Search()).total)
"""


def test_a_full_disk_under_the_event_store_is_a_typed_error_and_the_batch_goes_in_later(
    tmp_path: Path,
) -> None:
    """The file size limit of a child process stands for the disk."""
    command = [sys.executable, "-c", _FULL, str(tmp_path / "events")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    error, whole, after = done.stdout.splitlines()
    assert "Make room on the disk" in error
    assert (whole, after) == ("1", "2999 3000")
