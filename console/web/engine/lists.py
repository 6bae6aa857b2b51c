"""A list page: what the asker wants of it, and everything its template shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from console.compose.app import App
from console.exchange.asking import query_of
from console.web.engine.links import cell_url, item_url, list_url, verb_url
from kernel.edges.resources import Column, Filter, On, Resource, Tone, Verb
from kernel.i18n import translate
from kernel.identity.model import Principal
from kernel.store.listing import Ask, Page


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
class Option:
    value: str
    text: str
    tone: Tone
    count: int | None
    chosen: bool
    url: str


@dataclass(frozen=True)
class FilterView:
    name: str
    label: str
    kind: str
    values: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Chip:
    """A filter in force; ``url`` is the list without it."""

    label: str
    text: str
    url: str


@dataclass(frozen=True)
class VerbLink:
    verb: Verb
    url: str


@dataclass(frozen=True)
class ListView:
    """All that the template of a list needs; texts are ready, labels of columns and verbs are message ids."""

    resource: Resource
    ask: Ask
    page: Page[Any]
    rows: tuple[RowView, ...]
    heads: tuple[Head, ...]
    columns: tuple[tuple[Column, bool], ...]
    filters: tuple[FilterView, ...]
    tabs: tuple[Option, ...]
    chips: tuple[Chip, ...]
    verbs: tuple[VerbLink, ...]
    bulk: tuple[VerbLink, ...]
    url: str
    next_url: str
    first_url: str
    exports: Mapping[str, str]
    query: str


def list_view(
    app: App, principal: Principal, resource: Resource, ask: Ask, chosen: Sequence[str] = ()
) -> ListView:
    """Ask the room's service for the page and lay it out; ``chosen`` are the columns the asker keeps (none: usual)."""
    page = resource.page(app, principal, ask)
    columns = shown_columns(resource, chosen)
    filters = tuple(_filter_view(app, principal, resource, one, ask, page) for one in resource.filters)
    here = _url(resource, replace(ask, cursor=""))
    return ListView(
        resource=resource,
        ask=ask,
        page=page,
        rows=tuple(_row(resource, columns, record) for record in page.items),
        heads=tuple(_head(resource, column, ask) for column in columns),
        columns=tuple((column, column in columns) for column in resource.columns),
        filters=filters,
        tabs=_tabs(resource, ask, filters),
        chips=_chips(resource, ask, filters),
        verbs=_verbs(app, principal, resource, lambda verb: verb.on is not On.ITEM),
        bulk=_verbs(app, principal, resource, lambda verb: verb.bulk),
        url=here,
        next_url=_url(resource, replace(ask, cursor=page.next_cursor)) if page.next_cursor else "",
        first_url=here if ask.cursor else "",
        exports={form: _with(here, f"format={form}") for form in ("csv", "json")},
        query=query_of(replace(ask, cursor="")),
    )


def shown_columns(resource: Resource, chosen: Sequence[str]) -> tuple[Column, ...]:
    """The chosen columns in the declaration's order; the usual ones when nothing (or nothing known) was chosen."""
    kept = tuple(column for column in resource.columns if column.name in chosen)
    return kept or tuple(column for column in resource.columns if column.shown)


def _url(resource: Resource, ask: Ask) -> str:
    query = query_of(ask)
    return _with(list_url(resource.name), query) if query else list_url(resource.name)


def _with(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _row(resource: Resource, columns: Sequence[Column], record: Any) -> RowView:
    object_id = str(getattr(record, resource.key))
    return RowView(
        id=object_id,
        url=item_url(resource.name, object_id) if resource.item else "",
        cells=tuple(
            CellView(column, getattr(record, column.name), cell_url(column, record)) for column in columns
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


def _filter_view(
    app: App, principal: Principal, resource: Resource, one: Filter, ask: Ask, page: Page[Any]
) -> FilterView:
    values = ask.filters.get(one.name, ())
    texts = {value: translate(label.text) for value, label in one.labels.items()}
    if one.choices is not None:
        texts |= one.choices(app, principal)
    counts = page.facets.get(one.name)
    options = tuple(
        Option(
            value,
            text,
            one.labels[value].tone if value in one.labels else Tone.QUIET,
            None if counts is None else counts.get(value, 0),
            value in values,
            _url(resource, _narrowed(ask, one.name, (value,))),
        )
        for value, text in texts.items()
    )
    return FilterView(one.name, one.label, str(one.kind), values, options)


def _narrowed(ask: Ask, name: str, values: tuple[str, ...]) -> Ask:
    others = {key: kept for key, kept in ask.filters.items() if key != name}
    return replace(ask, filters=others | ({name: values} if values else {}), cursor="")


def _tabs(resource: Resource, ask: Ask, filters: Sequence[FilterView]) -> tuple[Option, ...]:
    """The facet's values with their numbers, "all" first."""
    found = next((one for one in filters if one.name == resource.facet), None)
    if found is None:
        return ()
    total = sum(option.count or 0 for option in found.options)
    everything = Option(
        "", "", Tone.QUIET, total, not found.values, _url(resource, _narrowed(ask, found.name, ()))
    )
    return (everything, *(option for option in found.options if option.count or option.chosen))


def _chips(resource: Resource, ask: Ask, filters: Sequence[FilterView]) -> tuple[Chip, ...]:
    chips = [Chip("", ask.text, _url(resource, replace(ask, text="", cursor="")))] if ask.text else []
    for one in filters:
        texts = {option.value: option.text for option in one.options}
        for value in one.values:
            others = tuple(other for other in one.values if other != value)
            url = _url(resource, _narrowed(ask, one.name, others))
            chips.append(Chip(translate(one.label), texts.get(value, value), url))
    return tuple(chips)


def _verbs(app: App, principal: Principal, resource: Resource, wanted: Any) -> tuple[VerbLink, ...]:
    allows = app.floor.access.allows
    return tuple(
        VerbLink(verb, verb_url(resource, verb.name))
        for verb in resource.verbs
        if wanted(verb) and allows(principal, verb.permission)
    )
