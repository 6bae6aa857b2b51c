"""A detail page: the object's values, extra sections, what belongs to it, and what may be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from console.compose.app import App
from console.web.engine.links import cell_url, item_url, list_url
from console.web.engine.lists import CellView, ListView, Named, VerbLink, list_view, verb_links
from console.web.engine.names import called, entitled, names_in, value_of
from console.web.panels import Panel
from kernel.edges.resources import On, Related, Resource, Verb
from kernel.errors import WeichengError
from kernel.i18n import translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask

RELATED = 10  # rows of another list on a detail page


@dataclass(frozen=True)
class PanelView:
    title: str
    template: str
    panel: Mapping[str, Any]
    fault: str = ""


@dataclass(frozen=True)
class RelatedView:
    label: str
    list: ListView | None
    url: str
    fault: str = ""


@dataclass(frozen=True)
class ItemView:
    """All that the template of a detail page needs."""

    resource: Resource
    id: str
    headline: str
    heading: (
        str  # what stands above the page: the headline, and before a mere number or code what it is one of
    )
    record: Any
    values: tuple[CellView, ...]
    verbs: tuple[VerbLink, ...]
    downloads: tuple[Named, ...]
    panels: tuple[PanelView, ...]
    related: tuple[RelatedView, ...]
    url: str
    list_url: str
    audit_url: str


def item_view(
    app: App,
    principal: Principal,
    resource: Resource,
    object_id: str,
    panels: Sequence[Panel],
    others: Mapping[str, Resource],
) -> ItemView:
    """Ask the room's service for the object and lay it out; a section whose service fails says so and hides no other."""
    assert resource.item is not None
    record = resource.item(app, principal, object_id)
    allows = app.floor.access.allows
    found_id = str(getattr(record, resource.key))
    audited = resource.audited and allows(principal, Permission.AUDIT_READ)
    return ItemView(
        resource=resource,
        id=found_id,
        headline=called(resource, record),
        heading=entitled(resource, record),
        record=record,
        values=_values(app, principal, resource, record),
        verbs=verb_links(app, principal, resource, partial(_applies, principal, record), found_id),
        downloads=_downloads(app, principal, resource, record, found_id),
        panels=tuple(
            _panel(app, principal, one, record) for one in panels if allows(principal, one.permission)
        ),
        related=tuple(
            _related(app, principal, one, record, other)
            for one, other in ((one, others[one.resource]) for one in resource.related)
            if allows(principal, other.permission)
        ),
        url=item_url(resource.name, found_id),
        list_url=list_url(resource.name),
        audit_url=list_url("audit.records", {"target": found_id}) if audited else "",
    )


def _applies(principal: Principal, record: Any, verb: Verb) -> bool:
    own = verb.not_by != "" and getattr(record, verb.not_by) == principal.id
    theirs = verb.only_by != "" and getattr(record, verb.only_by) != principal.id
    return verb.on is On.ITEM and verb.when(record) and not own and not theirs


def _values(app: App, principal: Principal, resource: Resource, record: Any) -> tuple[CellView, ...]:
    names = names_in(app, principal, resource.columns, (record,))
    return tuple(
        CellView(one, value_of(one, record, names), cell_url(one, record)) for one in resource.columns
    )


def _downloads(
    app: App, principal: Principal, resource: Resource, record: Any, found_id: str
) -> tuple[Named, ...]:
    return tuple(
        Named(translate(one.label), item_url(resource.name, found_id, "download", one.name))
        for one in resource.downloads
        if one.on is On.ITEM and one.when(record) and app.floor.access.allows(principal, one.permission)
    )


def _panel(app: App, principal: Principal, panel: Panel, record: Any) -> PanelView:
    try:
        return PanelView(panel.title, panel.template, panel.load(app, principal, record))
    except WeichengError as error:
        return PanelView(panel.title, panel.template, {}, error.text())


def _related(app: App, principal: Principal, one: Related, record: Any, other: Resource) -> RelatedView:
    filters = dict(one.filters(record))
    url = list_url(other.name, filters)
    ask = Ask(filters={name: (value,) for name, value in filters.items()}, limit=RELATED)
    try:
        return RelatedView(one.label, list_view(app, principal, other, ask), url)
    except WeichengError as error:
        return RelatedView(one.label, None, url, error.text())
