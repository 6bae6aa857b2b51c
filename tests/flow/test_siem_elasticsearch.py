"""The whole way, from received line to case, on a real Elasticsearch node chosen by its URL."""

import uuid
from pathlib import Path

import pytest

from kernel.clock import FixedClock
from kernel.errors import Unavailable
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from siem.adapters.elastic_events import ElasticEvents
from siem.adapters.open_events import open_events
from tests.unit.siem.conftest import failed, make_centre

pytestmark = pytest.mark.elasticsearch


def test_from_line_to_case(
    tmp_path: Path,
    database: Database,
    clock: FixedClock,
    analyst: Principal,
    officer: Principal,
    elasticsearch_url: str,
) -> None:
    store = open_events(elasticsearch_url, keep_days=190, stream=f"test-{uuid.uuid4().hex[:12]}")
    centre = make_centre(tmp_path, database, clock, store)
    centre.take(*failed(12), "<13>app: 发现病毒告警", "<999>broken")
    [alert] = centre.service.triage.page(analyst, Ask()).items
    assert (alert.rule_name, alert.count) == ("brute-force", 12)
    file = centre.service.cases.open(analyst, [alert.id])
    assert ("ip", "203.0.113.50") in {(seen.kind, seen.value) for seen in file.observables}
    assert centre.service.events.search(analyst, "病毒").total == 1
    assert centre.service.events.search(analyst, "source.ip:203.0.113.0/24").total == 12
    found = centre.service.events.explore(analyst, Ask("event.outcome:failure"))
    assert (found.page.total, sum(bar.count for bar in found.bars)) == (12, 12)
    assert [(bucket.key, bucket.count) for bucket in found.tops["source.ip"]] == [("203.0.113.50", 12)]
    clock.advance(days=200)
    centre.take("<13>app: later")
    assert [part.events for part in centre.service.retain(officer).deleted] == [14]
    assert centre.service.events.search(analyst).total == 1
    centre.service.close()


def test_lines_wait_in_the_spool_while_the_node_is_away(
    tmp_path: Path, database: Database, clock: FixedClock, analyst: Principal, elasticsearch_url: str
) -> None:
    stream = f"test-{uuid.uuid4().hex[:12]}"
    away = make_centre(tmp_path, database, clock, ElasticEvents("http://127.0.0.1:9", stream))
    with pytest.raises(Unavailable):
        away.take(*failed(10))
    away.service.close()
    back = make_centre(tmp_path, database, clock, ElasticEvents(elasticsearch_url, stream))
    report = back.service.process()
    assert report is not None
    assert (report.stored, len(report.alerts)) == (10, 1)
    back.service.close()


def test_a_restarted_writer_goes_on_in_the_same_day(
    tmp_path: Path, database: Database, clock: FixedClock, elasticsearch_url: str
) -> None:
    stream = f"test-{uuid.uuid4().hex[:12]}"
    for text in ("one", "two"):
        centre = make_centre(tmp_path, database, clock, ElasticEvents(elasticsearch_url, stream))
        centre.take(f"<13>app: {text}")
        centre.service.close()
    store = ElasticEvents(elasticsearch_url, stream)
    assert [part.events for part in store.parts()] == [2]
    store.close()
