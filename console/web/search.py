"""Search over everything: the first finds in each kind of object, and the way to the whole list of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.compose.app import App
from console.resources import resources
from console.web.context import the_app, the_principal
from console.web.engine.links import item_url, list_url
from console.web.engine.names import Names, called, names_in, value_of
from kernel.edges.resources import Cell, Column, Resource
from kernel.errors import WeichengError
from kernel.identity.model import Principal
from kernel.store.listing import LONGEST, Ask

pages = Blueprint("search", __name__)
FIRST = 5  # finds shown of each kind
BESIDE = 3  # values shown beside a find's name


@dataclass(frozen=True)
class Find:
    """An object: what it is called, where it is, some of its values with their columns."""

    headline: str
    url: str
    values: tuple[tuple[Column, Any], ...]


@dataclass(frozen=True)
class Finds:
    """The first finds of one kind. ``url`` is the list of all; ``fault`` says why its service could not tell."""

    title: str
    url: str
    items: tuple[Find, ...] = ()
    total: int = 0
    counted: bool = True
    fault: str = ""


@pages.get("/search")
def page() -> ResponseReturnValue:
    sought = request.args.get("q", "").strip()[:LONGEST]
    groups = find(the_app(), the_principal(), sought, resources()) if sought else []
    return render_template("search.html", sought=sought, groups=groups)


def find(app: App, principal: Principal, text: str, among: Mapping[str, Resource]) -> list[Finds]:
    """What the principal may see of each searched kind; kinds without a find are left out."""
    allows = app.floor.access.allows
    wanted = [one for one in among.values() if one.searched and one.item is not None]
    seen = [one for one in wanted if one.permission is None or allows(principal, one.permission)]
    asked = Ask(text=text, limit=FIRST)
    groups = [finds(app, principal, one, asked, list_url(one.name, q=text), one.title) for one in seen]
    return [group for group in groups if group.items or group.fault]


def finds(app: App, principal: Principal, resource: Resource, ask: Ask, url: str, title: str) -> Finds:
    """The first of what the list answers; a service that fails says so in place of them."""
    try:
        found = resource.page(app, principal, ask)
    except WeichengError as error:
        return Finds(title, url, fault=error.text())
    beside = _beside(resource)
    names = names_in(app, principal, beside, found.items)
    items = tuple(_item(resource, record, beside, names) for record in found.items)
    return Finds(title, url, items, found.total, found.counted)


def _beside(resource: Resource) -> list[Column]:
    named = resource.headline or resource.key
    shown = (one for one in resource.columns if one.shown and one.name != named and one.cell is not Cell.LONG)
    return list(shown)[:BESIDE]


def _item(resource: Resource, record: Any, beside: Sequence[Column], names: Names) -> Find:
    return Find(
        headline=called(resource, record),
        url=item_url(resource.name, str(getattr(record, resource.key))),
        values=tuple((one, value_of(one, record, names)) for one in beside),
    )
