"""The one query model: what may be asked of every event store, and nothing a store can't answer exactly.

A small part of Elasticsearch's query DSL as frozen values. Keywords and addresses compare whole and without case; text fields
take words. ``Term`` on an address takes a network too (``10.0.0.0/8``).
"""

import base64
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.ecs import Document, FieldKind, is_address, kind_of, millis

MAX_SIZE = 10_000
Scalar: TypeAlias = str | int | float | bool | datetime


@dataclass(frozen=True)
class MatchAll:
    """Every event."""


@dataclass(frozen=True)
class Term:
    """The field has exactly this value."""

    field: str
    value: Scalar


@dataclass(frozen=True)
class Terms:
    """The field has one of these values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Range:
    """A number or date between the given bounds; dates are datetimes or ISO 8601 text with a zone."""

    field: str
    gte: Scalar | None = None
    gt: Scalar | None = None
    lte: Scalar | None = None
    lt: Scalar | None = None

    def bounds(self) -> dict[str, Scalar]:
        """The bounds that are set, by their names."""
        named = {"gte": self.gte, "gt": self.gt, "lte": self.lte, "lt": self.lt}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Match:
    """The text field has all the words, in any order."""

    field: str
    text: str


@dataclass(frozen=True)
class MatchPhrase:
    """The text field has the words one after the other."""

    field: str
    text: str


@dataclass(frozen=True)
class Prefix:
    """A keyword begins so."""

    field: str
    value: str


@dataclass(frozen=True)
class Wildcard:
    """A keyword fits the pattern: ``*`` any run of characters, ``?`` one; a backslash takes the next one as it is."""

    field: str
    pattern: str


@dataclass(frozen=True)
class Exists:
    """The field is there."""

    field: str


@dataclass(frozen=True)
class Bool:
    """All of ``must``, at least one of ``should`` (when there are any), none of ``must_not``."""

    must: tuple["Query", ...] = ()
    should: tuple["Query", ...] = ()
    must_not: tuple["Query", ...] = ()


Query: TypeAlias = MatchAll | Term | Terms | Range | Match | MatchPhrase | Prefix | Wildcard | Exists | Bool


@dataclass(frozen=True)
class TermsAgg:
    """The most frequent values: by count, then by value."""

    field: str
    size: int = 10


@dataclass(frozen=True)
class DateHistogram:
    """Events per ``interval`` seconds (buckets begin at multiples of it since 1970 UTC); empty ones are left out."""

    interval: int
    field: str = "@timestamp"


@dataclass(frozen=True)
class Cardinality:
    """How many different values; exact to 40,000."""

    field: str


@dataclass(frozen=True)
class Least:
    """The smallest number or the earliest date."""

    field: str


@dataclass(frozen=True)
class Greatest:
    """The largest number or the latest date."""

    field: str


Aggregation: TypeAlias = TermsAgg | DateHistogram | Cardinality | Least | Greatest


@dataclass(frozen=True)
class Search:
    """A question: sorted by ``@timestamp``, then ``event.id``; ``after`` is the cursor of the page before."""

    query: Query = MatchAll()
    newest_first: bool = True
    size: int = 50
    after: str | None = None
    aggregations: Mapping[str, Aggregation] = field(default_factory=dict)


@dataclass(frozen=True)
class Bucket:
    """One value (text, number, or the ISO time a histogram bucket begins at) and its number of events."""

    key: str | int | float | bool
    count: int


@dataclass(frozen=True)
class Page:
    """An answer. ``cursor`` leads to the next page, None on the last; ``aggregations``: buckets, a number, text or None."""

    documents: tuple[Document, ...]
    total: int
    cursor: str | None
    aggregations: Mapping[str, Any]


def make_cursor(document: Document) -> str:
    """The position just after a document, as text that fits in a URL."""
    plain = f"{millis(document['@timestamp'])}|{document['event.id']}"
    return base64.urlsafe_b64encode(plain.encode()).decode()


def read_cursor(cursor: str) -> tuple[int, str]:
    """The inverse: milliseconds and event id; Invalid when it is none of ours."""
    try:
        moment, _, identity = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
        return int(moment), identity
    except ValueError:
        raise Invalid(N_("The cursor is not valid."), mend=N_("Start from the first page.")) from None


def check(search: Search) -> None:
    """Raise Invalid for a question that the stores would not all answer the same."""
    if not 0 <= search.size <= MAX_SIZE:
        raise Invalid(N_("A page has at most %(most)s events."), most=MAX_SIZE)
    _check_query(search.query)
    for aggregation in search.aggregations.values():
        if isinstance(aggregation, DateHistogram) and aggregation.interval < 1:
            raise Invalid(N_("A histogram needs an interval of one second or more."), place=aggregation.field)
        dates = isinstance(aggregation, (DateHistogram, Least, Greatest))
        wanted = _AGGREGATED | {FieldKind.DATE} if dates else _AGGREGATED
        if isinstance(aggregation, (Least, Greatest)):
            wanted = _ORDERED
        _require(aggregation.field, {FieldKind.DATE} if isinstance(aggregation, DateHistogram) else wanted)


_ORDERED = frozenset({FieldKind.DATE, FieldKind.LONG, FieldKind.DOUBLE})
_AGGREGATED = frozenset({FieldKind.KEYWORD, FieldKind.IP, FieldKind.LONG})
_WHOLE = frozenset({FieldKind.KEYWORD, FieldKind.IP, FieldKind.LONG, FieldKind.DOUBLE, FieldKind.BOOLEAN})


def _check_query(query: Query) -> None:
    match query:
        case Bool():
            for part in (*query.must, *query.should, *query.must_not):
                _check_query(part)
        case Term(name, value):
            _require(name, _WHOLE)
            _check_values(name, (value,))
        case Terms(name, values):
            _require(name, _WHOLE)
            _check_values(name, values)
        case Range():
            _check_range(query)
        case Match(name, _) | MatchPhrase(name, _):
            _require(name, {FieldKind.TEXT})
        case Prefix(name, _) | Wildcard(name, _):
            _require(name, {FieldKind.KEYWORD})
        case Exists(name):
            _require(name, set(FieldKind) - {FieldKind.SOURCE})
        case MatchAll():
            pass


def _require(name: str, kinds: Iterable[FieldKind]) -> None:
    kind = kind_of(name)
    if kind not in kinds:
        raise Invalid(
            N_("The field %(field)s (%(kind)s) can't be asked this way."),
            mend=N_(
                "Text takes words, keywords take whole values or patterns, numbers and dates take ranges."
            ),
            place=name,
            field=name,
            kind=str(kind),
        )


def _check_values(name: str, values: tuple[Scalar, ...]) -> None:
    kind = kind_of(name)
    for value in values:
        good = True
        if kind is FieldKind.IP:
            good = is_address(str(value)) or is_network(str(value))
        elif kind in (FieldKind.LONG, FieldKind.DOUBLE):
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
        elif kind is FieldKind.BOOLEAN:
            good = isinstance(value, bool)
        if not good:
            raise Invalid(
                N_("%(value)s is no value for the field %(field)s (%(kind)s)."),
                place=name,
                value=value,
                field=name,
                kind=str(kind),
            )


def _check_range(query: Range) -> None:
    _require(query.field, _ORDERED)
    date = kind_of(query.field) is FieldKind.DATE
    for value in query.bounds().values():
        try:
            if date:
                millis(value if isinstance(value, datetime) else str(value))
            else:
                float(str(value))
        except ValueError:
            raise Invalid(
                N_("%(value)s is no bound for the field %(field)s."),
                mend=N_("Give a number, or for a date ISO 8601 with a zone."),
                place=query.field,
                value=value,
                field=query.field,
            ) from None


def is_network(text: str) -> bool:
    """Whether the text is a network in CIDR notation with no host bits set."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "/" in text


def bound(field: str, limit: Scalar) -> int | float:
    """A range's limit as the number that is compared: dates in milliseconds."""
    if kind_of(field) is FieldKind.DATE:
        return millis(limit if isinstance(limit, datetime) else str(limit))
    return limit if isinstance(limit, (int, float)) else float(str(limit))


def literal(text: str) -> str:
    """Text as a regular expression that fits only itself; good for Python's and Rust's engines."""
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in text)


def wildcard_regex(pattern: str) -> str:
    """A wildcard pattern as a regular expression over the whole value."""
    out, taken = [], False
    for char in pattern:
        if taken or char not in "*?\\":
            out.append(literal(char))
            taken = False
        elif char == "\\":
            taken = True
        else:
            out.append(".*" if char == "*" else ".")
    return "".join(out)
