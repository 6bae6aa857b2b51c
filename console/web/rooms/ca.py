"""Own pages of the certificate authority: the state of publication, and what stands on a certificate's page."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ca.encoding.decoded import decode
from ca.model import ChainLink
from ca.resources.certificates import CertificateRecord
from ca.resources.labels import (
    CERTIFICATE_STATES,
    FRESHNESS,
    KEY_USAGES,
    LISTED,
    PROOF_STATES,
    REASON_LABELS,
    ROLES,
    TOLD,
    authority_names,
    common_name_of,
    key_algorithms,
)
from ca.resources.lists import KINDS, crl_record
from ca.resources.services import service_record
from console.compose.app import App
from console.web.context import the_app, the_principal
from console.web.engine.links import item_url, list_url
from console.web.panels import Entry, Panel
from console.web.pictures import Bar, Bars, Edge, Graph, Node
from console.web.rooms import ca_hierarchy, ca_inventory, ca_log, ca_profiles
from console.web.rooms.ca_validation import report
from kernel.canonical import iso_utc
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask

pages = Blueprint("ca", __name__, url_prefix="/ca")
MENU = (
    Entry(N_("State of publication"), "ca.status", Permission.CA_READ),
    Entry(N_("Certificates in the network at a glance"), "ca.inventory", Permission.CA_INVENTORY_READ),
)
_SOON = (30, 60, 90)  # days
_MONTHS = 12
_WEEKS = 12


# --- the state of publication
@pages.get("/status")
def status() -> ResponseReturnValue:
    """CRLs and their age, the services' certificates, counts by state, what ends soon and in which month."""
    app, principal = the_app(), the_principal()
    picture, week = _ending(app, principal), _issued(app, principal)
    names = authority_names(app, principal)
    return render_template(
        "ca/status.html",
        as_of=app.clock.now(),
        crls=[_with_url("ca.crls", crl_record(one), "id") for one in _crls(app, principal)],
        services=[
            _with_url("ca.services", service_record(one, names), "id") for one in _services(app, principal)
        ],
        counts=_counts(app, principal),
        soon=_soon(app, principal),
        picture=picture,
        svg_url=url_for("ca.ending_svg"),
        week=week,
        week_url=url_for("ca.issued_svg"),
        freshness=FRESHNESS,
        kinds=KINDS,
        **_visibility(app, principal),
        roles=ROLES,
    )


@pages.get("/status/ending.svg")
def ending_svg() -> ResponseReturnValue:
    """Certificates that end, by month, as a file."""
    return Response(_ending(the_app(), the_principal()).svg(), content_type="image/svg+xml")


@pages.get("/status/issued.svg")
def issued_svg() -> ResponseReturnValue:
    """Certificates issued, by week, as a file."""
    return Response(_issued(the_app(), the_principal()).svg(), content_type="image/svg+xml")


def _crls(app: App, principal: Principal) -> Sequence[Any]:
    return app.ca.lists.page(principal, Ask()).items


def _visibility(app: App, principal: Principal) -> Mapping[str, Any]:
    """Prepared OCSP answers, and the change of the last month that relying parties saw last."""
    prepared, oldest = app.ca.preparation.stands(principal)
    worst = app.ca.proofs.worst(principal, app.clock.now() - timedelta(days=30))
    url = item_url("ca.certificates", worst.serial) if worst else ""
    return {
        "prepared": prepared,
        "oldest": oldest,
        "worst": worst,
        "worst_url": url,
        "proof_states": PROOF_STATES,
    }


def _services(app: App, principal: Principal) -> Sequence[Any]:
    return app.ca.overview.services(principal, Ask()).items


def _with_url(name: str, record: Any, key: str) -> tuple[Any, str]:
    return record, item_url(name, getattr(record, key))


def _counts(app: App, principal: Principal) -> list[tuple[Any, int, str]]:
    """(label, number, list) of each state."""
    counts = app.ca.overview.counts(principal)
    return [
        (label, counts.get(state, 0), list_url("ca.certificates", {"state": state}))
        for state, label in CERTIFICATE_STATES.items()
    ]


def _soon(app: App, principal: Principal) -> list[tuple[int, int, str]]:
    """(days, number, list) of what ends within 30, 60 and 90 days."""
    now = app.clock.now()
    bounds = [now, *(now + timedelta(days=days) for days in _SOON)]
    found, total = [], 0
    for days, month in zip(_SOON, app.ca.overview.ending(principal, bounds), strict=True):
        total += month.certificates
        filters = {"expires_after": iso_utc(now), "expires_before": iso_utc(month.end)}
        found.append((days, total, _in_use(filters)))
    return found


def _in_use(filters: Mapping[str, str]) -> str:
    states = "&".join(f"filter[state]={state}" for state in ("issued", "held"))
    return f"{list_url('ca.certificates', filters, sort='expires')}&{states}"


def _ending(app: App, principal: Principal) -> Bars:
    """How many certificates in use end in each of the coming months of the local calendar."""
    zone = ZoneInfo(app.settings.timezone)
    months = app.ca.overview.ending(principal, _starts(app.clock.now().astimezone(zone)))
    bars = tuple(Bar(f"{one.start.astimezone(zone):%Y-%m}", one.certificates) for one in months)
    return Bars(translate(N_("Certificates that end, by month")), bars, translate(N_("certificates")))


