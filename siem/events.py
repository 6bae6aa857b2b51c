"""Use cases of events: search with a histogram and counted values, one event, pages for lists and exports."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kernel.clock import Clock
from kernel.errors import Invalid, LimitExceeded, NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database, listing
from kernel.store.listing import Ask, moment
from siem.ecs import Document, from_millis, millis
from siem.ports import EventStore
from siem.query import (
    Aggregation,
    Bool,
    Bucket,
    DateHistogram,
    Page,
    Query,
    Range,
    Search,
    Terms,
    TermsAgg,
)
from siem.query_text import parse_query
from siem.store import root_unit

# ranges of time up to now, by the names that addresses and the API use
RANGES: Mapping[str, timedelta] = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL_RANGE = "24h"
FIELDS = (
    "event.dataset",
    "event.action",
    "event.outcome",
    "host.name",
    "source.ip",
    "destination.ip",
    "destination.port",
    "user.name",
)
_OVER_TIME = "over_time"
TOP = 8  # values counted of each field
BARS = 60  # of a histogram, at most
_STEPS = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000)


@dataclass(frozen=True)
class Bar:
    """Events from ``start`` for the histogram's interval."""

    start: datetime
    count: int


@dataclass(frozen=True)
class Exploration:
    """What the search page shows: a page of events, their number over time, the most frequent values by field.

    ``interval`` in seconds; ``uncounted`` are fields with too many different values to count.
    """

    page: Page
    since: datetime
    until: datetime
    interval: int
    bars: tuple[Bar, ...]
    tops: Mapping[str, tuple[Bucket, ...]]
    uncounted: tuple[str, ...]


class EventService:
    """Events of the units the asker sees."""

    def __init__(self, database: Database, clock: Clock, access: Access, store: EventStore) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._store = store

    def search(
        self,
        principal: Principal,
        text: str = "",
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        size: int = 50,
        after: str | None = None,
        newest_first: bool = True,
        aggregations: Mapping[str, Aggregation] | None = None,
    ) -> Page:
        """Events that answer the query (siem.query_text), ``since`` <= time < ``until``."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        parts: list[Query] = [parse_query(text), *self._of_units(principal)]
        if since or until:
            parts.append(Range("@timestamp", gte=since, lt=until))
        query = Bool(must=tuple(parts)) if len(parts) > 1 else parts[0]
        return self._store.search(
            Search(query, newest_first=newest_first, size=size, after=after, aggregations=aggregations or {})
        )

    def page(self, principal: Principal, ask: Ask) -> listing.Page[Document]:
        """The same as other lists are asked: filters ``range`` (15m, 1h, 24h, 7d, 30d), ``since``, ``until``; newest first
        or, sorted by "at", oldest first. All of time unless one is given."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        if ask.sort not in ("", "at", "-at"):
            raise Invalid(N_("Events are ordered by at or -at."), place=ask.sort[:60])
        since, until = self._span(ask)
        limit = max(1, min(ask.limit, listing.MOST))
        found = self.search(
            principal,
            ask.text,
            since=since,
            until=until,
            size=limit,
            after=ask.cursor or None,
            newest_first=ask.sort != "at",
        )
        return listing.Page(found.documents, found.cursor, min(found.total, listing.COUNTED + 1))

    def explore(self, principal: Principal, ask: Ask, fields: Sequence[str] = FIELDS) -> Exploration:
        """A page of events with their histogram and the most frequent values of ``fields``; the last 24 hours unless told.

        A field with more values than a store counts is left out and named, the others are counted all the same.
        """
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        since, until = self._span(ask)
        until = until or self._clock.now()
        since = since or until - RANGES[USUAL_RANGE]
        if since >= until:
            raise Invalid(N_("The time range ends before it begins."), place="since")
        interval = interval_of(since, until)
        counted = {name: TermsAgg(name, TOP) for name in fields}
        while True:
            try:
                found = self.search(
                    principal,
                    ask.text,
                    since=since,
                    until=until,
                    size=max(1, min(ask.limit, listing.MOST)),
                    after=ask.cursor or None,
                    newest_first=ask.sort != "at",
                    aggregations={_OVER_TIME: DateHistogram(interval), **counted},
                )
                break
            except LimitExceeded as error:
                if counted.pop(error.place, None) is None:
                    raise
        bars = _bars(found.aggregations[_OVER_TIME], since, until, interval)
        tops = {name: found.aggregations[name] for name in counted}
        return Exploration(
            found, since, until, interval, bars, tops, tuple(name for name in fields if name not in counted)
        )

    def event(self, principal: Principal, event_id: str) -> Document:
        """One event; NotFound for one of other units."""
        found = self.fetch(principal, [event_id])
        if not found:
            raise NotFound(N_("There is no event %(id)s."), id=event_id[:80])
        return found[0]

    def fetch(self, principal: Principal, event_ids: Iterable[str]) -> list[Document]:
        """Those of the events that are there and of the asker's units, oldest first."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        units = self._units(principal)
        found = self._store.fetch(event_ids).values()
        seen = [event for event in found if units is None or event.get("organization.id") in units]
        return sorted(seen, key=lambda event: (event["@timestamp"], event["event.id"]))

    def _span(self, ask: Ask) -> tuple[datetime | None, datetime | None]:
        for name in ask.filters.keys() - {"range", "since", "until"}:
            raise Invalid(N_("Events are narrowed by range, since and until only."), place=name[:60])
        named, since, until = (
            next(iter(ask.filters.get(name, ())), "") for name in ("range", "since", "until")
        )
        if named and named not in RANGES:
            raise Invalid(
                N_("There is no time range %(name)s; there are: %(known)s"),
                name=named[:20],
                known=", ".join(RANGES),
            )
        begin = _within_reason(since) if since else None
        if named and begin is None and not until:
            begin = self._clock.now() - RANGES[named]
        return begin, _within_reason(until) if until else None

    def _of_units(self, principal: Principal) -> list[Query]:
        units = self._units(principal)
        return [] if units is None else [Terms("organization.id", tuple(sorted(units)))]

    def _units(self, principal: Principal) -> frozenset[str] | None:
        """The units whose events are seen; None for all."""
        visible = self._access.visible_units(principal)
        if visible is None:
            return None
        with self._database.read() as connection:
            return None if root_unit(connection) in visible else visible


def _within_reason(text: str) -> datetime:
    """That moment; Invalid for one that no zone's calendar can show."""
    found = moment(text)
    if not 1970 <= found.year <= 2200:
        raise Invalid(N_("The time lies outside the years 1970 to 2200."), place=text[:60])
    return found


def interval_of(since: datetime, until: datetime) -> int:
    """Seconds of one bar, so that there are at most ``BARS`` of them."""
    span = (until - since).total_seconds()
    longest = math.ceil(span / (BARS - 1) / _STEPS[-1]) * _STEPS[-1]
    return next((step for step in _STEPS if span / step <= BARS - 1), longest)


def _bars(buckets: Sequence[Bucket], since: datetime, until: datetime, interval: int) -> tuple[Bar, ...]:
    """Every bar of the range, those without events too; as stores give them, bars begin at multiples of the interval."""
    width = interval * 1000
    counts = {millis(str(bucket.key)): bucket.count for bucket in buckets}
    first, end = millis(since.astimezone(UTC)) // width * width, millis(until.astimezone(UTC))
    return tuple(
        Bar(datetime.fromisoformat(from_millis(start)), counts.get(start, 0))
        for start in range(first, end, width)
    )
