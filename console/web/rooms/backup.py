"""Own pages of disaster recovery: the matrix, the history of runs, and what stands on the pages of its objects."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from backup.listings import HistoryEntry
from backup.lists import PlanState
from backup.overview import Place, Replica
from backup.resources.labels import FINDINGS, KINDS, LAYERS, LEVELS, RUN_STATES, STANDINGS, VERDICTS
from backup.resources.plans import PlanRecord, ReplicaRecord, plan_record, replica_record
from backup.resources.proofs import DrillRecord, VerificationRecord
from console.compose.app import App
from console.web.context import the_app, the_principal
from console.web.engine.links import item_url
from console.web.panels import Entry, Panel
from console.web.pictures import Bar, Bars
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import MOST, Ask

pages = Blueprint("backup", __name__, url_prefix="/backup")
MENU = (Entry(N_("What is proved where"), "backup.matrix", Permission.BACKUP_READ),)
_SHOWN_RUNS = 24
_SHORT = 80  # characters of a fact
_LABELS = {"layers": LAYERS, "levels": LEVELS, "kinds": KINDS, "verdicts": VERDICTS, "findings": FINDINGS}


@pages.get("/matrix")
def matrix() -> ResponseReturnValue:
    """Plan by site and layer: how old the data is, what was proved and when, and how the last drill went."""
    app, principal = the_app(), the_principal()
    now = app.clock.now()
    states = app.backup.lists.plans(principal, Ask(limit=MOST)).items
    return render_template(
        "backup/matrix.html",
        plans=[_plan_view(app, principal, state, now) for state in states],
        legend=list(STANDINGS.values()),
        labels=_LABELS,
    )


@pages.get("/history/<plan>.svg")
def history_svg(plan: str) -> ResponseReturnValue:
    """The run history of a plan as a file."""
    app = the_app()
    picture = _history(app, app.backup.lists.history(the_principal(), plan, _SHOWN_RUNS))
    return Response(picture.svg(), content_type="image/svg+xml")


def _plan_view(app: App, principal: Principal, state: PlanState, now: datetime) -> Mapping[str, Any]:
    record = plan_record(state)
    return {
        "record": record,
        "url": item_url("backup.plans", record.id),
        "run": RUN_STATES.get(record.last_state),
        "run_url": item_url("backup.runs", record.last_run) if record.last_run else "",
        "error": state.last.error if state.last else "",
        "sets": state.plan.sets,
        "rows": [_row(replica, now) for replica in state.replicas],
        "history": _history_view(app, principal, record.id),
    }


def _row(replica: Replica, now: datetime) -> Mapping[str, Any]:
    record = replica_record(replica, replica.worst(now))
    return {
        "record": record,
        "url": item_url("backup.replicas", record.id),
        "drill_url": item_url("backup.drills", record.drill) if record.drill else "",
        "kept": record.rto_seconds is not None and record.rto_seconds <= record.rto_aim_seconds,
        "cells": [
            (STANDINGS[replica.standing(planned.source, now)], replica.data_at(planned.source))
            for planned in replica.plan.sets
        ],
    }


def _history_view(app: App, principal: Principal, plan: str) -> Mapping[str, Any]:
    entries = app.backup.lists.history(principal, plan, _SHOWN_RUNS)
    return {
        "picture": _history(app, entries),
        "svg_url": url_for("backup.history_svg", plan=plan),
        "any": bool(entries),
        "id": f"history-{plan}",
    }


def _history(app: App, entries: list[HistoryEntry]) -> Bars:
    """One bar a run: how long it took; its tone is that of the state it reached."""
    zone = ZoneInfo(app.settings.timezone)
    bars = tuple(
        Bar(
            f"{entry.run.started_at.astimezone(zone):%m-%d %H:%M} {translate(RUN_STATES[entry.run.state].text)}",
            round(entry.seconds or 0, 1),
            RUN_STATES[entry.run.state].tone.value,
        )
        for entry in entries
    )
    return Bars(translate(N_("Seconds that each run took")), bars, translate(N_("sec.")))


# --- extra sections
def _plan(app: App, principal: Principal, record: PlanRecord) -> Mapping[str, Any]:
    return {"history": _history_view(app, principal, record.id)}


def _sets(app: App, principal: Principal, record: ReplicaRecord) -> Mapping[str, Any]:
    mine = [place for place in app.backup.status(principal) if _is_at(place, record)]
    replica = app.backup.lists.replica(principal, record.id)
    rows = [(LAYERS[one.layer], one, STANDINGS[one.standing], replica.data_at(one.set)) for one in mine]
    return {"rows": rows, "rpo": replica.plan.aims.rpo}


def _is_at(place: Place, record: ReplicaRecord) -> bool:
    return (place.plan, place.site) == (record.plan, record.site)


def _rungs(_app: App, _principal: Principal, record: VerificationRecord) -> Mapping[str, Any]:
    rows = [(LEVELS[one.level], VERDICTS[one.verdict], one.note) for one in record.outcomes]
    return {"rows": rows}


def _found(_app: App, _principal: Principal, record: VerificationRecord | DrillRecord) -> Mapping[str, Any]:
    return {"rows": [(FINDINGS[one.kind], one) for one in record.findings]}


def _compared(app: App, principal: Principal, record: DrillRecord) -> Mapping[str, Any]:
    """The measurement beside the plan's promise and the figures of the level that it aims at."""
    said = record.comparison
    tables = {table.edition: table for table in app.backup.levels(principal)}
    table = tables.get(str(said.get("edition")))
    return {
        "said": said,
        "level": table.levels.get(int(said["level"])) if table else None,
        "elements": [element.here for element in table.elements] if table else (),
    }


def _asked(_app: App, _principal: Principal, record: DrillRecord) -> Mapping[str, Any]:
    """Each check with its short facts; whole certificates and the like are in the report."""
    checks = [
        (check, [(name, value) for name, value in check.facts.items() if len(str(value)) <= _SHORT])
        for check in record.checks
    ]
    return {"checks": checks, "passed": VERDICTS["pass"], "failed": VERDICTS["fail"]}


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "backup.plans": (Panel(N_("History of runs"), "backup/history.html", _plan),),
    "backup.replicas": (Panel(N_("Sets at this site"), "backup/sets.html", _sets),),
    "backup.verifications": (
        Panel(N_("Rung by rung"), "backup/rungs.html", _rungs),
        Panel(N_("What is wrong with the replica"), "backup/findings.html", _found),
    ),
    "backup.drills": (
        Panel(N_("Against plan and level"), "backup/compared.html", _compared),
        Panel(N_("What the applications answered"), "backup/checks.html", _asked),
        Panel(N_("What is wrong with the replica"), "backup/findings.html", _found),
    ),
}
