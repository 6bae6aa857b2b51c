"""The embedded event store: one tantivy index a day below one folder, one writing process, any number of readers.

The day is that of ``event.ingested`` (UTC), so a device with a wrong clock neither escapes nor hastens retention. A
batch is one commit; documents are compared by ``event.id`` with what is there, so a batch that is repeated after a
kill is stored once.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import tantivy

from kernel.errors import Conflict, LimitExceeded, Unavailable
from kernel.i18n import N_
from siem.adapters.results import day_of, extreme, histogram, page, top
from siem.adapters.tantivy_query import WORDS, Translator, schema, to_tantivy
from siem.ecs import Document, FieldKind, kind_of, millis
from siem.ports import IndexReport, Part
from siem.query import (
    Aggregation,
    Cardinality,
    DateHistogram,
    Greatest,
    Least,
    Page,
    Search,
    TermsAgg,
    check,
    read_cursor,
)

HEAP = 64_000_000  # bytes a writer may hold before it writes a segment
MOST_BUCKETS = 65_000  # tantivy's own limit of buckets in one answer
_GONE = ".deleted"


class _Day:
    """One day's index."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder
        self.index = tantivy.Index(schema(), path=str(folder))
        words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self.index.register_tokenizer(WORDS, words)
        self.ask = Translator(self.index)
        self._writer: tantivy.IndexWriter | None = None

    def searcher(self) -> tantivy.Searcher:
        self.index.reload()
        return self.index.searcher()

    def add(self, documents: Sequence[Document]) -> int:
        """Store those that are not there yet; durable on return."""
        there = {name for name, _ in self.find([d["event.id"] for d in documents])}
        fresh = {d["event.id"]: d for d in documents if d["event.id"] not in there}
        if fresh:
            writer = self._writing()
            try:
                for document in fresh.values():
                    writer.add_document(to_tantivy(document))
                writer.commit()
            except ValueError as error:  # tantivy's one error type: a full disk, a lost file
                self._writer = None
                raise Unavailable(
                    N_("The event store can't write: %(detail)s"),
                    mend=N_(
                        "Make room on the disk; nothing is lost, the spool keeps what is not stored yet."
                    ),
                    place=str(self.folder),
                    detail=error,
                ) from None
        return len(fresh)

    def find(self, names: list[str]) -> Iterator[tuple[str, Document]]:
        searcher = self.searcher()
        if not names or not searcher.num_docs:
            return
        for _, address in searcher.search(self.ask.ids(names), limit=len(names)).hits:
            stored = searcher.doc(address)
            yield stored["id"][0], orjson.loads(bytes(stored["source"][0]))

    def span(self) -> Part | None:
        """The day as a part; None while it is empty."""
        searcher = self.searcher()
        asked = {edge: {edge: {"field": "ingested"}} for edge in ("min", "max")}
        if not searcher.num_docs:
            return None
        found = searcher.aggregate(tantivy.Query.all_query(), asked)
        first, last = (datetime.fromtimestamp(found[edge]["value"] / 1000, UTC) for edge in ("min", "max"))
        return Part(self.name, searcher.num_docs, first, last)

    def release(self) -> None:
        """Give up the writer and with it the index's lock."""
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            try:
                self._writer = self.index.writer(HEAP, 1)
            except ValueError as error:
                raise Conflict(
                    N_("Another process writes to the event store: %(detail)s"),
                    mend=N_("Only one collector may run on an embedded store."),
                    place=str(self.folder),
                    detail=error,
                ) from None
        return self._writer


class TantivyEvents:
    """An EventStore below ``folder``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._days: dict[str, _Day] = {}
        self._writing: str | None = None

    def index(self, documents: Sequence[Document]) -> IndexReport:
        by_day: dict[str, list[Document]] = {}
        for document in documents:
            by_day.setdefault(day_of(document), []).append(document)
        stored = sum(self._write(name, part) for name, part in sorted(by_day.items()))
        return IndexReport(stored, len(documents) - stored)

    def search(self, search: Search) -> Page:
        check(search)
        counted = {day.name: (day, _count(day, search)) for day in self._open_days()}
        total = sum(count for _, count in counted.values())
        days = [day for day, count in counted.values() if count]
        cursor = None if search.after is None else read_cursor(search.after)
        found: list[Document] = []
        for day in days:
            found += _newest(day, search, cursor)
        found.sort(key=_position, reverse=search.newest_first)
        given = [_ask_day(day, search) for day in days] if search.aggregations else []
        answers = {
            name: _aggregate(agg, [day[name] for day in given]) for name, agg in search.aggregations.items()
        }
        return page(found[: search.size + 1], search.size, total, answers)

    def fetch(self, ids: Iterable[str]) -> dict[str, Document]:
        names = list(ids)
        return {name: document for day in self._open_days() for name, document in day.find(names)}

    def parts(self) -> list[Part]:
        spans = (day.span() for day in self._open_days())
        return [span for span in spans if span is not None]

    def delete_before(self, moment: datetime) -> list[Part]:
        doomed = [part for part in self.parts() if part.last < moment]
        for part in doomed:
            with self._alone(part.name) as folder:
                gone = folder.with_suffix(_GONE)
                folder.rename(gone)
                shutil.rmtree(gone)
        return doomed

    def close(self) -> None:
        for day in self._days.values():
            day.release()
        self._days.clear()

    def _write(self, name: str, documents: list[Document]) -> int:
        if self._writing not in (None, name):  # one writer's memory at a time; late events reopen their day
            self._days[str(self._writing)].release()
        self._writing = name
        folder = self._folder / name
        folder.mkdir(exist_ok=True, mode=0o700)
        return self._day(name).add(documents)

    def _open_days(self) -> list[_Day]:
        names = sorted(path.name for path in self._folder.iterdir() if (path / "meta.json").exists())
        for name in set(self._days) - set(names):
            del self._days[name]
        return [self._day(name) for name in names if not name.endswith(_GONE)]

    def _day(self, name: str) -> _Day:
        if name not in self._days:
            self._days[name] = _Day(self._folder / name)
        return self._days[name]

    @contextmanager
    def _alone(self, name: str) -> Iterator[Path]:
        """Hold the day's write lock, so that a day still written by a collector is not taken from under it."""
        day = self._day(name)
        day._writing()
        yield day.folder
        day.release()
        del self._days[name]


