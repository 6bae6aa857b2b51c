"""Own pages and extra sections of the kernel's objects: audit records, jobs, evidence, the register."""

import io
import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, send_file
from flask.typing import ResponseReturnValue

from console.compose.app import App
from console.resources import resources
from console.resources.audit import AuditRecordView
from console.resources.evidence import CHECK_STATES, CHECKS, EvidenceView
from console.resources.jobs import JobView
from console.web.context import the_app, the_principal
from console.web.engine.links import item_url, list_url
from console.web.panels import Entry, Panel
from kernel.edges.plain import file_name
from kernel.edges.resources import Label, Resource, Tone
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobState, LogKind

pages = Blueprint("suite", __name__, url_prefix="/suite")
MENU = (
    Entry(N_("Health"), "health.health", Permission.HEALTH_READ),
    Entry(N_("Weicheng API"), "api.contents", None),
)

LOG_KINDS: Mapping[LogKind, Label] = {
    LogKind.STARTED: Label(N_("started by worker"), Tone.BUSY),
    LogKind.PROGRESS: Label(N_("progress told"), Tone.QUIET),
    LogKind.POSTPONED: Label(N_("failed, will be tried again"), Tone.WARN),
    LogKind.STOPPING: Label(N_("asked to stop"), Tone.WARN),
    LogKind.SUCCEEDED: Label(N_("succeeded"), Tone.GOOD),
    LogKind.FAILED: Label(N_("job failed"), Tone.BAD),
    LogKind.CANCELLED: Label(N_("cancelled"), Tone.WARN),
    LogKind.REPEATS: Label(N_("does again the failed job"), Tone.QUIET),
}

MADE: Mapping[str, str] = {  # what a job's result tells of, and where that is
    "run": "backup.runs",
    "drill": "backup.drills",
    "verdicts": "backup.verifications",
    "assessment": "policies.assessments",
    "package": "policies.packages",
}


@pages.get("/evidence/<evidence_id>/attachments/<name>")
def attachment(evidence_id: str, name: str) -> ResponseReturnValue:
    """An attachment as a file to keep, never as a page of ours."""
    found = the_app().evidence.attached(the_principal(), evidence_id, name)
    data = io.BytesIO(found.data)
    return send_file(
        data, "application/octet-stream", as_attachment=True, download_name=file_name(found.name)
    )


def _progress(app: App, principal: Principal, job: Any) -> Mapping[str, Any]:
    return {
        "open": job.state in (JobState.QUEUED, JobState.RUNNING),
        "lines": [(line, LOG_KINDS[line.kind]) for line in reversed(app.jobs.log(principal, job.id))],
    }


def _asked_and_found(app: App, principal: Principal, job: JobView) -> Mapping[str, Any]:
    values = [(N_("Asked for with"), _text(job.payload)), (N_("Result"), _text(job.result))]
    made = [(resources()[name], key) for key, name in MADE.items() if (job.result or {}).get(key)]
    seen = [(one, key) for one, key in made if app.floor.access.allows(principal, one.permission)]
    return {"values": values, "made": [_made(one, (job.result or {})[key]) for one, key in seen]}


def _made(resource: Resource, value: Any) -> tuple[str, str]:
    """(what, where it is): the object if the result tells its id, else the list that it stands in."""
    if isinstance(value, str):
        return resource.one, item_url(resource.name, value)
    return resource.title, list_url(resource.name)


def _details(_app: App, _principal: Principal, record: AuditRecordView) -> Mapping[str, Any]:
    return {"values": [(N_("Details"), _text(record.details))]}


def _summary(app: App, principal: Principal, record: EvidenceView) -> Mapping[str, Any]:
    files = app.evidence.item(principal, record.id).record.attachments
    return {"values": [(N_("What was found"), _text(record.summary))], "files": files}


def _proof(app: App, principal: Principal, record: EvidenceView) -> Mapping[str, Any]:
    proof = app.evidence.proof(principal, record.id)
    checks = [(CHECKS[one.of], CHECK_STATES[one.state], one) for one in proof.checks]
    return {"proof": proof, "checks": checks}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if value else ""


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "audit.records": (Panel(N_("Details"), "suite/values.html", _details),),
    "evidence.records": (
        Panel(N_("What was found"), "suite/summary.html", _summary),
        Panel(N_("Checks and seal"), "suite/proof.html", _proof),
    ),
    "jobs.jobs": (
        Panel(N_("Progress and log"), "suite/job_progress.html", _progress),
        Panel(N_("Input and result"), "suite/job_result.html", _asked_and_found),
    ),
}
