"""Lists, one way for every table: quick find, filters, order, pages by cursor and a count, in two or three queries.

A Listing is declared once beside its table; services add whose rows are seen and hand out its pages. Pages follow keys, not
offsets (keyset paging): the thousandth page costs what the first one does, and rows that come or go meanwhile shift nothing.
"""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Boolean, ColumnElement, Connection, FromClause, Row, Select, func, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.store.base import UtcDateTime

T = TypeVar("T")
MOST = 500  # rows a page
COUNTED = 10_000  # a larger number is told as "more than"
_ALL = 2**31 - 1
LONGEST = 200  # characters of a quick find or a filter's value
_HALF = re.compile("[\ud800-\udfff]")  # half of a character


@dataclass(frozen=True)
class Ask:
    """What a list is asked for. ``sort`` names an order, with ``-`` before it for descending; "" is the list's own."""

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""
    cursor: str = ""
    limit: int = 50

    def narrowed(self, **values: str | None) -> "Ask":
        """The same with these filters too; those that are None or "" are left out."""
        chosen = {name: (value,) for name, value in values.items() if value}
        return replace(self, filters={**self.filters, **chosen})


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page. ``total`` counts what the filters let through, no further than ``COUNTED`` + 1; facets count values."""

    items: tuple[T, ...]
    next_cursor: str | None
    total: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether ``total`` is the whole number."""
        return self.total <= COUNTED

    def map(self, made: Callable[[T], Any]) -> "Page[Any]":
        """The same page with its items as something else, such as an edge's records."""
        return Page(tuple(made(item) for item in self.items), self.next_cursor, self.total, self.facets)


Condition = Callable[
    [tuple[str, ...]], ColumnElement[bool]
]  # of a filter's values; raises Invalid on a bad one


def equals(column: ColumnElement[Any]) -> Condition:
    """Any of the values; "" stands for a column that is empty or NULL."""

    def condition(values: tuple[str, ...]) -> ColumnElement[bool]:
        found = column.in_([value for value in values if value])
        return or_(found, column.is_(None), column == "") if "" in values else found

    return condition


def numbered(column: ColumnElement[Any]) -> Condition:
    """Any of the whole numbers."""

    def condition(values: tuple[str, ...]) -> ColumnElement[bool]:
        if not all(value.isascii() and value.isdigit() and len(value) < 10 for value in values):
            raise Invalid(N_("%(value)s is no whole number."), value=", ".join(values)[:60])
        return column.in_([int(value) for value in values])

    return condition


def since(column: ColumnElement[Any]) -> Condition:
    """At that ISO 8601 time or later."""
    return lambda values: column >= moment(values[0])


def until(column: ColumnElement[Any]) -> Condition:
    """Before that ISO 8601 time."""
    return lambda values: column < moment(values[0])