def _position(document: Document) -> tuple[int, str]:
    return millis(document["@timestamp"]), document["event.id"]


def _count(day: _Day, search: Search) -> int:
    return _matching(day.searcher(), day.ask.translate(search.query))


def _matching(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    """How many documents match."""
    found: Any = searcher.search(query, limit=1, count=True)
    return int(found.count)


def _newest(day: _Day, search: Search, cursor: tuple[int, str] | None) -> list[Document]:
    """The day's first ``size`` + 1 documents after the cursor.

    tantivy sorts by time alone; so all documents of the first and the last moment are fetched and sorted by id here.
    """
    searcher, wanted = day.searcher(), search.size + 1
    query, order = day.ask.translate(search.query), _order(search)
    if cursor is not None:
        low, high = (None, cursor[0]) if search.newest_first else (cursor[0], None)
        query = query.and_must_match(day.ask.between("time", low, high))
        at = query.and_must_match(day.ask.between("time", cursor[0], cursor[0]))
        wanted += _matching(searcher, at)
    hits = searcher.search(query, limit=wanted, order_by_field="time", order=order, count=False).hits
    addresses = [address for _, address in hits]
    if len(hits) == wanted:
        addresses = _with_ties(day, searcher, query, addresses)
    found = [orjson.loads(bytes(searcher.doc(address)["source"][0])) for address in addresses]
    found.sort(key=_position, reverse=search.newest_first)
    if cursor is not None:
        found = [
            d for d in found if (_position(d) < cursor if search.newest_first else _position(d) > cursor)
        ]
    return found[: search.size + 1]


def _order(search: Search) -> tantivy.Order:
    return tantivy.Order.Desc if search.newest_first else tantivy.Order.Asc


def _with_ties(day: _Day, searcher: tantivy.Searcher, query: tantivy.Query, found: list[Any]) -> list[Any]:
    """The hits with all that share the last one's moment."""
    times = searcher.fast_field_values("time", found)
    last = int(times[-1] or 0)
    at = query.and_must_match(day.ask.between("time", last, last))
    count = _matching(searcher, at)
    tied = [address for _, address in searcher.search(at, limit=max(count, 1), count=False).hits]
    return [address for address, time in zip(found, times, strict=True) if time != last] + tied


def _ask_day(day: _Day, search: Search) -> dict[str, Any]:
    """What one day answers to all the aggregations, asked at once."""
    asked = {
        name: {kind: body} for name, (body, kind) in ((n, _asked(a)) for n, a in search.aggregations.items())
    }
    found: dict[str, Any] = day.searcher().aggregate(day.ask.translate(search.query), asked)
    return found


def _aggregate(aggregation: Aggregation, answers: Sequence[dict[str, Any]]) -> Any:
    """One answer of the days' answers."""
    if isinstance(aggregation, (Least, Greatest)):
        found = [answer["value"] for answer in answers if answer["value"] is not None]
        edge = min if isinstance(aggregation, Least) else max
        return extreme(aggregation.field, _number(edge(found)) if found else None)
    if any(answer.get("sum_other_doc_count") for answer in answers):
        raise LimitExceeded(
            N_("The field %(field)s has more than %(most)s values in one day."),
            mend=N_("Narrow the question."),
            place=aggregation.field,
            field=aggregation.field,
            most=MOST_BUCKETS,
        )
    counts: Counter[Any] = Counter()
    for answer in answers:
        for bucket in answer["buckets"]:
            counts[_key(aggregation, bucket)] += bucket["doc_count"]
    if isinstance(aggregation, DateHistogram):
        return histogram(counts)
    return len(counts) if isinstance(aggregation, Cardinality) else top(counts, _size(aggregation))


def _asked(aggregation: Aggregation) -> tuple[dict[str, Any], str]:
    column = {"@timestamp": "time", "event.ingested": "ingested"}.get(
        aggregation.field, f"ecs.{aggregation.field}"
    )
    match aggregation:
        case DateHistogram(interval=interval):
            return {"field": column, "interval": interval * 1000, "min_doc_count": 1}, "histogram"
        case Least():
            return {"field": column}, "min"
        case Greatest():
            return {"field": column}, "max"
        case TermsAgg() | Cardinality():
            return {"field": column, "size": MOST_BUCKETS}, "terms"


def _key(aggregation: Aggregation, bucket: dict[str, Any]) -> Any:
    key = bucket["key"]
    if isinstance(aggregation, DateHistogram) or kind_of(aggregation.field) is FieldKind.LONG:
        return int(key)
    return key


def _size(aggregation: Aggregation) -> int:
    return aggregation.size if isinstance(aggregation, TermsAgg) else MOST_BUCKETS


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
