"""Configurations read beside their findings, and what changed between two versions."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.compose.app import App
from console.web.context import the_app, the_principal
from console.web.panels import Entry, Panel
from kernel.edges.shared import SEVERITIES
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask
from netops.compliance.model import PRESENT
from netops.resources.devices import DeviceRecord
from netops.resources.findings import FindingRecord
from netops.resources.labels import FINDING_STATES
from netops.resources.versions import VersionRecord

pages = Blueprint("netops", __name__, url_prefix="/netops")
MENU: tuple[Entry, ...] = ()

MOST_LINES = 10_000  # of a configuration on a page; the download has all of them
AROUND = 6  # lines before and after one that a finding names
VERSIONS = 200  # to choose from
VIEWS = ("split", "unified")


@pages.get("/devices/<device>/diff")
def diff(device: str) -> ResponseReturnValue:
    """Two versions of a device side by side; ``from`` and ``to`` are versions or their first digits."""
    app, principal = the_app(), the_principal()
    found = app.netops.devices.get(principal, device)
    old, new = request.args.get("from", "").strip(), request.args.get("to", "").strip()
    known = app.netops.versions.page(principal, Ask(limit=VERSIONS).narrowed(device_id=found.id))
    view = request.args.get("view", "")
    return render_template(
        "netops/diff.html",
        device=found,
        found=app.netops.versions.compare(principal, found.id, old, new),
        versions=known.items,
        view=view if view in VIEWS else "",
        severities=SEVERITIES,
    )


def _configuration(app: App, principal: Principal, version: VersionRecord) -> Mapping[str, Any]:
    reviewed = app.netops.versions.review(principal, version.id)
    return {
        "lines": list(enumerate(reviewed.lines[:MOST_LINES], 1)),
        "hidden": max(0, len(reviewed.lines) - MOST_LINES),
        "severities": SEVERITIES,
        "states": FINDING_STATES,
        "notes": reviewed.notes,
    }


def _mending(app: App, principal: Principal, finding: FindingRecord) -> Mapping[str, Any]:
    """The line among its neighbours, if it is still there, and what the rule says of it."""
    rule = app.netops.rules.get(principal, finding.rule)
    language = current_language()
    return {
        "rationale": rule.rationale.text(language),
        "standard": rule.standard,
        "context": _context(app, principal, finding),
    }


def _context(app: App, principal: Principal, finding: FindingRecord) -> list[tuple[int, str]]:
    if finding.state not in PRESENT or not finding.line:
        return []
    lines = app.netops.versions.text(principal, finding.version_id).splitlines()
    numbered = list(enumerate(lines, 1))
    return numbered[max(0, finding.line - 1 - AROUND) : finding.line + AROUND]


def _last_change(app: App, principal: Principal, device: DeviceRecord) -> Mapping[str, Any]:
    known = app.netops.versions.page(principal, Ask(limit=2).narrowed(device_id=device.id))
    return {"newest": known.items[0] if known.items else None, "several": known.total > 1}


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "netops.devices": (
        Panel(N_("Last change"), "netops/last_change.html", _last_change, Permission.NETOPS_CONFIG_READ),
    ),
    "netops.versions": (Panel(N_("Configuration"), "netops/configuration.html", _configuration),),
    "netops.findings": (
        Panel(N_("In the configuration, and how to mend it"), "netops/mending.html", _mending),
    ),
}
