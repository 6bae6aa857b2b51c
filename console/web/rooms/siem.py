"""Own pages and extra sections of the security monitoring centre: the event search; what stands behind alerts and cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.compose.app import App
from console.exchange.asking import ask_of
from console.problems import HTTP_STATUS
from console.web.context import the_app, the_principal
from console.web.engine import routes
from console.web.engine.links import item_url, list_url
from console.web.panels import Entry, Panel
from console.web.rooms.siem_search import Links, SearchView, search_view
from kernel.errors import ErrorCode
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from siem.ecs import Document
from siem.events import USUAL_RANGE
from siem.model import TimelineEntry
from siem.observed import SEARCHED, observed_in
from siem.query_text import with_term
from siem.resources.alerts import AlertRecord
from siem.resources.alerts import record_of as alert_record
from siem.resources.cases import CaseRecord
from siem.resources.events import EVENTS, SHOWN, EventRecord
from siem.resources.events import record_of as event_record
from siem.resources.labels import ALERT_STATES, CASE_STATES, OBSERVABLES, VERDICTS
from siem.resources.rules import RuleRecord
from siem.resources.rules import record_of as rule_record

pages = Blueprint("siem", __name__, url_prefix="/siem")
MENU: tuple[Entry, ...] = ()
MOST_SEEN = 40  # values that an alert's events name
EVENTS_SHOWN = 50

# kind of a timeline's entry -> what it is called
KINDS: Mapping[str, str] = {
    "raised": N_("Raised by its rule"),
    "acknowledged": N_("Taken on"),
    "assigned": N_("Assigned to"),
    "closed": N_("Closed alert"),
    "reopened": N_("Opened again"),
    "case": N_("Put into a case"),
    "opened": N_("Case opened"),
    "state": N_("State of the case"),
    "owner": N_("Taken over"),
    "alert": N_("Alert added"),
    "event": N_("Event added"),
    "note": N_("Note"),
    "task": N_("Task added"),
    "done": N_("Task finished"),
    "observable": N_("Observable"),
}


@pages.get("/events")
def search() -> ResponseReturnValue:
    """The event search stands where the plain list of events would."""
    app, principal = the_app(), the_principal()
    if "format" in request.args:
        return routes.listed(EVENTS)
    zone = ZoneInfo(app.settings.timezone)
    ask = ask_of(EVENTS, request.args.to_dict(flat=False), zone=zone)
    if not ask.filters:  # said, not meant: what is exported or kept is what is shown
        ask = replace(ask, filters={"range": (USUAL_RANGE,)})
    kept = app.floor.preferences.all(principal)
    shown: SearchView = search_view(app, principal, ask, kept, zone)
    status = HTTP_STATUS[ErrorCode.INVALID] if shown.fault else 200
    return render_template("siem/search.html", view=shown), status


@pages.get("/events/<event_id>/fields")
def fields(event_id: str) -> ResponseReturnValue:
    """All of one event, for a row that was opened; its links narrow the search that it was found by."""
    app, principal = the_app(), the_principal()
    found = event_record(app.siem.events.event(principal, event_id))
    ask = ask_of(EVENTS, request.args.to_dict(flat=False), zone=ZoneInfo(app.settings.timezone))
    return render_template("siem/fields.html", panel={"event": found, "links": Links(ask)})


# --- sections of an alert
def _events_behind(app: App, principal: Principal, alert: AlertRecord) -> Mapping[str, Any]:
    found = app.siem.triage.evidence_of(principal, alert.id, EVENTS_SHOWN)
    return {"events": _shown(found), "more": max(0, alert.count - len(found))}


def _rule(app: App, principal: Principal, alert: AlertRecord) -> Mapping[str, Any]:
    rule = rule_record(app.siem.rules.rule(principal, alert.rule))
    return {"rule": rule, "url": item_url("siem.rules", rule.name)}


def _seen_before(app: App, principal: Principal, alert: AlertRecord) -> Mapping[str, Any]:
    found = [alert_record(one) for one in app.siem.triage.earlier(principal, alert.id)]
    rows = [(one, item_url("siem.alerts", one.id)) for one in found]
    return {"rows": rows, "states": ALERT_STATES, "verdicts": VERDICTS}


def _named(app: App, principal: Principal, alert: AlertRecord) -> Mapping[str, Any]:
    found = observed_in(app.siem.triage.evidence_of(principal, alert.id, EVENTS_SHOWN))
    rows = [
        {
            "label": OBSERVABLES[kind].text,
            "value": value,
            "events": list_url("siem.events", q=with_term("", SEARCHED[kind], value)),
            "alerts": list_url("siem.alerts", q=value),
            "cases": list_url("siem.observables", {"value": value}),
        }
        for kind, value in found[:MOST_SEEN]
    ]
    return {"rows": rows, "more": max(0, len(found) - MOST_SEEN)}


def _alert_timeline(app: App, principal: Principal, alert: AlertRecord) -> Mapping[str, Any]:
    raised = TimelineEntry(alert.raised_at, "", "raised", alert.rule)
    entries = [raised, *app.siem.triage.timeline(principal, alert.id)]
    return {"entries": _told(entries)}


# --- sections of a case
def _case_timeline(app: App, principal: Principal, case: CaseRecord) -> Mapping[str, Any]:
    entries = app.siem.cases.case(principal, case.id).timeline
    return {"entries": _told(entries), "marks": _marks(entries)}


def _case_events(app: App, principal: Principal, case: CaseRecord) -> Mapping[str, Any]:
    found = app.siem.cases.events_of(principal, case.id)
    return {"events": _shown(found), "more": 0}


def _evidence(_app: App, _principal: Principal, case: CaseRecord) -> Mapping[str, Any]:
    return {
        "closed": case.state == "closed",
        "url": list_url("evidence.records", {"subject": case.id}),
    }


# --- sections of an event
def _all_fields(_app: App, _principal: Principal, event: EventRecord) -> Mapping[str, Any]:
    return {"event": event, "links": Links()}


# --- sections of a rule
def _rule_text(_app: App, _principal: Principal, rule: RuleRecord) -> Mapping[str, Any]:
    return {"text": rule.text}


@dataclass(frozen=True)
class Told:
    """A line of a timeline: ``label`` is a message id, ``text`` as it is shown, ``url`` where it leads ("" for nowhere)."""

    entry: TimelineEntry
    label: str
    text: str
    url: str


def _told(entries: Sequence[TimelineEntry]) -> list[Told]:
    """Newest first, each with what its kind is called."""
    return [_one_told(entry) for entry in reversed(entries)]


def _one_told(entry: TimelineEntry) -> Told:
    text, url = entry.text, ""
    if entry.kind == "state":  # "open → contained: why"
        move, _, why = text.partition(": ")
        names = [translate(CASE_STATES[state].text) for state in move.split(" → ") if state in CASE_STATES]
        text = f"{' → '.join(names)} · {why}"
    elif entry.kind == "case":
        url = item_url("siem.cases", text)
    elif entry.kind == "alert":
        text, _, alert = text.rpartition(": ")
        url = item_url("siem.alerts", alert)
    return Told(entry, KINDS.get(entry.kind, entry.kind), text, url)


WIDTH = 960  # of the timeline's picture, in its own units


def _marks(entries: Sequence[TimelineEntry]) -> list[dict[str, Any]]:
    """Where each entry stands on a line from the first to the last."""
    if not entries:
        return []
    first, span = entries[0].at, (entries[-1].at - entries[0].at).total_seconds() or 1.0
    return [
        {
            "x": round(20 + (WIDTH - 40) * (entry.at - first).total_seconds() / span, 1),
            "entry": entry,
            "label": KINDS.get(entry.kind, entry.kind),
        }
        for entry in entries
    ]


def _shown(found: Sequence[Document]) -> list[EventRecord]:
    return [event_record(document, SHOWN * 10) for document in found]


_READ_EVENTS = Permission.SIEM_EVENT_READ
PANELS: Mapping[str, tuple[Panel, ...]] = {
    "siem.alerts": (
        Panel(N_("The rule behind it"), "siem/rule.html", _rule, Permission.SIEM_RULE_READ),
        Panel(N_("Seen before"), "siem/seen.html", _seen_before),
        Panel(N_("What its events name"), "siem/named.html", _named, _READ_EVENTS),
        Panel(N_("The events behind it"), "siem/events.html", _events_behind),
        Panel(N_("What has been done"), "siem/timeline.html", _alert_timeline),
    ),
    "siem.cases": (
        Panel(N_("Timeline"), "siem/timeline.html", _case_timeline),
        Panel(N_("Events put in one by one"), "siem/events.html", _case_events, _READ_EVENTS),
        Panel(N_("Evidence"), "siem/evidence.html", _evidence, Permission.EVIDENCE_READ),
    ),
    "siem.rules": (Panel(N_("Text of the rule"), "siem/rule_text.html", _rule_text),),
    "siem.events": (Panel(N_("All fields"), "siem/fields.html", _all_fields),),
}