def _issued(app: App, principal: Principal) -> Bars:
    """How many certificates were issued in each of the last weeks of the local calendar, the newest last."""
    zone = ZoneInfo(app.settings.timezone)
    today = app.clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    bounds = [monday + timedelta(weeks=number + 1 - _WEEKS) for number in range(_WEEKS + 1)]
    weeks = app.ca.overview.issued(principal, bounds)
    bars = tuple(Bar(f"{one.start.astimezone(zone):%m-%d}", one.certificates) for one in weeks)
    return Bars(
        translate(N_("Certificates issued, by week from Monday")), bars, translate(N_("certificates"))
    )


def _starts(now: datetime) -> list[datetime]:
    """The beginnings of this month and the following ones."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = [first.year * 12 + first.month - 1 + number for number in range(_MONTHS + 1)]
    return [first.replace(year=month // 12, month=month % 12 + 1) for month in months]


@pages.get("/hierarchy.svg")
def hierarchy_svg() -> ResponseReturnValue:
    """All CAs as a picture."""
    return Response(ca_hierarchy.graph(the_app(), the_principal()).svg(), content_type="image/svg+xml")


# --- certificates in the network
@pages.get("/inventory")
def inventory() -> ResponseReturnValue:
    """How the certificates that endpoints present stand."""
    svg = {"ages_svg": url_for("ca.ages_svg"), "issuers_svg": url_for("ca.issuers_svg")}
    return render_template("ca/inventory.html", **ca_inventory.overview(the_app(), the_principal()), **svg)


@pages.get("/inventory/ages.svg")
def ages_svg() -> ResponseReturnValue:
    """Days to their ends as a file."""
    return Response(ca_inventory.ages(the_app(), the_principal()).svg(), content_type="image/svg+xml")


@pages.get("/inventory/issuers.svg")
def issuers_svg() -> ResponseReturnValue:
    """Their issuers as a file."""
    return Response(ca_inventory.issuers(the_app(), the_principal()).svg(), content_type="image/svg+xml")


# --- sections of a certificate's page
@pages.get("/chain/<serial>.svg")
def chain_svg(serial: str) -> ResponseReturnValue:
    """The chain from the root to a certificate as a file."""
    links = the_app().ca.overview.chain(the_principal(), serial)
    return Response(_graph(links).svg(), content_type="image/svg+xml")


def _chain(app: App, principal: Principal, record: CertificateRecord) -> Mapping[str, Any]:
    links = app.ca.overview.chain(principal, record.serial)
    return {
        "picture": _graph(links),
        "svg_url": url_for("ca.chain_svg", serial=record.serial),
        "rows": [
            (common_name_of(one.subject), one, CERTIFICATE_STATES[one.state], _url(one)) for one in links
        ],
    }


def _graph(links: Sequence[ChainLink]) -> Graph:
    nodes = tuple(
        Node(
            one.serial,
            common_name_of(one.subject),
            tone=CERTIFICATE_STATES[one.state].tone.value,
            url=_url(one),
        )
        for one in links
    )
    signed = translate(N_("has signed"))
    edges = tuple(Edge(above.serial, below.serial, signed) for above, below in pairwise(links))
    return Graph(translate(N_("Chain of certificates")), nodes, edges)


def _url(link: ChainLink) -> str:
    """A CA leads to its own page, a leaf to its certificate's."""
    return (
        item_url("ca.authorities", link.authority)
        if link.authority
        else item_url("ca.certificates", link.serial)
    )


def _fields(app: App, principal: Principal, record: CertificateRecord) -> Mapping[str, Any]:
    found = app.ca.lifecycle.show(principal, record.serial)
    return {
        "fields": decode(found.der) if found.der else None,
        "usages": KEY_USAGES,
        "algorithms": key_algorithms(app, principal),
    }


def _proofs(app: App, principal: Principal, record: CertificateRecord) -> Mapping[str, Any]:
    return {"found": app.ca.proofs.of(principal, record.serial), "states": PROOF_STATES}


def _standing(app: App, principal: Principal, record: CertificateRecord) -> Mapping[str, Any]:
    found = app.ca.relying_party.standing(principal, record.serial)
    return {
        "found": found,
        "told": TOLD[found.ocsp],
        "listed": LISTED[str(found.crl)],
        "reason": REASON_LABELS.get(found.ocsp_reason),
        "crl_url": item_url("ca.crls", record.authority),
    }


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "ca.authorities": (
        Panel(N_("Hierarchy and certificates"), "ca/hierarchy.html", ca_hierarchy.of_authority),
    ),
    "ca.ceremonies": (Panel(N_("Steps of the ceremony"), "ca/steps.html", ca_hierarchy.of_ceremony),),
    "ca.offline": (Panel(N_("What is to be signed"), "ca/orders.html", ca_hierarchy.of_request),),
    "ca.validations": (Panel(N_("Report"), "ca/report.html", report),),
    "ca.certificates": (
        Panel(N_("What relying parties are told now"), "ca/standing.html", _standing),
        Panel(N_("What relying parties saw of each change"), "ca/proofs.html", _proofs),
        Panel(N_("Chain of certificates"), "ca/chain.html", _chain),
        Panel(N_("Fields of the certificate"), "ca/fields.html", _fields),
        Panel(N_("In the transparency log"), "ca/logged.html", ca_log.of_certificate),
    ),
    "ca.profile-versions": (Panel(N_("What changes"), "ca/profile_changes.html", ca_profiles.changes),),
    "ca.log-entries": (Panel(N_("Proof of inclusion"), "ca/logged.html", ca_log.of_entry),),
    "ca.tree-heads": (Panel(N_("The log now"), "ca/log_state.html", ca_log.of_head),),
}
