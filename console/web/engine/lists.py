"""A list page: what the asker wants of it, and everything its template shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from console.compose.app import App
from console.exchange.asking import query_of
from console.web.engine.links import cell_url, item_url, list_url
from console.web.engine.names import Names, names_in, value_of
from kernel.clock import local
from kernel.edges.resources import Column, Filter, FilterKind, On, Resource, Verb
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.store.listing import Ask, Page, moment


@dataclass(frozen=True)
class CellView:
    column: Column
    value: Any
    url: str


@dataclass(frozen=True)
class RowView:
    id: str
    url: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class Head:
    """A column's head: ``url`` orders by it (the other way round when it is the order already); "" if it can't be."""

    column: Column
    url: str
    direction: str  # "ascending", "descending" or ""


@dataclass(frozen=True)
class Facet:
    """A value of the facet with its number; ``url`` shows these alone."""

    label: str
    count: int | None
    url: str
    active: bool


@dataclass(frozen=True)
class FilterView:
    """A filter in the form of filters: ``options`` are value and text of a choice."""

    name: str
    label: str
    kind: str
    values: tuple[str, ...]
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chip:
    """A filter in force; ``url`` is the list without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True)
class VerbLink:
    """A verb that is offered: its label is ready text."""

    label: str
    url: str
    danger: bool
    key: str


@dataclass(frozen=True)
class ColumnChoice:
    name: str
    label: str
    shown: bool


@dataclass(frozen=True)
class Named:
    """A link with its text; ``remove_url`` takes it away."""

    label: str
    url: str
    name: str = ""
    remove_url: str = ""


@dataclass(frozen=True)
class ListView:
    """All that the template of a list needs; texts are ready, labels of columns and verbs are message ids."""

    resource: Resource
    ask: Ask
    page: Page[Any]
    rows: tuple[RowView, ...]
    heads: tuple[Head, ...]
    columns: tuple[ColumnChoice, ...]
    filters: tuple[FilterView, ...]
    facets: tuple[Facet, ...]
    chips: tuple[Chip, ...]
    verbs: tuple[VerbLink, ...]
    bulk: tuple[VerbLink, ...]
    keyed: tuple[VerbLink, ...]  # verbs of one row that have a key
    saved: tuple[Named, ...]
    exports: tuple[Named, ...]
    url: str
    plain_url: str
    next_url: str
    first_url: str
    query: str
    hidden: tuple[tuple[str, str], ...]  # the filters, for forms that shall keep them


def list_view(
    app: App, principal: Principal, resource: Resource, ask: Ask, kept: Mapping[str, Any] | None = None
) -> ListView:
    """Ask the room's service for the page and lay it out; ``kept`` are the asker's preferences (columns, filters)."""
    page = resource.page(app, principal, ask)
    columns = shown_columns(resource, (kept or {}).get(columns_key(resource), ()))
    filters = tuple(_filter_view(app, principal, one, ask) for one in resource.filters)
    here = _url(resource, replace(ask, cursor=""))
    return ListView(
        resource=resource,
        ask=ask,
        page=page,
        rows=_rows(app, principal, resource, columns, page.items),
        heads=tuple(_head(resource, column, ask) for column in columns),
        columns=tuple(
            ColumnChoice(one.name, translate(one.label), one in columns) for one in resource.columns
        ),
        filters=filters,
        facets=_facets(resource, ask, page, filters),
        chips=_chips(resource, ask, filters),
        verbs=verb_links(app, principal, resource, lambda verb: verb.on is not On.ITEM),
        bulk=verb_links(app, principal, resource, lambda verb: verb.bulk, "-", "bulk"),
        keyed=verb_links(app, principal, resource, lambda verb: verb.on is On.ITEM and bool(verb.key)),
        saved=_saved(resource, (kept or {}).get(filters_key(resource), ())),
        exports=_exports(app, principal, resource, here),
        url=here,
        plain_url=list_url(resource.name),
        next_url=_url(resource, replace(ask, cursor=page.next_cursor)) if page.next_cursor else "",
        first_url=here if ask.cursor else "",
        query=query_of(replace(ask, cursor="")),
        hidden=tuple(parse_qsl(query_of(replace(ask, cursor="", text="")))),
    )


def columns_key(resource: Resource) -> str:
    """The preference that holds the names of the chosen columns."""
    return f"columns:{resource.name}"


def filters_key(resource: Resource) -> str:
    """The preference that holds the saved filters: a list of {name, query}."""
    return f"filters:{resource.name}"


def shown_columns(resource: Resource, chosen: Sequence[str]) -> tuple[Column, ...]:
    """The chosen columns in the declaration's order; the usual ones when nothing (or nothing known) was chosen."""
    kept = tuple(column for column in resource.columns if column.name in chosen)
    return kept or tuple(column for column in resource.columns if column.shown)


