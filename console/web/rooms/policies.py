"""Own pages of graded protection: how the systems stand, and what stands on the pages of its objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console.compose.app import App
from console.web.context import the_app, the_principal
from console.web.engine.links import item_url, list_url
from console.web.panels import Entry, Panel
from console.web.pictures import Bar, Bars
from kernel.edges.resources import Tone
from kernel.errors import NotFound
from kernel.i18n import N_, current_language, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import MOST, Ask
from policies.assessment.conclusion import Conclusion, Tally, counts_of, weigh
from policies.assessment.model import Assessment, Outcome
from policies.catalogue.model import Catalogue, ControlClass
from policies.listings import OVERDUE
from policies.resources.assessments import AssessmentRecord, ControlRecord
from policies.resources.labels import OUTCOMES, SYSTEM_STATES, VERDICTS
from policies.resources.results import ResultRecord
from policies.resources.systems import SystemRecord, system_record
from policies.wording import explain, kind_text, subject_text

pages = Blueprint("policies", __name__, url_prefix="/policies")
MENU = (Entry(N_("How the systems stand"), "policies.posture", Permission.POLICIES_READ),)
_GAPS = 30  # control items on the page; the list has them all


@dataclass(frozen=True)
class Chapter:
    """A class of the catalogue with its results by outcome. ``rate``: per cent of the applicable ones that conform."""

    group: ControlClass
    counts: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def rate(self) -> float:
        applicable = self.total - self.counts[Outcome.NOT_APPLICABLE]
        return round(100 * self.counts[Outcome.CONFORMS] / applicable, 1) if applicable else 0.0

    @property
    def tone(self) -> Tone:
        if self.counts[Outcome.FAILS]:
            return Tone.BAD
        return Tone.GOOD if self.rate == 100 else Tone.WARN


@pages.get("/posture")
def posture() -> ResponseReturnValue:
    """Every system in a line; of the chosen one (``system``, else the first that was assessed) pictures and gaps."""
    app, principal = the_app(), the_principal()
    systems = app.policies.lists.systems(principal, Ask(limit=MOST)).items
    latest = app.policies.lists.latest(principal)
    asked = request.args.get("system", "") or next((one.id for one in systems if one.id in latest), "")
    chosen = latest.get(asked)
    lines = [_line(app, system_record(one), *latest.get(one.id, (None, ()))) for one in systems]
    return render_template(
        "policies/posture.html",
        lines=lines,
        chosen=_standing(app, principal, *chosen) if chosen else None,
        name=next((one.name for one in systems if one.id == asked), ""),
        outcomes=OUTCOMES,
    )


@pages.get("/pictures/<assessment>/<name>.svg")
def picture(assessment: str, name: str) -> ResponseReturnValue:
    """A picture of an assessment as a file: ``outcomes`` or ``chapters``."""
    app = the_app()
    tallies = app.policies.assessments.tallies(the_principal(), assessment)
    made = {"outcomes": _ring(tallies), "chapters": _bars(_chapters(app, tallies))}
    if name not in made:
        raise NotFound(N_("There is no such page."))
    return Response(made[name].svg(), content_type="image/svg+xml")


def _line(
    app: App, record: SystemRecord, assessment: Assessment | None, tallies: Sequence[Tally]
) -> Mapping[str, Any]:
    """One system in the table; its conclusion once it was assessed."""
    conclusion = weigh(tallies, app.policies.assessments.template) if assessment else None
    return {
        "record": record,
        "url": item_url("policies.systems", record.id),
        "state": SYSTEM_STATES[record.state],
        "assessment": assessment,
        "conclusion": conclusion,
        "verdict": VERDICTS[conclusion.verdict] if conclusion else None,
        "shown_url": url_for("policies.posture", system=record.id),
    }


def _standing(
    app: App, principal: Principal, assessment: Assessment, tallies: Sequence[Tally]
) -> Mapping[str, Any]:
    """Conclusion, pictures by outcome and by chapter, gaps and what is overdue, of one assessment."""
    overdue = Ask(filters={"assessment": (assessment.id,), "state": (OVERDUE,)}, limit=1)
    return {
        "assessment": assessment,
        "url": item_url("policies.assessments", assessment.id),
        "results_url": list_url("policies.results", {"assessment": assessment.id}),
        **_concluded(app, weigh(tallies, app.policies.assessments.template)),
        **_pictures(app, assessment.id, tallies),
        "gaps": _gaps(app.policies.assessments.catalogue, assessment.id, tallies),
        "overdue": app.policies.lists.remediations(principal, overdue).total,
        "overdue_url": list_url("policies.remediations", {"assessment": assessment.id, "state": OVERDUE}),
    }


def _concluded(app: App, conclusion: Conclusion) -> Mapping[str, Any]:
    return {
        "conclusion": conclusion,
        "verdict": VERDICTS[conclusion.verdict],
        "edition": app.policies.assessments.template.title.here,
        "counts": [(OUTCOMES[outcome], count) for outcome, count in conclusion.counts.items()],
    }


def _pictures(app: App, assessment: str, tallies: Sequence[Tally]) -> Mapping[str, Any]:
    chapters = _chapters(app, tallies)
    rows = [(chapter, _chapter_urls(assessment, chapter)) for chapter in chapters]
    return {
        "ring": _ring(tallies),
        "ring_svg": url_for("policies.picture", assessment=assessment, name="outcomes"),
        "bars": _bars(chapters),
        "bars_svg": url_for("policies.picture", assessment=assessment, name="chapters"),
        "chapters": rows,
        "outcomes": list(OUTCOMES.items()),
    }


def _chapters(app: App, tallies: Sequence[Tally]) -> list[Chapter]:
    catalogue = app.policies.assessments.catalogue
    found = []
    for group in catalogue.classes:
        items = {item.id for item in group.items}
        found.append(Chapter(group, counts_of(one for one in tallies if one.item in items)))
    return [chapter for chapter in found if chapter.total]


def _chapter_urls(assessment: str, chapter: Chapter) -> Mapping[str, str]:
    """The results of a chapter by outcome."""
    about = {"assessment": assessment, "chapter": chapter.group.clause}
    return {name: list_url("policies.results", {**about, "outcome": name}) for name in OUTCOMES}


def _ring(tallies: Sequence[Tally]) -> Bars:
    slices = tuple(
        Bar(translate(OUTCOMES[outcome].text), count, OUTCOMES[outcome].tone.value)
        for outcome, count in counts_of(tallies).items()
        if count
    )
    return Bars(translate(N_("Results by outcome")), slices, translate(N_("number of results")), ring=True)


def _bars(chapters: Sequence[Chapter]) -> Bars:
    bars = tuple(
        Bar(f"{one.group.clause} {one.group.title.here}", one.rate, one.tone.value) for one in chapters
    )
    return Bars(translate(N_("Conforming results by chapter")), bars, "%")


def _gaps(catalogue: Catalogue, assessment: str, tallies: Sequence[Tally]) -> Mapping[str, Any]:
    """Control items that fail or conform in part somewhere, the most failures first."""
    wanting = {one.item for one in tallies if one.outcome in (Outcome.FAILS, Outcome.PARTLY)}
    counted = {item: counts_of(one for one in tallies if one.item == item) for item in wanting}
    order = sorted(
        wanting, key=lambda item: (-counted[item][Outcome.FAILS], -counted[item][Outcome.PARTLY], item)
    )
    rows = [
        (
            catalogue.place(item),
            counted[item],
            list_url("policies.results", {"assessment": assessment, "item": item}),
        )
        for item in order[:_GAPS]
    ]
    return {"rows": rows, "more": len(order) - len(rows)}


# --- extra sections
def _of_assessment(app: App, principal: Principal, record: AssessmentRecord) -> Mapping[str, Any]:
    tallies = app.policies.assessments.tallies(principal, record.id)
    conclusion = weigh(tallies, app.policies.assessments.template)
    results_url = list_url("policies.results", {"assessment": record.id})
    return {**_concluded(app, conclusion), "results_url": results_url}


def _by_chapter(app: App, principal: Principal, record: AssessmentRecord) -> Mapping[str, Any]:
    return _pictures(app, record.id, app.policies.assessments.tallies(principal, record.id))


def _why(app: App, principal: Principal, record: ResultRecord) -> Mapping[str, Any]:
    """The reasons, and each piece of evidence that the asker may see."""
    result = app.policies.lists.result(principal, record.id).result
    found = [app.evidence.get(name, by=principal) for name in record.evidence]
    rows = [
        (one, kind_text(one.kind), subject_text(one), item_url("evidence.records", one.id)) for one in found
    ]
    return {"reasons": [explain(reason, current_language()) for reason in result.reasons], "evidence": rows}


def _steps(_app: App, _principal: Principal, record: ResultRecord | ControlRecord) -> Mapping[str, Any]:
    catalogue = _app.policies.assessments.catalogue
    item = catalogue.item(record.item)
    kinds = list(dict.fromkeys(kind_text(decision.kind) for decision in item.decisions))
    return {"steps": [step.text.here for step in item.steps], "kinds": kinds}


def _boundary(app: App, principal: Principal, record: SystemRecord) -> Mapping[str, Any]:
    assets = [app.assets.show(principal, name) for name in record.boundary]
    papers = [(SYSTEM_STATES[state], paper) for state, paper in record.documents.items()]
    return {"assets": [(one, item_url("assets.assets", one.id)) for one in assets], "papers": papers}


PANELS: Mapping[str, tuple[Panel, ...]] = {
    "policies.systems": (Panel(N_("Boundary and papers"), "policies/boundary.html", _boundary),),
    "policies.assessments": (
        Panel(N_("Conclusion"), "policies/conclusion.html", _of_assessment),
        Panel(N_("By chapter"), "policies/chapters.html", _by_chapter),
    ),
    "policies.results": (
        Panel(N_("Reasons and evidence"), "policies/evidence.html", _why, Permission.EVIDENCE_READ),
        Panel(N_("How it is assessed"), "policies/steps.html", _steps),
    ),
    "policies.controls": (Panel(N_("How it is assessed"), "policies/steps.html", _steps),),
}
