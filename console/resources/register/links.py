"""Physical links of the register, which topology checks compare with what neighbours tell."""

from typing import Any

from pydantic import Field

from console.resources.register.common import Table, sent, template_of, told
from kernel.assets.model import Link as Line
from kernel.assets.model import ListedLink
from kernel.assets.rows import LINK_COLUMNS
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    Link,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_READ, _WRITE = Permission.ASSET_READ, Permission.ASSET_WRITE


class LinkView(Record):
    """A link between two ports; ``a`` and ``b`` are ids of entries."""

    id: str
    ends: str
    a: str
    a_name: str
    a_port: str
    b: str
    b_name: str
    b_port: str


class LinkInput(Input):
    a: str = Field(title=N_("One end"), description=N_("Name or id of the entry."), max_length=100)
    a_port: str = Field(title=N_("Its port"), max_length=100)
    b: str = Field(title=N_("Other end"), description=N_("Name or id of the entry."), max_length=100)
    b_port: str = Field(title=N_("Port of the other end"), max_length=100)
    reason: str = Field("", title=N_("Reason"), max_length=1000)


def _shown(listed: ListedLink) -> LinkView:
    ends = f"{listed.a_name} {listed.a_port} - {listed.b_name} {listed.b_port}"
    return LinkView(**vars(listed), ends=ends)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[ListedLink] = app.assets.links_page(principal, ask)
    return page.map(_shown)


def _item(app: Any, principal: Principal, link_id: str) -> LinkView:
    return _shown(app.assets.link(principal, link_id))


def _add(app: Any, principal: Principal, _id: str, given: LinkInput) -> Done:
    made = app.assets.put_link(
        principal, Line(given.a, given.a_port, given.b, given.b_port), given.reason or None
    )
    return Done(N_("The link is registered."), record=_item(app, principal, made.id), id=made.id)


def _remove(app: Any, principal: Principal, link_id: str, given: Reason) -> Done:
    app.assets.remove_link(principal, app.assets.link(principal, link_id).link, given.reason)
    return Done(N_("The link is removed."))


def _import(app: Any, principal: Principal, _id: str, given: Table) -> Done:
    options = {"all_or_nothing": given.all_or_nothing, "dry_run": given.dry_run}
    return told(app.assets.import_links(principal, sent(given), **options))


LINKS = Resource(
    name="assets.links",
    title=N_("Links"),
    one=N_("Link"),
    permission=_READ,
    record=LinkView,
    page=_page,
    item=_item,
    headline="ends",
    columns=(
        Column("a_name", N_("One end"), sort="a", link=Link("assets.assets", "a")),
        Column("a_port", N_("Its port"), Cell.CODE),
        Column("b_name", N_("Other end"), sort="b", link=Link("assets.assets", "b")),
        Column("b_port", N_("Port of the other end"), Cell.CODE),
        Column("id", N_("Id"), Cell.CODE, shown=False),
    ),
    filters=(Filter("asset", N_("Id of an entry at either end"), FilterKind.TEXT),),
    verbs=(
        Verb("add", N_("Register a link"), _WRITE, _add, LinkInput, on=On.NEW),
        Verb("import", N_("Import a table"), _WRITE, _import, Table, on=On.LIST),
        Verb("remove", N_("Remove"), _WRITE, _remove, Reason, danger=True, bulk=True),
    ),
    downloads=(template_of(LINK_COLUMNS, "links"),),
    sort="a",
    empty=N_("No link is registered yet: register one, or import a table."),
    audited=False,
)
