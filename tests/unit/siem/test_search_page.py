"""The event search: histogram, counted values, narrower questions, pages; and only what one's units may show."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import FixedClock
from kernel.errors import Invalid, LimitExceeded, NotFound
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from siem.adapters.memory_events import MemoryEvents
from siem.adapters.tantivy_events import TantivyEvents
from siem.ecs import iso
from siem.events import BARS, interval_of
from siem.query import Search
from siem.query_text import parse_query, with_term
from tests.unit.siem.conftest import Centre, failed, make_centre
from tests.unit.siem.test_triage import add_person


@pytest.mark.parametrize("store", [MemoryEvents, TantivyEvents])
def test_the_page_counts_over_time_and_by_value(
    tmp_path: Path, database: Database, clock: FixedClock, analyst: Principal, store: Any
) -> None:
    events = store() if store is MemoryEvents else store(tmp_path / "events")
    centre = make_centre(tmp_path, database, clock, events)
    centre.take(*failed(3), "<13>app: 病毒", step=600)
    found = centre.service.events.explore(
        analyst, Ask(filters={"range": ("1h",)}), ("event.outcome", "source.ip")
    )
    assert (found.interval, found.page.total, len(found.page.documents)) == (300, 4, 4)
    assert sum(bar.count for bar in found.bars) == 4
    assert len(found.bars) == 12  # an hour in steps of five minutes, those without events too
    assert found.bars[0].start <= found.since < found.bars[1].start
    assert [(bucket.key, bucket.count) for bucket in found.tops["event.outcome"]] == [("failure", 3)]
    narrow = with_term("", "source.ip", "203.0.113.50")
    assert centre.service.events.explore(analyst, Ask(narrow)).page.total == 3
    others = with_term("", "source.ip", "203.0.113.50", wanted=False)
    assert centre.service.events.explore(analyst, Ask(others)).page.total == 1
    centre.service.close()


def test_pages_go_on_and_turn_round(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(5))
    service = centre.service.events
    first = service.page(analyst, Ask(limit=3))
    rest = service.page(analyst, Ask(limit=3, cursor=first.next_cursor or ""))
    assert (first.total, len(first.items), len(rest.items), rest.next_cursor) == (5, 3, 2, None)
    oldest = service.page(analyst, Ask(limit=1, sort="at")).items[0]
    assert oldest["event.id"] == rest.items[-1]["event.id"]


def test_a_range_a_beginning_or_an_end(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(2))
    centre.clock.advance(hours=3)
    centre.take(*failed(1))
    service, noon = centre.service.events, datetime(2026, 11, 23, 2, tzinfo=UTC).isoformat()
    assert service.page(analyst, Ask(filters={"range": ("1h",)})).total == 1
    assert service.page(analyst, Ask(filters={"range": ("24h",)})).total == 3
    assert service.page(analyst, Ask(filters={"until": (noon,)})).total == 2
    assert service.page(analyst, Ask(filters={"since": (noon,), "range": ("15m",)})).total == 1
    assert service.page(analyst, Ask()).total == 3
    wrong = [
        {"range": ("1y",)},
        {"since": ("yesterday",)},
        {"until": ("9999-12-31T23:59",)},
        {"colour": ("red",)},
    ]
    for filters in wrong:
        with pytest.raises(Invalid):
            service.page(analyst, Ask(filters=filters))
    with pytest.raises(Invalid, match="ends before it begins"):
        service.explore(analyst, Ask(filters={"since": (noon,), "until": ("2026-11-22",)}))
    with pytest.raises(Invalid, match="ordered by at"):
        service.page(analyst, Ask(sort="-risk"))


def test_a_field_with_too_many_values_is_named_and_the_others_are_counted(
    centre: Centre, analyst: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre.take(*failed(3))
    service = centre.service.events
    real = service._store.search

    def limited(search: Search) -> Any:
        if "source.ip" in search.aggregations:
            raise LimitExceeded("too many", place="source.ip")
        return real(search)

    monkeypatch.setattr(service._store, "search", limited)
    found = service.explore(analyst, Ask(), ("source.ip", "event.outcome"))
    assert (found.uncounted, found.page.total) == (("source.ip",), 3)
    assert found.tops["event.outcome"][0].count == 3


def test_a_county_finds_its_own_events_only(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(2))
    centre.take(*failed(3, "203.0.113.60"), source="10.10.20.1")
    county, service = add_person(centre.database, "county", "u_county"), centre.service.events
    found = service.explore(county, Ask())
    assert (found.page.total, sum(bar.count for bar in found.bars)) == (3, 3)
    assert [bucket.key for bucket in found.tops["source.ip"]] == ["203.0.113.60"]
    city = service.page(analyst, Ask('source.ip:"203.0.113.50"')).items[0]["event.id"]
    with pytest.raises(NotFound):
        service.event(county, city)
    assert service.fetch(county, [city]) == []
    assert service.event(analyst, city)["event.id"] == city


@pytest.mark.parametrize("days", [0.001, 0.01, 1, 2, 7, 30, 190, 4000, 80_000])
def test_a_histogram_never_has_more_bars_than_fit(days: float) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    step = interval_of(since, since + timedelta(days=days))
    assert timedelta(days=days).total_seconds() / step <= BARS


@pytest.mark.parametrize(
    ("text", "field", "value", "right"),
    [
        ("", "user.name", "root", 'user.name:"root"'),
        ("病毒", "source.ip", "10.0.0.1", '病毒 AND source.ip:"10.0.0.1"'),
        ("a OR b", "user.name", "x", '(a OR b) AND user.name:"x"'),
        ('"a OR b"', "user.name", "x", '"a OR b" AND user.name:"x"'),
        ("", "user.name", 'a"b\\c', 'user.name:"a\\"b\\\\c"'),
        ("", "destination.port", 22, 'destination.port:"22"'),
    ],
)
def test_a_question_is_narrowed_by_a_value(text: str, field: str, value: object, right: str) -> None:
    assert with_term(text, field, value) == right
    parse_query(right)
    parse_query(with_term(text, field, value, wanted=False))


def test_any_value_that_devices_write_can_be_asked_for(centre: Centre, analyst: Principal) -> None:
    odd = 'a "b" (c) OR \\ AND \u202e é 病 *?'
    now = iso(centre.clock.now())
    event = {"event.id": "e1", "@timestamp": now, "event.ingested": now, "organization.id": "u_city"}
    centre.service.events._store.index([{**event, "user.name": odd}, {**event, "event.id": "e2"}])
    [found] = centre.service.events.page(analyst, Ask(with_term("", "user.name", odd))).items
    assert found["event.id"] == "e1"
