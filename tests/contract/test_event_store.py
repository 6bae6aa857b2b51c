"""Every event store gives the same answers: in memory, embedded (tantivy) and a real Elasticsearch node."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.errors import Invalid
from siem.ecs import Document, iso
from siem.ports import EventStore
from siem.query import (
    Bool,
    Cardinality,
    DateHistogram,
    Exists,
    Greatest,
    Least,
    Match,
    MatchAll,
    MatchPhrase,
    Prefix,
    Query,
    Range,
    Search,
    Term,
    Terms,
    TermsAgg,
    Wildcard,
)

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "tantivy", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore
    if request.param == "memory":
        from siem.adapters.memory_events import MemoryEvents

        made = MemoryEvents()
    elif request.param == "tantivy":
        from siem.adapters.tantivy_events import TantivyEvents

        made = TantivyEvents(tmp_path / "events")
    else:
        from siem.adapters.elastic_events import ElasticEvents

        made = ElasticEvents(request.getfixturevalue("elasticsearch_url"), f"test-{uuid.uuid4().hex[:12]}")
    yield made
    made.close()


def event(name: str, minutes: float = 0, **fields: Any) -> Document:
    moment = START + timedelta(minutes=minutes)
    dotted = {key.replace("__", "."): value for key, value in fields.items()}
    return {"event.id": name, "@timestamp": iso(moment), "event.ingested": iso(moment)} | dotted


EVENTS = [
    event(
        "e1",
        0,
        message="防火墙发现病毒告警，主机 10.1.2.3",
        source__ip="10.1.2.3",
        source__port=40000,
        user__name="Zhang.San",
        event__category=["malware", "network"],
        network__bytes=100,
        event__original="<1>防火墙",
    ),
    event(
        "e2",
        10,
        message="Failed password for root from 10.1.2.4 port 22",
        source__ip="10.1.2.4",
        source__port=22,
        user__name="root",
        event__category=["authentication"],
        event__outcome="failure",
        network__bytes=250,
    ),
    event(
        "e3",
        70,
        message="Accepted password for root, 告知用户警惕",
        source__ip="10.200.0.9",
        source__port=22,
        user__name="root",
        event__category=["authentication"],
        event__outcome="success",
        log__truncated=True,
    ),
    event(
        "e4",
        80,
        message="link down",
        source__ip="2001:db8::1",
        host__name="nw-core-vrp",
        event__category=["network"],
        file__path="C:\\Temp\\a*b.exe",
    ),
    event("e5", 24 * 60, message="day two: link up on nw_core", host__name="nw-core-vrp"),
]


@pytest.fixture
def filled(store: EventStore) -> EventStore:
    report = store.index(EVENTS)
    assert (report.stored, report.duplicates) == (5, 0)
    return store


def ids(store: EventStore, query: Query) -> set[str]:
    found = store.search(Search(query))
    assert found.total == len(found.documents)
    return {document["event.id"] for document in found.documents}


QUESTIONS: list[tuple[Query, set[str]]] = [
    (MatchAll(), {"e1", "e2", "e3", "e4", "e5"}),
    (Term("user.name", "root"), {"e2", "e3"}),
    (Term("user.name", "zhang.san"), {"e1"}),
    (Term("user.name", "ZHANG.SAN"), {"e1"}),
    (Term("user.name", "zhang"), set()),
    (Term("event.category", "network"), {"e1", "e4"}),
    (Term("source.port", 22), {"e2", "e3"}),
    (Term("log.truncated", True), {"e3"}),
    (Term("source.ip", "2001:db8:0:0::1"), {"e4"}),
    (Term("source.ip", "10.1.2.0/24"), {"e1", "e2"}),
    (Term("source.ip", "10.0.0.0/9"), {"e1", "e2"}),
    (Term("source.ip", "10.128.0.0/9"), {"e3"}),
    (Term("source.ip", "2001:db8::/33"), {"e4"}),
    (Terms("user.name", ("root", "ZHANG.SAN", "nobody")), {"e1", "e2", "e3"}),
    (Terms("user.name", ()), set()),
    (Range("source.port", gte=22, lt=40000), {"e2", "e3"}),
    (Range("source.port", gt=22), {"e1"}),
    (Range("network.bytes", lte=100), {"e1"}),
    (Range("@timestamp", gte=START + timedelta(minutes=10), lt=START + timedelta(minutes=80)), {"e2", "e3"}),
    (Range("@timestamp", gt=iso(START + timedelta(minutes=70))), {"e4", "e5"}),
    (Range("event.ingested", lte=START), {"e1"}),
    (Match("message", "password ROOT"), {"e2", "e3"}),
    (Match("message", "pass"), set()),
    (Match("message", "告警"), {"e1", "e3"}),  # both characters are there, apart in e3
    (MatchPhrase("message", "告警"), {"e1"}),
    (MatchPhrase("message", "病毒"), {"e1"}),
    (MatchPhrase("message", "病毒告警"), {"e1"}),
    (MatchPhrase("message", "10.1.2.3"), {"e1"}),
    (MatchPhrase("message", "password failed"), set()),
    (MatchPhrase("message", "nw core"), {"e5"}),
    (Match("message", "..."), set()),
    (Prefix("host.name", "NW-core"), {"e4", "e5"}),
    (Prefix("host.name", "core"), set()),
    (Wildcard("host.name", "nw-*-vrp"), {"e4", "e5"}),
    (Wildcard("host.name", "*CORE*"), {"e4", "e5"}),
    (Wildcard("user.name", "r??t"), {"e2", "e3"}),
    (Wildcard("file.path", "c:\\\\temp\\\\a\\*b.*"), {"e4"}),
    (Wildcard("file.path", "*a\\**"), {"e4"}),
    (Exists("event.outcome"), {"e2", "e3"}),
    (Exists("source.ip"), {"e1", "e2", "e3", "e4"}),
    (Exists("message"), {"e1", "e2", "e3", "e4", "e5"}),
    (Exists("no.such.field"), set()),
    (Term("no.such.field", "x"), set()),
    (Bool(must=(Term("user.name", "root"), Term("event.outcome", "failure"))), {"e2"}),
    (Bool(should=(Term("event.outcome", "failure"), Term("event.category", "malware"))), {"e1", "e2"}),
    (Bool(must_not=(Exists("source.ip"),)), {"e5"}),
    (
        Bool(
            must=(Exists("source.ip"),),
            should=(Term("source.port", 22), Term("source.port", 40000)),
            must_not=(Term("user.name", "root"),),
        ),
        {"e1"},
    ),
]


def test_every_question_gets_the_same_answer(filled: EventStore) -> None:
    wrong = {str(query): found for query, right in QUESTIONS if (found := ids(filled, query)) != right}
    assert wrong == {}


def test_documents_come_back_as_they_went_in(filled: EventStore) -> None:
    assert filled.fetch(["e1", "e4", "gone"]) == {"e1": EVENTS[0], "e4": EVENTS[3]}


def test_the_same_event_is_stored_once(filled: EventStore) -> None:
    again = filled.index([EVENTS[1], event("e6", 90, message="new"), EVENTS[4]])
    assert (again.stored, again.duplicates) == (1, 2)
    assert filled.search(Search()).total == 6


def test_an_event_twice_in_one_batch_is_stored_once(store: EventStore) -> None:
    report = store.index([EVENTS[0], EVENTS[0]])
    assert (report.stored, report.duplicates) == (1, 1)


def test_aggregations(filled: EventStore) -> None:
    page = filled.search(
        Search(
            size=0,
            aggregations={
                "users": TermsAgg("user.name"),
                "top": TermsAgg("event.category", size=1),
                "ports": TermsAgg("source.port"),
                "hours": DateHistogram(3600),
                "sources": Cardinality("source.ip"),
                "least": Least("network.bytes"),
                "most": Greatest("network.bytes"),
                "first": Least("@timestamp"),
                "last": Greatest("event.ingested"),
                "none": Greatest("source.packets"),
                "nothing": TermsAgg("no.such.field"),
            },
        )
    )
    got = page.aggregations
    assert page.documents == ()
    assert [(b.key, b.count) for b in got["users"]] == [("root", 2), ("zhang.san", 1)]
    assert [(b.key, b.count) for b in got["top"]] == [("authentication", 2)]
    assert [(b.key, b.count) for b in got["ports"]] == [(22, 2), (40000, 1)]
    assert [(b.key, b.count) for b in got["hours"]] == [
        ("2026-11-20T01:00:00.000Z", 2),
        ("2026-11-20T02:00:00.000Z", 2),
        ("2026-11-21T01:00:00.000Z", 1),
    ]
    assert (got["sources"], got["least"], got["most"], got["none"]) == (4, 100, 250, None)
    assert (got["first"], got["last"]) == ("2026-11-20T01:00:00.000Z", "2026-11-21T01:00:00.000Z")
    assert got["nothing"] == ()


def test_aggregations_count_only_what_the_query_finds(filled: EventStore) -> None:
    asked = Search(Term("event.outcome", "failure"), aggregations={"users": TermsAgg("user.name")})
    assert [(b.key, b.count) for b in filled.search(asked).aggregations["users"]] == [("root", 1)]


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_show_every_event_once_and_in_order(store: EventStore, newest_first: bool) -> None:
    # many share one moment, so pages break between events of the same time, and days mix
    events = [event(f"n{n:02d}", (n % 5) * 600, message="x") for n in range(37)]
    store.index(events)
    right = sorted(
        ((e["@timestamp"], e["event.id"]) for e in events),
        reverse=newest_first,
    )
    seen, cursor, pages = [], None, 0
    while True:
        page = store.search(Search(newest_first=newest_first, size=4, after=cursor))
        assert page.total == 37
        seen += [(d["@timestamp"], d["event.id"]) for d in page.documents]
        pages, cursor = pages + 1, page.cursor
        if cursor is None:
            break
    assert seen == right
    assert pages == 10


def test_late_events_are_found_by_their_own_time(filled: EventStore) -> None:
    late = event("late", -60, message="x") | {"event.ingested": iso(START + timedelta(days=1))}
    filled.index([late])
    assert ids(filled, Range("@timestamp", lt=START)) == {"late"}
    assert filled.search(Search(newest_first=False, size=1)).documents[0]["event.id"] == "late"


def test_retention_deletes_whole_days_and_says_which(filled: EventStore) -> None:
    filled.index([event("e6", 48 * 60, message="day three")])
    assert [part.events for part in filled.parts()] == [4, 1, 1]
    deleted = filled.delete_before(START + timedelta(days=2))
    assert [(part.events, part.last) for part in deleted] == [
        (4, START + timedelta(minutes=80)),
        (1, START + timedelta(days=1)),
    ]
    assert ids(filled, MatchAll()) == {"e6"}
    assert filled.delete_before(START + timedelta(days=2)) == []
    filled.index([event("e7", 48 * 60 + 1, message="goes on")])
    assert ids(filled, MatchAll()) == {"e6", "e7"}


def test_an_empty_store_answers(store: EventStore) -> None:
    asked = {
        "u": TermsAgg("user.name"),
        "h": DateHistogram(60),
        "c": Cardinality("user.name"),
        "m": Least("@timestamp"),
    }
    page = store.search(Search(aggregations=asked))
    assert (page.documents, page.total, page.cursor) == ((), 0, None)
    assert page.aggregations == {"u": (), "h": (), "c": 0, "m": None}
    assert store.parts() == []
    assert store.fetch(["x"]) == {}
    assert store.delete_before(START) == []


@pytest.mark.parametrize(
    "query",
    [
        Term("message", "x"),
        Match("user.name", "x"),
        Prefix("source.ip", "10."),
        Term("source.ip", "ten"),
        Term("source.port", "22"),
        Range("user.name", gte="a"),
        Range("@timestamp", gte="yesterday"),
        Range("@timestamp", gte="2026-11-20T01:00:00"),
        Exists("event.original"),
        Bool(must=(Bool(must_not=(Match("host.name", "x"),)),)),
    ],
)
def test_a_question_that_stores_would_answer_differently_is_refused(filled: EventStore, query: Query) -> None:
    with pytest.raises(Invalid):
        filled.search(Search(query))


def test_a_wrong_cursor_is_refused(filled: EventStore) -> None:
    with pytest.raises(Invalid):
        filled.search(Search(after="nonsense"))


def test_odd_values_are_stored_and_found(store: EventStore) -> None:
    odd = {
        "o1": "x" * 9000,  # too long to be a term: kept, not found as a whole
        "o2": "2026-11-20T01:00:00Z",  # looks like a date
        "o3": "=?*\\|",
        "o4": "名称 with blanks",
    }
    store.index([event(name, 0, labels__note=value) for name, value in odd.items()])
    assert store.fetch(["o1"])["o1"]["labels.note"] == "x" * 9000
    for name in ("o2", "o3", "o4"):
        assert ids(store, Term("labels.note", odd[name])) == {name}
    assert ids(store, Prefix("labels.note", "=?")) == {"o3"}


def test_one_event_that_fits_no_index_stops_no_other(store: EventStore) -> None:
    """A field below a field that is a value already: some stores can't hold it, all keep the event."""
    first = event("f1", 0, message="plain", labels__a="value")
    odd = event("f2", 1, message="odd", labels__a__b="below a value")
    last = event("f3", 2, message="after it")
    report = store.index([first, odd, last])
    assert report.stored == 3
    assert {d["message"] for d in store.search(Search()).documents} == {"plain", "odd", "after it"}


def test_times_far_away_are_kept_in_order(store: EventStore) -> None:
    far = {
        "y1": "0500-01-01T00:00:00.000Z",
        "y2": "1969-12-31T23:59:59.999Z",
        "y3": "2099-01-01T00:00:00.000Z",
    }
    store.index([event(name, 0, message="x") | {"@timestamp": moment} for name, moment in far.items()])
    found = store.search(Search(newest_first=False))
    assert [d["event.id"] for d in found.documents] == ["y1", "y2", "y3"]
    assert ids(store, Range("@timestamp", lt="1970-01-01T00:00:00Z")) == {"y1", "y2"}
