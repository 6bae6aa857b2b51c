"""Assessments, and the catalogue of controls that they judge by."""

from datetime import datetime
from typing import Any

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Link,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import SINCE, UNTIL
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from policies.assessment.model import Outcome
from policies.catalogue.model import Place
from policies.lists import ListedAssessment
from policies.resources.labels import AUTOMATIONS, OBJECT_KINDS, chapter_choices, system_choices

_QUEUED = N_("Handed to the worker; the job tells how far it is.")


class AssessmentRecord(Record):
    id: str
    system: str
    system_name: str
    unit: str
    made_at: datetime
    made_by: str
    edition: str
    policy_version: str
    conforms: int
    partly: int
    fails: int
    not_applicable: int
    unproven: int


class ControlRecord(Record):
    item: str
    unit: str
    chapter: str
    chapter_title: str
    point: str
    text: str
    automation: str
    object: str
    steps: tuple[str, ...]
    evidence: tuple[str, ...]


class Assess(Input):
    system: str = Field(min_length=1, max_length=200, title=N_("System under protection"))


def assessment_record(listed: ListedAssessment) -> AssessmentRecord:
    counts: dict[str, Any] = {str(outcome): listed.counts[outcome] for outcome in Outcome}
    return AssessmentRecord(**vars(listed.assessment) | counts, system_name=listed.system)


def control_record(place: Place) -> ControlRecord:
    item = place.item
    return ControlRecord(
        item=item.id,
        unit=item.unit,
        chapter=place.group.clause,
        chapter_title=place.group.title.here,
        point=place.point.title.here,
        text=item.text.here,
        automation=str(item.automation),
        object=str(item.object),
        steps=tuple(step.text.here for step in item.steps),
        evidence=tuple(dict.fromkeys(str(decision.kind) for decision in item.decisions)),
    )


def _assessments(app: Any, principal: Principal, ask: Ask) -> Page[AssessmentRecord]:
    return app.policies.lists.assessments(principal, ask).map(assessment_record)  # type: ignore[no-any-return]


def _assessment(app: Any, principal: Principal, assessment_id: str) -> AssessmentRecord:
    return assessment_record(app.policies.lists.assessment(principal, assessment_id))


def _controls(app: Any, principal: Principal, ask: Ask) -> Page[ControlRecord]:
    return app.policies.lists.controls(principal, ask).map(control_record)  # type: ignore[no-any-return]


def _control(app: Any, principal: Principal, item: str) -> ControlRecord:
    return control_record(app.policies.lists.control(principal, item))


def _assess(app: Any, principal: Principal, _id: str, given: Assess) -> Done:
    return Done(_QUEUED, job=app.policies.assessments.request(principal, given.system))


def _collect(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(_QUEUED, job=app.policies.suite.request(principal))


_P = Permission
ASSESSMENTS = Resource(
    name="policies.assessments",
    title=N_("Assessments"),
    one=N_("Assessment"),
    permission=_P.POLICIES_READ,
    record=AssessmentRecord,
    page=_assessments,
    item=_assessment,
    headline="system_name",
    columns=(
        Column("made_at", N_("Assessed at"), Cell.TIME, sort="made_at"),
        Column("system_name", N_("System under protection"), link=Link("policies.systems", "system")),
        Column("conforms", N_("Results that conform"), Cell.NUMBER),
        Column("partly", N_("Results that conform in part"), Cell.NUMBER),
        Column("fails", N_("Results that fail"), Cell.NUMBER),
        Column("unproven", N_("Results without evidence"), Cell.NUMBER),
        Column("not_applicable", N_("Results that do not apply"), Cell.NUMBER),
        Column("edition", N_("Edition of the report template"), shown=False),
        Column("made_by", N_("Assessed by"), Cell.PERSON, shown=False),
        Column("policy_version", N_("Version of the policy data"), Cell.CODE, shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(Filter("system", N_("System under protection"), choices=system_choices), SINCE, UNTIL),
    verbs=(
        Verb(
            "assess",
            N_("Assess a system"),
            _P.POLICIES_ASSESS,
            _assess,
            Assess,
            On.NEW,
            explain=N_("Judges every control item on the system and its devices from the evidence in force."),
            choices={"system": system_choices},
        ),
        Verb(
            "collect",
            N_("Collect evidence about the suite"),
            _P.POLICIES_ASSESS,
            _collect,
            on=On.LIST,
            explain=N_("Records how sign-in, the CA and the audit trail stand, as is done every night."),
        ),
    ),
    related=(
        Related(
            N_("Results that fail"),
            "policies.results",
            lambda record: {"assessment": record.id, "outcome": "fails"},
        ),
        Related(N_("Remediations"), "policies.remediations", lambda record: {"assessment": record.id}),
        Related(N_("Evidence packages"), "policies.packages", lambda record: {"assessment": record.id}),
    ),
    sort="-made_at",
    empty=N_("Nothing has been assessed yet. A security officer registers a system and assesses it."),
    audited=False,
)
CONTROLS = Resource(
    name="policies.controls",
    title=N_("Catalogue of controls"),
    one=N_("Control item"),
    permission=_P.POLICIES_READ,
    record=ControlRecord,
    page=_controls,
    item=_control,
    key="item",
    columns=(
        Column("item", N_("Control item"), Cell.CODE),
        Column("unit", N_("Assessment unit"), Cell.CODE),
        Column("chapter_title", N_("Chapter")),
        Column("point", N_("Control point")),
        Column("text", N_("Requirement")),
        Column("automation", N_("How it is judged"), Cell.STATE, AUTOMATIONS),
        Column("object", N_("Judged on"), Cell.STATE, OBJECT_KINDS),
        Column("steps", N_("Steps of the assessment"), Cell.LIST, shown=False),
        Column("evidence", N_("Kinds of evidence"), Cell.LIST, shown=False),
        Column("chapter", N_("Clause of the chapter"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("chapter", N_("Chapter"), choices=chapter_choices),
        Filter("automation", N_("How it is judged"), labels=AUTOMATIONS),
        Filter("object", N_("Judged on"), labels=OBJECT_KINDS),
    ),
    related=(Related(N_("Results of this item"), "policies.results", lambda record: {"item": record.item}),),
    facet="automation",
    audited=False,
)
