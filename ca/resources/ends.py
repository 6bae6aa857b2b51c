"""Certificates of CAs and services that somebody has to renew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ca.ends.store import Ending
from ca.resources.labels import AUTHORITY_KINDS, ROLES, authority_names
from kernel.edges.resources import Cell, Column, Filter, Label, Labels, Link, Record, Resource, Tone
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page

STATES: Labels = {
    "due": Label(N_("renewal is due"), Tone.WARN),
    "soon": Label(N_("ends within a month"), Tone.BAD),
    "ended": Label(N_("past its time"), Tone.BAD),
}
KINDS: Labels = {
    "authority": Label(N_("CA: renew its certificate or roll its key over")),
    "service": Label(N_("Service: provision it anew")),
}


class EndingRecord(Record):
    id: str
    name: str
    kind: str
    role: str
    state: str
    subject: str
    not_after: datetime
    place: str
    resource: str


_PLACES = {
    "authority": ("ca.authorities", N_("to the page of the CA")),
    "service": ("ca.services", N_("to the page of the service")),
}


def ending_record(found: Ending, names: Mapping[str, str]) -> EndingRecord:
    """``names`` of CAs by id."""
    resource, place = _PLACES[found.kind]
    return EndingRecord(
        id=found.id,
        name=_called(found, names),
        kind=found.kind,
        role=found.role,
        state=str(found.state),
        subject=respelled(found.subject),
        not_after=found.not_after,
        place=translate(place),
        resource=resource,
    )


def _called(found: Ending, names: Mapping[str, str]) -> str:
    if found.kind == "authority":
        return found.name
    own = found.id.removeprefix(f"{found.role}-")  # of the service of a CA: that CA
    role = translate(ROLES[found.role].text)
    return f"{role} · {names[own]}" if own in names else role


def _page(app: Any, principal: Principal, ask: Ask) -> Page[EndingRecord]:
    names = authority_names(app, principal)
    return app.ca.ends.page(principal, ask).map(lambda one: ending_record(one, names))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, own_id: str) -> EndingRecord:
    return ending_record(app.ca.ends.get(principal, own_id), authority_names(app, principal))


ENDS = Resource(
    name="ca.ends",
    title=N_("CAs and services to be renewed"),
    one=N_("CA or service to be renewed"),
    permission=Permission.CA_READ,
    record=EndingRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name")),
        Column("state", N_("State"), Cell.STATE, STATES),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="ends"),
        Column("kind", N_("What to do"), Cell.STATE, KINDS),
        Column("place", N_("Where to do it"), link=Link("", "id", "resource")),
        Column("role", N_("What it is"), Cell.STATE, {**AUTHORITY_KINDS, **ROLES}, shown=False),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("id", N_("Short name"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=STATES), Filter("kind", N_("What to do"), labels=KINDS)),
    sort="ends",
    facet="state",
    empty=N_("No CA and no service is near its end. They are looked at every day."),
)
