"""The event search as its page shows it: histogram, counted values, addresses of every narrower question."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from console.compose.app import App
from console.exchange.asking import query_of
from console.web.engine import lists
from kernel.clock import local
from kernel.errors import Invalid
from kernel.i18n import translate
from kernel.identity.model import Principal
from kernel.store.listing import COUNTED, Ask, Page
from siem.events import FIELDS, USUAL_RANGE, Exploration
from siem.events import RANGES as RANGES_OF_TIME
from siem.query import Page as Found
from siem.query_text import with_term
from siem.resources.events import EVENTS, SHOWN, EventRecord, record_of
from siem.resources.labels import RANGES

# of the histogram, in its own units; LABELS is how tall the line of times below it is, LABEL how wide one of them
WIDTH, HEIGHT, LABELS, LABEL = 960, 110, 18, 75


@dataclass(frozen=True)
class BarView:
    """A bar of the histogram; ``url`` narrows to its time."""

    x: float
    y: float
    width: float
    height: float
    count: int
    start: datetime
    label: str  # time at its left edge, "" for most
    url: str


@dataclass(frozen=True)
class ValueView:
    """A frequent value: ``share`` of the events found, in per cent."""

    text: str
    count: int
    share: int
    include: str
    exclude: str


@dataclass(frozen=True)
class FieldView:
    name: str
    values: tuple[ValueView, ...]
    uncounted: bool


@dataclass(frozen=True)
class RangeView:
    label: str
    url: str
    active: bool


class Links:
    """Addresses of searches that follow from what stands on a page."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask or Ask()

    def with_value(self, field: str, value: object, *, wanted: bool = True) -> str:
        """The same search with (or without) this value."""
        return _url(
            replace(self._ask, text=with_term(self._ask.text, field, value, wanted=wanted), cursor="")
        )


@dataclass(frozen=True)
class SearchView:
    """All that the template of the search needs; ``list`` is what the engine makes of any list."""

    ask: Ask
    list: lists.ListView
    records: tuple[EventRecord, ...]
    total: int
    since: datetime
    until: datetime
    interval: int
    bars: tuple[BarView, ...]
    highest: int
    fields: tuple[FieldView, ...]
    ranges: tuple[RangeView, ...]
    custom: bool
    links: Links
    since_value: str
    until_value: str
    fault: str = ""  # what is wrong with the question
    url: str = "/siem/events"


def search_view(
    app: App, principal: Principal, ask: Ask, kept: Mapping[str, Any], zone: ZoneInfo
) -> SearchView:
    """Ask once for everything on the page and lay it out. A wrong question stands there again with what is wrong with it."""
    try:
        return _laid_out(app, principal, ask, kept, zone, app.siem.events.explore(principal, ask))
    except Invalid as error:
        now = app.clock.now()
        nothing = Exploration(Found((), 0, None, {}), now - RANGES_OF_TIME[USUAL_RANGE], now, 60, (), {}, ())
        return replace(_laid_out(app, principal, ask, kept, zone, nothing), fault=error.text())


def _laid_out(
    app: App,
    principal: Principal,
    ask: Ask,
    kept: Mapping[str, Any],
    zone: ZoneInfo,
    found: Exploration,
) -> SearchView:
    records = tuple(record_of(document, SHOWN * 10) for document in found.page.documents)
    page = Page(records, found.page.cursor, min(found.page.total, COUNTED + 1))
    shown = lists.list_view(app, principal, replace(EVENTS, page=lambda *_: page), ask, kept)
    highest = max((bar.count for bar in found.bars), default=0)
    custom = bool(ask.filters.get("since") or ask.filters.get("until"))
    return SearchView(
        ask=ask,
        list=shown,
        records=records,
        total=found.page.total,
        since=found.since,
        until=found.until,
        interval=found.interval,
        bars=_bars(ask, found, highest, zone),
        highest=highest,
        fields=_fields(ask, found),
        ranges=_ranges(ask, custom),
        custom=custom,
        links=Links(ask),
        since_value=_local(found.since, zone),
        until_value=_local(found.until, zone),
    )


def _url(ask: Ask) -> str:
    query = query_of(ask)
    return f"/siem/events?{query}" if query else "/siem/events"


def _between(ask: Ask, since: datetime, until: datetime) -> str:
    filters = {"since": (since.isoformat(),), "until": (until.isoformat(),)}
    return _url(replace(ask, filters=filters, cursor=""))


def _bars(ask: Ask, found: Exploration, highest: int, zone: ZoneInfo) -> tuple[BarView, ...]:
    step = WIDTH / max(1, len(found.bars))
    every = max(1, len(found.bars) // 8)
    long = found.until - found.since > timedelta(days=1)
    made = []
    for number, bar in enumerate(found.bars):
        tall = (HEIGHT - LABELS) * bar.count / highest if highest else 0
        tall = max(tall, 1.5) if bar.count else 0
        start = local(bar.start, zone)
        label = f"{start:%m-%d %H:%M}" if long else f"{start:%H:%M}"
        if number % every or number * step > WIDTH - LABEL:
            label = ""
        url = _between(ask, bar.start, bar.start + timedelta(seconds=found.interval)) if bar.count else ""
        made.append(
            BarView(
                round(number * step, 1),
                round(HEIGHT - LABELS - tall, 1),
                round(max(step - 1, 1), 1),
                round(tall, 1),
                bar.count,
                bar.start,
                label,
                url,
            )
        )
    return tuple(made)


def _fields(ask: Ask, found: Exploration) -> tuple[FieldView, ...]:
    links, total = Links(ask), max(1, found.page.total)
    return tuple(
        FieldView(
            name,
            tuple(
                ValueView(
                    str(bucket.key),
                    bucket.count,
                    round(100 * bucket.count / total),
                    links.with_value(name, bucket.key),
                    links.with_value(name, bucket.key, wanted=False),
                )
                for bucket in found.tops.get(name, ())
            ),
            name in found.uncounted,
        )
        for name in FIELDS
    )


def _ranges(ask: Ask, custom: bool) -> tuple[RangeView, ...]:
    chosen = "" if custom else next(iter(ask.filters.get("range", ())), USUAL_RANGE)
    return tuple(
        RangeView(
            translate(label.text),
            _url(replace(ask, filters={"range": (name,)}, cursor="")),
            name == chosen,
        )
        for name, label in RANGES.items()
    )


def _local(moment: datetime, zone: ZoneInfo) -> str:
    """As a field for date and time takes it."""
    return f"{local(moment, zone):%Y-%m-%dT%H:%M}"
