"""Events in Elasticsearch 9: a data stream with templates of our own, one backing index a day, old ones deleted.

Retention works by rollover and deletion, so it needs neither ILM nor the data stream life cycle; where the server has
the latter, the template sets it too, as a second net. ``event.id`` is the document's id, so a batch that is repeated
is stored once.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError

from kernel.errors import Unavailable
from kernel.i18n import N_
from siem.adapters.elastic_query import mappings, settings, translate, translate_aggregation
from siem.adapters.results import day_of, extreme, page
from siem.ecs import Document, from_millis
from siem.ports import IndexReport, Part
from siem.query import (
    Aggregation,
    Bucket,
    Cardinality,
    DateHistogram,
    Greatest,
    Least,
    Page,
    Search,
    check,
    read_cursor,
)

BULK = 2_000  # documents of one bulk request
MOST_PARTS = 5_000


class ElasticEvents:
    """An EventStore in one data stream; ``url`` may carry user and password."""

    def __init__(self, url: str, stream: str, keep_days: int | None = None) -> None:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._place = f"{parts.scheme}://{host}{port}"
        self._client = Elasticsearch(
            self._place, basic_auth=login, request_timeout=60, max_retries=3, retry_on_timeout=True
        )
        self._stream = stream
        self._keep_days = keep_days
        self._day: str | None = (
            None  # of the newest event.ingested in the index written to; "" while there is none
        )

    def index(self, documents: Sequence[Document]) -> IndexReport:
        unique = {document["event.id"]: document for document in documents}
        stored = 0
        with self._typed():
            self._prepare()
            for start in range(0, len(unique), BULK):
                stored += self._index(dict(list(unique.items())[start : start + BULK]))
        return IndexReport(stored, len(documents) - stored)

    def search(self, search: Search) -> Page:
        check(search)
        order = "desc" if search.newest_first else "asc"
        kinds = {"@timestamp": "date", "event.id": "keyword"}
        asked: dict[str, Any] = {
            "query": translate(search.query),
            "sort": [{name: {"order": order, "unmapped_type": kind}} for name, kind in kinds.items()],
            "size": min(search.size + 1, 10_000),
            "track_total_hits": True,
            "aggs": {name: translate_aggregation(agg) for name, agg in search.aggregations.items()},
        }
        if search.after is not None:
            asked["search_after"] = list(read_cursor(search.after))
        answer = self._ask(asked)
        found = [hit["_source"] for hit in answer["hits"]["hits"]]
        given = answer.get("aggregations", {})
        answers = {name: _answer(agg, given.get(name, {})) for name, agg in search.aggregations.items()}
        return page(found, search.size, answer["hits"]["total"]["value"], answers)

    def fetch(self, ids: Iterable[str]) -> dict[str, Document]:
        names = list(ids)
        return dict(self._existing(names, source=True)) if names else {}

    def parts(self) -> list[Part]:
        edges = {edge: {edge: {"field": "event.ingested"}} for edge in ("min", "max")}
        by_index = {"parts": {"terms": {"field": "_index", "size": MOST_PARTS}, "aggs": edges}}
        answer = self._ask({"size": 0, "aggs": by_index})
        buckets = answer.get("aggregations", {}).get("parts", {}).get("buckets", [])
        found = [
            Part(b["key"], b["doc_count"], _moment(b["min"]["value"]), _moment(b["max"]["value"]))
            for b in buckets
        ]
        return sorted(found, key=lambda part: part.first)

    def delete_before(self, moment: datetime) -> list[Part]:
        doomed = [part for part in self.parts() if part.last < moment]
        with self._typed():
            if doomed and self._write_index() in {part.name for part in doomed}:
                self._client.indices.rollover(alias=self._stream)  # the index written to can't be deleted
                self._day = ""
            for part in doomed:
                self._client.indices.delete(index=part.name)
        return doomed

    def close(self) -> None:
        self._client.close()

    # --- writing
    def _prepare(self) -> None:
        """Put our templates there (they may have changed with a new release) and find out the day that is written."""
        if self._day is not None:
            return
        component = f"{self._stream}-component"
        self._client.cluster.put_component_template(
            name=component, template={"settings": settings(), "mappings": mappings()}
        )
        keep = {"lifecycle": {"data_retention": f"{self._keep_days + 1}d"}} if self._keep_days else {}
        self._client.indices.put_index_template(
            name=self._stream,
            index_patterns=[self._stream],
            data_stream={},
            composed_of=[component],
            template=keep if keep and self._has_lifecycle() else {},
            priority=500,
        )
        parts = {part.name: part for part in self.parts()}
        written = self._write_index()
        self._day = parts[written].last.strftime("%Y-%m-%d") if written in parts else ""

    def _has_lifecycle(self) -> bool:
        """A server without data stream life cycle does not know the address at all."""
        try:
            self._client.indices.get_data_lifecycle(name=self._stream)
        except NotFoundError:
            return True  # it knows the address, not yet the stream
        except BadRequestError:
            return False
        return True

    def _write_index(self) -> str:
        """The newest backing index; "" before the first event."""
        try:
            found = self._client.indices.resolve_index(name=self._stream)
        except NotFoundError:
            return ""
        streams = [entry for entry in found["data_streams"] if entry["name"] == self._stream]
        backing = streams[0]["backing_indices"] if streams else []
        return str(max([backing] if isinstance(backing, str) else backing, default=""))

    def _index(self, documents: dict[str, Document]) -> int:
        there = {name for name, _ in self._existing(list(documents), source=False)}
        by_day: dict[str, list[tuple[str, Document]]] = {}
        for name, document in documents.items():
            if name not in there:
                by_day.setdefault(day_of(document), []).append((name, document))
        return sum(self._write(day, batch) for day, batch in sorted(by_day.items()))

    def _write(self, day: str, batch: list[tuple[str, Document]]) -> int:
        if self._day and day > self._day:
            self._client.indices.rollover(alias=self._stream)
        self._day = max(day, self._day or "")
        operations = [line for name, doc in batch for line in ({"create": {"_id": name}}, doc)]
        answer = self._client.bulk(index=self._stream, operations=operations, refresh=True)
        results = [item["create"] for item in answer["items"]]
        refused = []
        for (name, document), result in zip(batch, results, strict=True):
            reason = str(result.get("error", {}).get("reason", result["status"]))[:300]
            if result["status"] == 400 and "error.message" not in document:
                refused.append((name, _reduced(document, reason)))
            elif result["status"] not in (201, 409):
                raise Unavailable(
                    N_("Elasticsearch refused an event: %(detail)s"), place=self._place, detail=reason
                )
        again = self._write(day, refused) if refused else 0
        stored = sum(1 for result in results if result["status"] == 201)
        return stored + again

    # --- reading
    def _existing(self, names: list[str], *, source: bool) -> Iterator[tuple[str, Document]]:
        for start in range(0, len(names), BULK):
            part = names[start : start + BULK]
            answer = self._ask({"query": {"ids": {"values": part}}, "size": len(part), "_source": source})
            for hit in answer["hits"]["hits"]:
                yield hit["_id"], hit.get("_source", {})

    def _ask(self, body: dict[str, Any]) -> Any:
        with self._typed():
            for _ in range(_SHARD_ATTEMPTS):
                try:
                    return self._search(body)
                except ApiError as error:
                    if error.status_code != 503 or "search_phase_execution" not in str(error):
                        raise
                time.sleep(_SHARD_PAUSE)  # the shards of a new index or a starting node are not there yet
            return self._search(body)

    def _search(self, body: dict[str, Any]) -> Any:
        return self._client.search(index=self._stream, body=body, ignore_unavailable=True).body

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except (TransportError, ApiError) as error:
            raise Unavailable(
                N_("Elasticsearch does not do its work: %(detail)s"),
                mend=N_(
                    "Check that it runs and that events_url is right; nothing is lost, the spool keeps the lines."
                ),
                place=self._place,
                detail=str(error)[:300],
            ) from None


_SHARD_ATTEMPTS, _SHARD_PAUSE = 20, 0.25  # five seconds in all
_KEPT = ("@timestamp", "ecs.version", "message", "organization.id", "log.source.ip", "log.file.path")


def _reduced(document: Document, reason: str) -> Document:
    """What is stored of a document whose fields don't fit the index: its frame, its text, and why. One event stops nothing."""
    kept = {name: value for name, value in document.items() if name in _KEPT or name.startswith("event.")}
    return {**kept, "event.kind": "pipeline_error", "error.message": reason}


def _moment(millis: float) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def _answer(aggregation: Aggregation, given: dict[str, Any]) -> Any:
    match aggregation:
        case Cardinality():
            return given.get("value", 0)
        case Least() | Greatest():
            value = given.get("value")
            return extreme(aggregation.field, None if value is None else _number(value))
        case DateHistogram():
            return tuple(Bucket(from_millis(b["key"]), b["doc_count"]) for b in given.get("buckets", []))
        case _:
            return tuple(Bucket(b["key"], b["doc_count"]) for b in given.get("buckets", []))


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