def _url(resource: Resource, ask: Ask) -> str:
    query = query_of(ask)
    return _with(list_url(resource.name), query) if query else list_url(resource.name)


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _rows(
    app: App, principal: Principal, resource: Resource, columns: Sequence[Column], records: Sequence[Any]
) -> tuple[RowView, ...]:
    names = names_in(app, principal, columns, records)
    return tuple(_row(resource, columns, record, names) for record in records)


def _row(resource: Resource, columns: Sequence[Column], record: Any, names: Names) -> RowView:
    object_id = str(getattr(record, resource.key))
    return RowView(
        id=object_id,
        url=item_url(resource.name, object_id) if resource.item else "",
        cells=tuple(
            CellView(column, value_of(column, record, names), cell_url(column, record)) for column in columns
        ),
    )


def _head(resource: Resource, column: Column, ask: Ask) -> Head:
    if not column.sort:
        return Head(column, "", "")
    now = ask.sort or resource.sort
    ordered = now.removeprefix("-") == column.sort
    descending = now.startswith("-")
    turned = column.sort if ordered and descending else f"-{column.sort}"
    direction = ("descending" if descending else "ascending") if ordered else ""
    return Head(column, _url(resource, replace(ask, sort=turned, cursor="")), direction)


def _filter_view(app: App, principal: Principal, one: Filter, ask: Ask) -> FilterView:
    texts = {value: translate(label.text) for value, label in one.labels.items()}
    if one.choices is not None:
        texts |= one.choices(app, principal)
    values = ask.filters.get(one.name, ())
    if one.kind is FilterKind.TIME:
        texts = {value: _local(value, ZoneInfo(app.settings.timezone)) for value in values}
    return FilterView(one.name, translate(one.label), str(one.kind), values, tuple(texts.items()))


def _local(text: str, zone: ZoneInfo) -> str:
    """A time of the filter as the form's field takes it: local, without zone."""
    return f"{local(moment(text), zone):%Y-%m-%dT%H:%M}"


def _narrowed(ask: Ask, name: str, values: tuple[str, ...]) -> Ask:
    others = {key: kept for key, kept in ask.filters.items() if key != name}
    return replace(ask, filters=others | ({name: values} if values else {}), cursor="")


def _facets(
    resource: Resource, ask: Ask, page: Page[Any], filters: Sequence[FilterView]
) -> tuple[Facet, ...]:
    """The facet's values that occur, with their numbers, and all of them first."""
    found = next((one for one in filters if one.name == resource.facet), None)
    if found is None:
        return ()
    counts = page.facets.get(found.name, {})
    everything = Facet(
        translate(N_("All")),
        sum(counts.values()),
        _url(resource, _narrowed(ask, found.name, ())),
        not found.values,
    )
    return everything, *(
        Facet(
            text,
            counts.get(value, 0),
            _url(resource, _narrowed(ask, found.name, (value,))),
            value in found.values,
        )
        for value, text in found.options
        if counts.get(value) or value in found.values
    )


def _chips(resource: Resource, ask: Ask, filters: Sequence[FilterView]) -> tuple[Chip, ...]:
    chips = []
    if ask.text:
        chips.append(Chip(translate(N_("Text")), ask.text, _url(resource, replace(ask, text="", cursor=""))))
    for one in filters:
        texts = dict(one.options)
        for value in one.values:
            others = tuple(other for other in one.values if other != value)
            url = _url(resource, _narrowed(ask, one.name, others))
            chips.append(Chip(one.label, texts.get(value, value), url))
    return tuple(chips)


def verb_links(
    app: App, principal: Principal, resource: Resource, wanted: Callable[[Verb], bool], *place: str
) -> tuple[VerbLink, ...]:
    """The verbs among ``wanted`` whose permission the asker holds; ``place`` is the path between list and verb."""
    allows = app.floor.access.allows
    return tuple(
        VerbLink(
            translate(verb.label),
            item_url(resource.name, *(place or ("-",)), verb.name),
            verb.danger,
            verb.key,
        )
        for verb in resource.verbs
        if wanted(verb) and allows(principal, verb.permission)
    )


def _saved(resource: Resource, kept: Sequence[Mapping[str, str]]) -> tuple[Named, ...]:
    remove = item_url(resource.name, "-", "saved")
    return tuple(
        Named(
            one["name"],
            _with(list_url(resource.name), one["query"]),
            one["name"],
            f"{remove}?{urlencode({'remove': one['name']})}",
        )
        for one in kept
    )


def _exports(app: App, principal: Principal, resource: Resource, here: str) -> tuple[Named, ...]:
    """CSV and JSON of the filter in force, and the files that the room makes of the whole."""
    forms = (("csv", N_("This list as CSV")), ("json", N_("This list as JSON")))
    files = (
        Named(translate(one.label), item_url(resource.name, "-", "download", one.name))
        for one in resource.downloads
        if one.on is On.LIST and app.floor.access.allows(principal, one.permission)
    )
    return *(Named(translate(text), _with(here, f"format={form}")) for form, text in forms), *files