def moment(text: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC. Invalid otherwise."""
    try:
        found = datetime.fromisoformat(text)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            N_("This is no ISO 8601 date or time such as 2026-11-23T08:00."), place=text[:60]
        ) from None


@dataclass(frozen=True)
class Listing(Generic[T]):
    """A table (or join) as people look through it.

    ``query`` selects what ``row`` needs; ``key`` is unique; ``orders`` are columns without NULLs by the names one sorts by;
    ``text`` the columns of the quick find; ``facets`` the columns whose values are counted beside the list. ``bare`` is the
    table alone where the query's joins only add names, and neither filters nor texts look at them: counting spares the joins.
    """

    query: Select[Any]
    key: ColumnElement[Any]
    orders: Mapping[str, ColumnElement[Any]]
    default: str
    row: Callable[[Row[Any]], T]
    text: Sequence[ColumnElement[Any]] = ()
    filters: Mapping[str, Condition] = field(default_factory=dict)
    facets: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    bare: FromClause | None = None

    def page(self, connection: Connection, ask: Ask, *scope: ColumnElement[bool]) -> Page[T]:
        """The rows within ``scope`` (whose rows the asker sees) that ``ask`` wants; Invalid names a wrong part of it."""
        limit = max(1, min(ask.limit, MOST))
        wanted = [*scope, *self._wanted(ask)]
        name, descending, order = self._order(ask.sort or self.default)
        here = [*wanted, *self._after(ask.cursor, name, order, descending)]
        rows = self._rows(here, order, descending, limit + 1, read_all=bool(ask.text.strip()))
        labelled = rows.add_columns(order.label("listing_order"), self.key.label("listing_key"))
        found = connection.execute(labelled).all()
        last = found[limit - 1] if len(found) > limit else None
        facets = {facet: self._facet(connection, ask, scope, facet) for facet in self.facets}
        whole = next((counts for facet, counts in facets.items() if not ask.filters.get(facet)), None)
        return Page(
            tuple(self.row(row) for row in found[:limit]),
            None if last is None else _cursor(name, last.listing_order, last.listing_key),
            # a facet that no filter narrows has counted every row already
            self._count(connection, wanted) if whole is None else min(sum(whole.values()), COUNTED + 1),
            facets,
        )

    def _wanted(self, ask: Ask, without: str = "") -> list[ColumnElement[bool]]:
        conditions = []
        text = ask.text.strip()
        if len(text) > LONGEST:
            raise Invalid(N_("The text to find is longer than %(most)s characters."), most=LONGEST)
        if text and self.text:
            conditions.append(or_(*(_contains(column, text) for column in self.text)))
        for name, values in ask.filters.items():
            if name == without or not values:
                continue
            if name not in self.filters:
                raise _no_filter(name, self.filters)
            if any(len(value) > LONGEST for value in values):
                raise Invalid(
                    N_("A filter's value is longer than %(most)s characters."), place=name, most=LONGEST
                )
            conditions.append(self.filters[name](values))
        return conditions

    def _order(self, sort: str) -> tuple[str, bool, ColumnElement[Any]]:
        name = sort.removeprefix("-")
        if name not in self.orders:
            raise _no_order(name, self.orders)
        return sort, sort.startswith("-"), self.orders[name]

    def _after(
        self, cursor: str, sort: str, order: ColumnElement[Any], descending: bool
    ) -> Sequence[ColumnElement[bool]]:
        if not cursor:
            return ()
        value, key = _read_cursor(cursor, sort)
        value = _typed(order, value)
        key = _typed(self.key, key)
        # the bound on the order alone is what an index can begin at
        if order is self.key:
            return (order < value if descending else order > value,)
        if descending:
            return (order <= value, or_(order < value, self.key < key))
        return (order >= value, or_(order > value, self.key > key))

    def _count(self, connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> int:
        ones = self._counted(self.key).where(*wanted).order_by(None).limit(COUNTED + 1)
        return int(connection.execute(select(func.count()).select_from(ones.subquery())).scalar_one())

    def _facet(
        self, connection: Connection, ask: Ask, scope: Sequence[ColumnElement[bool]], name: str
    ) -> dict[str, int]:
        """Counts of the facet's values under all other filters, so that a chip tells what choosing it would show."""
        column = self.facets[name]
        wanted = self._wanted(ask, name)
        rows = self._counted(column.label("value")).where(*scope, *wanted).order_by(None)
        if (
            wanted
        ):  # rows are read to be judged: better from end to end than in the order of an index on the facet
            rows = rows.limit(_ALL)
        values = rows.subquery()
        counted = select(values.c.value, func.count()).group_by(values.c.value)
        return {str(row[0]): row[1] for row in connection.execute(counted)}

    def _rows(
        self,
        here: Sequence[ColumnElement[bool]],
        order: ColumnElement[Any],
        descending: bool,
        most: int,
        *,
        read_all: bool,
    ) -> Select[Any]:
        """The first rows in that order. With ``bare`` their keys are sorted alone, not whole rows with all that is joined;
        to ``read_all`` (the quick find) goes through the table from end to end, not in the order of an index."""
        columns = (order, self.key) if order is not self.key else (order,)
        if self.bare is None:
            return self.query.where(*here).order_by(*_sorted(columns, descending)).limit(most)
        keys = select(*columns).select_from(self.bare).where(*here)
        if read_all:
            pool = keys.limit(_ALL).subquery()
            keys = select(*pool.c).order_by(*_sorted(list(pool.c), descending))
        else:
            keys = keys.order_by(*_sorted(columns, descending))
        first = keys.limit(most).subquery()
        found = self.query.where(self.key.in_(select(list(first.c)[-1])))
        return found.order_by(*_sorted(columns, descending))

    def _counted(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return (
            self.query.with_only_columns(*columns)
            if self.bare is None
            else select(*columns).select_from(self.bare)
        )


def _sorted(columns: Sequence[ColumnElement[Any]], descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column.asc() for column in columns]


def every(page: Callable[[Ask], Page[T]], ask: Ask | None = None) -> Iterator[T]:
    """All that a list has, page by page: for programs and command lines, which show lists whole."""
    asked = replace(ask or Ask(), limit=MOST)
    while True:
        found = page(asked)
        yield from found.items
        if found.next_cursor is None:
            return
        asked = replace(asked, cursor=found.next_cursor)


def page_of(
    items: Sequence[T],
    ask: Ask,
    *,
    key: Callable[[T], str],
    text: Callable[[T], Sequence[str]] = lambda _item: (),
    filters: Mapping[str, Callable[[T], str]] | None = None,
    orders: Mapping[str, Callable[[T], Any]] | None = None,
    default: str = "",
    facets: Sequence[str] = (),
) -> Page[T]:
    """A page of a list that is whole in memory (profiles, plans, rules): same asking, same answers, same errors.

    ``filters`` give the value of an item that a filter compares; ``facets`` name filters whose values are counted.
    """
    known, sortable = filters or {}, {"": key, **(orders or {})}
    wanted, sort = ask.text.strip().casefold(), ask.sort or default
    _check(ask, sort, known, orders or {})

    def kept(item: T, without: str = "") -> bool:
        chosen = (
            known[name](item) in values for name, values in ask.filters.items() if values and name != without
        )
        return all(chosen) and (not wanted or any(wanted in part.casefold() for part in text(item)))

    by = sortable[sort.removeprefix("-")]
    found = sorted(filter(kept, items), key=lambda item: (by(item), key(item)), reverse=sort.startswith("-"))
    counts = {
        name: dict(Counter(known[name](item) for item in items if kept(item, without=name)))
        for name in facets
    }
    return replace(_cut(found, key, ask, sort), facets=counts)


def _cut(found: Sequence[T], key: Callable[[T], str], ask: Ask, sort: str) -> Page[T]:
    """What is asked for of all that was found, without facets."""
    start = _place_after(found, key, ask.cursor, sort)
    limit = max(1, min(ask.limit, MOST))
    shown = found[start : start + limit]
    more = start + limit < len(found)
    return Page(tuple(shown), _cursor(sort, "", key(shown[-1])) if more else None, len(found))


def _check(ask: Ask, sort: str, filters: Mapping[str, Any], orders: Mapping[str, Any]) -> None:
    """Invalid for a filter or an order that the list does not have."""
    for name in ask.filters:
        if name not in filters:
            raise _no_filter(name, filters)
    if sort.removeprefix("-") not in ("", *orders):
        raise _no_order(sort.removeprefix("-"), orders)


def _place_after(found: Sequence[T], key: Callable[[T], str], cursor: str, sort: str) -> int:
    if not cursor:
        return 0
    _value, last = _read_cursor(cursor, sort)
    return next((place + 1 for place, item in enumerate(found) if key(item) == last), len(found))


def _cursor(sort: str, value: Any, key: Any) -> str:
    told = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, told, key]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, sort: str) -> tuple[Any, Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        told, value, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if told != sort or not all(_storable(part) for part in (value, key)):
            raise ValueError
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise Invalid(
            N_("This place in the list is not known."), mend=N_("Begin again at the list's first page.")
        ) from None
    return value, key


def _storable(part: Any) -> bool:
    """Whether a database can compare with it: text of whole characters, or a number of 64 bits."""
    if isinstance(part, str):
        return not _HALF.search(part)
    return isinstance(part, int) and abs(part) < 2**63


def _typed(column: ColumnElement[Any], value: Any) -> Any:
    if isinstance(column.type, UtcDateTime):
        return moment(str(value))
    wanted = column.type.python_type
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise Invalid(
            N_("This place in the list is not known."), mend=N_("Begin again at the list's first page.")
        )
    return value


class _Like(FunctionElement[bool]):
    """LIKE whatever the case. SQLite's is that for ASCII, as its lower() is, and takes half the time without it."""

    type = Boolean()
    inherit_cache = True


@compiles(_Like)
def _ilike(element: _Like, compiler: Any, **options: Any) -> str:
    return " ILIKE ".join(compiler.process(part, **options) for part in element.clauses) + " ESCAPE '/'"


@compiles(_Like, "sqlite")
def _like(element: _Like, compiler: Any, **options: Any) -> str:
    return " LIKE ".join(compiler.process(part, **options) for part in element.clauses) + " ESCAPE '/'"


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    plain = text.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return _Like(column, literal(f"%{plain}%"))


def _no_filter(name: str, known: Mapping[str, Any]) -> Invalid:
    return Invalid(
        N_("This list has no filter %(name)s; it has: %(known)s"),
        name=name[:60],
        known=", ".join(known) or "-",
    )


def _no_order(name: str, known: Mapping[str, Any]) -> Invalid:
    return Invalid(
        N_("This list can not be ordered by %(name)s, but by: %(known)s"),
        name=name[:60],
        known=", ".join(known) or "-",
    )
