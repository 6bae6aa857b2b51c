"""TLS endpoints and the certificates that they presented last."""

from datetime import datetime
from typing import Any, ClassVar

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from monitor.resources.labels import ENDPOINT_STATES
from monitor.standing import EndpointStanding


class EndpointRecord(Record):
    """``days_left`` until the certificate expires, negative afterwards; ``latency`` in ms until the connection stood."""

    moving: ClassVar[frozenset[str]] = frozenset(("days_left", "latency", "checked_at"))

    id: str
    name: str
    unit: str
    endpoint: str
    state: str
    days_left: int | None
    not_after: datetime | None
    tls: str
    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    key: str
    signature: str
    fingerprint: str
    problem: str
    latency: float | None
    checked_at: datetime | None


def _record(app: Any, one: EndpointStanding) -> EndpointRecord:
    told = ("subject", "issuer", "serial", "key", "signature", "fingerprint")
    left = None if one.not_after is None else (one.not_after - app.clock.now()).days
    return EndpointRecord(
        **{name: str(one.facts.get(name, "")) for name in told},
        **{name: getattr(one, name) for name in ("id", "name", "unit", "endpoint", "tls", "problem")},
        state=str(one.state),
        days_left=left,
        not_after=one.not_after,
        names=tuple(one.facts.get("names", ())),
        latency=None if one.latency is None else round(1000 * one.latency, 1),
        checked_at=one.checked_at,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[EndpointStanding] = app.monitor.endpoints.page(principal, ask)
    return page.map(lambda one: _record(app, one))


def _item(app: Any, principal: Principal, endpoint: str) -> EndpointRecord:
    return _record(app, app.monitor.endpoints.get(principal, endpoint))


def _check(app: Any, principal: Principal, endpoint: str, _given: Nothing) -> Done:
    job = app.monitor.endpoints.request(principal, (endpoint,) if endpoint else ())
    return Done(N_("The check is queued."), job=job, id=endpoint)


ENDPOINTS = Resource(
    name="monitor.endpoints",
    title=N_("TLS endpoints and their certificates"),
    one=N_("TLS endpoint"),
    permission=Permission.MONITOR_READ,
    record=EndpointRecord,
    page=_page,
    item=_item,
    headline="name",
    sort="not_after",
    facet="state",
    columns=(
        Column("name", N_("Service"), sort="name"),
        Column("state", N_("State"), Cell.STATE, labels=ENDPOINT_STATES),
        Column("days_left", N_("Days left"), Cell.NUMBER),
        Column("not_after", N_("Valid until"), Cell.TIME, sort="not_after"),
        Column("subject", N_("Certificate for"), Cell.CODE),
        Column("issuer", N_("Issued by"), Cell.CODE),
        Column("tls", N_("Protocol"), Cell.CODE),
        Column("endpoint", N_("Address and port"), Cell.CODE),
        Column("checked_at", N_("Checked"), Cell.TIME),
        Column("names", N_("Names in the certificate"), Cell.LIST, shown=False),
        Column("serial", N_("Serial number"), Cell.CODE, shown=False),
        Column("key", N_("Key"), Cell.CODE, shown=False),
        Column("signature", N_("Signature"), Cell.CODE, shown=False),
        Column("fingerprint", N_("SHA-256 fingerprint"), Cell.CODE, shown=False),
        Column("problem", N_("What is wrong"), shown=False),
        Column("latency", N_("Connects in, ms"), Cell.NUMBER, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=ENDPOINT_STATES),
        Filter("before", N_("Expires before"), FilterKind.TIME),
        Filter("tls", N_("Protocol"), FilterKind.TEXT),
    ),
    verbs=(
        Verb("check", N_("Check now"), Permission.MONITOR_CHECK, _check, bulk=True, key="o"),
        Verb("check-all", N_("Check all now"), Permission.MONITOR_CHECK, _check, on=On.LIST),
    ),
    related=(Related(N_("Findings"), "monitor.findings", lambda one: {"asset": one.id}),),
    empty=N_("No TLS endpoint: give entries of the register a tls_port."),
    searched=True,
    audited=False,
)
