"""Events in memory: for tests and trial runs of rules; the plain reading of what every event store must answer."""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from siem.adapters.results import day_of, extreme, histogram, page, top
from siem.ecs import Document, FieldKind, kind_of, millis, normal, values, words
from siem.ports import IndexReport, Part
from siem.query import (
    Aggregation,
    Bool,
    Cardinality,
    DateHistogram,
    Exists,
    Greatest,
    Least,
    Match,
    MatchAll,
    MatchPhrase,
    Page,
    Prefix,
    Query,
    Range,
    Scalar,
    Search,
    Term,
    Terms,
    TermsAgg,
    Wildcard,
    bound,
    check,
    is_network,
    read_cursor,
    wildcard_regex,
)


class MemoryEvents:
    """An EventStore that lives as long as its object."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def index(self, documents: Sequence[Document]) -> IndexReport:
        before = len(self._documents)
        for document in documents:
            self._documents.setdefault(document["event.id"], dict(document))
        stored = len(self._documents) - before
        return IndexReport(stored, len(documents) - stored)

    def search(self, search: Search) -> Page:
        check(search)
        found = [document for document in self._documents.values() if matches(search.query, document)]
        found.sort(key=_position, reverse=search.newest_first)
        rest = found
        if search.after is not None:
            after = read_cursor(search.after)
            newest = search.newest_first
            rest = [d for d in found if (_position(d) < after if newest else _position(d) > after)]
        answers = {name: _aggregate(agg, found) for name, agg in search.aggregations.items()}
        return page(rest[: search.size + 1], search.size, len(found), answers)

    def fetch(self, ids: Iterable[str]) -> dict[str, Document]:
        return {name: dict(self._documents[name]) for name in ids if name in self._documents}

    def parts(self) -> list[Part]:
        days: dict[str, list[int]] = {}
        for document in self._documents.values():
            days.setdefault(day_of(document), []).append(millis(document["event.ingested"]))
        return [_part(day, moments) for day, moments in sorted(days.items())]

    def delete_before(self, moment: datetime) -> list[Part]:
        doomed = [part for part in self.parts() if part.last < moment]
        names = {part.name for part in doomed}
        self._documents = {k: v for k, v in self._documents.items() if day_of(v) not in names}
        return doomed

    def close(self) -> None:
        self._documents.clear()


def _position(document: Document) -> tuple[int, str]:
    return millis(document["@timestamp"]), document["event.id"]


def _part(day: str, moments: list[int]) -> Part:
    first, last = (datetime.fromtimestamp(edge(moments) / 1000, UTC) for edge in (min, max))
    return Part(day, len(moments), first, last)


def matches(query: Query, document: Document) -> bool:
    """Whether the document answers the query."""
    match query:
        case MatchAll():
            return True
        case Bool():
            return (
                all(matches(part, document) for part in query.must)
                and (not query.should or any(matches(part, document) for part in query.should))
                and not any(matches(part, document) for part in query.must_not)
            )
        case Term(name, value):
            return _has(document, name, value)
        case Terms(name, wanted):
            return any(_has(document, name, value) for value in wanted)
        case Range():
            return any(_within(query, value) for value in _normals(document, query.field))
        case Match(name, text):
            return any(_holds_all(value, text) for value in values(document, name))
        case MatchPhrase(name, text):
            return any(_holds_phrase(value, text) for value in values(document, name))
        case Prefix(name, value):
            return any(text.startswith(value.lower()) for text in _normals(document, name))
        case Wildcard(name, pattern):
            fits = re.compile(wildcard_regex(pattern.lower()), re.DOTALL).fullmatch
            return any(fits(text) for text in _normals(document, name))
        case Exists(name):
            return any(True for _ in _normals(document, name)) or (
                kind_of(name) is FieldKind.TEXT and bool(values(document, name))
            )


def _normals(document: Document, name: str) -> list[Any]:
    if kind_of(name) is FieldKind.TEXT:
        return []
    return [value for value in (normal(name, raw) for raw in values(document, name)) if value is not None]


def _has(document: Document, name: str, value: Scalar) -> bool:
    if kind_of(name) is FieldKind.IP and is_network(str(value)):
        network = ipaddress.ip_network(str(value))
        return any(ipaddress.ip_address(text) in network for text in _normals(document, name))
    if kind_of(name) is FieldKind.IP:
        address = ipaddress.ip_address(str(value))
        return any(ipaddress.ip_address(text) == address for text in _normals(document, name))
    return normal(name, value) in _normals(document, name)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gte": lambda a, b: bool(a >= b),
    "gt": lambda a, b: bool(a > b),
    "lte": lambda a, b: bool(a <= b),
    "lt": lambda a, b: bool(a < b),
}


def _within(query: Range, value: Any) -> bool:
    return all(_COMPARE[name](value, bound(query.field, limit)) for name, limit in query.bounds().items())


def _holds_all(value: str, text: str) -> bool:
    wanted = words(text)
    return bool(wanted) and set(wanted) <= set(words(value))


def _holds_phrase(value: str, text: str) -> bool:
    wanted, there = words(text), words(value)
    return bool(wanted) and any(
        there[i : i + len(wanted)] == wanted for i in range(len(there) - len(wanted) + 1)
    )


def _aggregate(aggregation: Aggregation, found: list[Document]) -> Any:
    per_event = [_normals(document, aggregation.field) for document in found]
    flat = [value for event in per_event for value in event]
    match aggregation:
        case TermsAgg(_, size):
            return top(Counter(value for event in per_event for value in set(event)), size)
        case DateHistogram(interval=interval):
            counts = Counter(value // (interval * 1000) * interval * 1000 for value in flat)
            return histogram(counts)
        case Cardinality():
            return len(set(flat))
        case Least(name):
            return extreme(name, min(flat, default=None))
        case Greatest(name):
            return extreme(name, max(flat, default=None))
