"""Pictures of the certificates in the network: how long they still are valid, and who issued them."""

from collections.abc import Mapping
from typing import Any

from ca.resources.inventory import ORIGINS
from console.compose.app import App
from console.web.engine.links import list_url
from console.web.pictures import Bar, Bars
from kernel.i18n import N_, translate
from kernel.identity.model import Principal

_ENDED = N_("ended")


def overview(app: App, principal: Principal) -> Mapping[str, Any]:
    """What ``ca/inventory.html`` shows."""
    found = app.ca.inventory.figures(principal)
    return {
        "ages": ages(app, principal),
        "issuers": issuers(app, principal),
        "origins": [
            (
                label,
                found.origins.get(origin, 0),
                list_url("ca.endpoints", {"origin": origin, "present": "yes"}),
            )
            for origin, label in ORIGINS.items()
        ],
        "standing": app.ca.inventory.findings.standing(principal),
        "findings_url": f"{list_url('ca.inventory-findings')}?filter[state]=open&filter[state]=taken",
        "ranges_url": list_url("ca.ranges"),
    }


def ages(app: App, principal: Principal) -> Bars:
    """Endpoints by the days until their certificates end."""
    numbers = app.ca.inventory.figures(principal).ends
    bars = tuple(Bar(_span(span), number, "bad" if span == "<0" else "") for span, number in numbers.items())
    return Bars(
        translate(N_("Days until the certificates in the network end")), bars, translate(N_("endpoints"))
    )


def issuers(app: App, principal: Principal) -> Bars:
    """Endpoints by the issuers of their certificates."""
    numbers = app.ca.inventory.figures(principal).issuers
    bars = tuple(Bar(name, number) for name, number in numbers.items())
    return Bars(translate(N_("Certificates in the network by issuer")), bars, translate(N_("endpoints")))


def _span(span: str) -> str:
    if span == "<0":
        return translate(_ENDED)
    start, _, end = span.partition("-")
    if end:
        return translate(N_("%(from)s to %(to)s days"), **{"from": start, "to": end})
    return translate(N_("more than %(days)s days"), days=span.lstrip(">"))
