"""The control list of an assessment: what was found of each item on each object, and what people make of it."""

import mimetypes
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Base64Bytes, Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    Link,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.evidence.model import Attachment
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from policies.assessment.model import OUTCOME_TEXTS, Outcome, Result
from policies.lists import ListedResult
from policies.resources.labels import ASSESSMENT, CHAPTER, OUTCOMES, RESULT_STATES
from policies.wording import explain

_DECIDABLE: Any = {"labels": {str(one): text for one, text in OUTCOME_TEXTS.items()}}
_MOST_OCTETS = 20 * 1024 * 1024  # of an attachment
_ODD = re.compile(r"[^\w.()@+ -]|^\.")  # what evidence takes in no file name


class ResultRecord(Record):
    id: str
    name: str
    assessment: str
    system: str
    item: str
    unit_id: str
    chapter: str
    point: str
    requirement: str
    object: str
    object_name: str
    outcome: str
    proposed: str
    state: str
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]
    note: str
    confirmed_by: str
    confirmed_at: datetime | None
    assessed_at: datetime


class Confirm(Input):
    note: str = Field(
        min_length=1,
        max_length=2000,
        title=N_("What was seen"),
        description=N_("It becomes evidence, with your name and the time."),
        json_schema_extra={"widget": "area"},
    )
    attachment: Base64Bytes | None = Field(
        None, max_length=_MOST_OCTETS, title=N_("Attachment"), json_schema_extra={"widget": "file"}
    )
    attachment_name: str = Field(
        "", max_length=120, title=N_("Name of the attachment"), json_schema_extra={"widget": "hidden"}
    )


class Decide(Confirm):
    outcome: Literal["conforms", "partly", "fails", "not_applicable"] = Field(
        title=N_("Outcome"), json_schema_extra=_DECIDABLE
    )


class Remediate(Input):
    owner: str = Field(min_length=1, max_length=200, title=N_("Who mends it"))
    due: date = Field(title=N_("Until when"))
    action: str = Field(
        min_length=1, max_length=2000, title=N_("What is to be done"), json_schema_extra={"widget": "area"}
    )


def result_record(listed: ListedResult) -> ResultRecord:
    result, place = listed.result, listed.place
    return ResultRecord(
        id=result.id,
        name=f"{result.unit_id} {result.object_name}",
        assessment=result.assessment,
        system=listed.system,
        item=result.item,
        unit_id=result.unit_id,
        chapter=place.group.title.here,
        point=place.point.title.here,
        requirement=place.item.text.here,
        object=result.object_id,
        object_name=result.object_name,
        outcome=str(result.outcome),
        proposed=str(result.proposed),
        state=str(result.state),
        reasons=tuple(explain(reason) for reason in result.reasons),
        evidence=result.evidence,
        note=result.note,
        confirmed_by=result.confirmed_by,
        confirmed_at=result.confirmed_at,
        assessed_at=listed.assessed_at,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[ResultRecord]:
    return app.policies.lists.results(principal, ask).map(result_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, result_id: str) -> ResultRecord:
    return result_record(app.policies.lists.result(principal, result_id))


def _attachments(given: Confirm) -> list[Attachment]:
    if not given.attachment:
        return []
    name = _ODD.sub("_", given.attachment_name) or "attachment"
    return [Attachment(name, given.attachment, mimetypes.guess_type(name)[0] or "application/octet-stream")]


def _confirmed(result: Result) -> Done:
    text = translate(OUTCOME_TEXTS[result.outcome])
    return Done(N_("Confirmed: %(item)s %(outcome)s."), {"item": result.item, "outcome": text}, id=result.id)


def _confirm(app: Any, principal: Principal, result_id: str, given: Confirm) -> Done:
    files = _attachments(given)
    return _confirmed(
        app.policies.assessments.confirm(principal, result_id, note=given.note, attachments=files)
    )


def _decide(app: Any, principal: Principal, result_id: str, given: Decide) -> Done:
    result = app.policies.assessments.confirm(
        principal,
        result_id,
        outcome=Outcome(given.outcome),
        note=given.note,
        attachments=_attachments(given),
    )
    return _confirmed(result)


def _remediate(app: Any, principal: Principal, result_id: str, given: Remediate) -> Done:
    """Due at the end of the day, where the installation is."""
    due = datetime.combine(given.due, time(23, 59, 59), ZoneInfo(app.settings.timezone))
    app.policies.assessments.remediate(principal, result_id, owner=given.owner, due=due, action=given.action)
    return Done(N_("Who mends it, and until when, is laid down."), id=result_id)


def _kept(app: Any, principal: Principal, result_id: str) -> Mapping[str, Any]:
    result = app.policies.lists.result(principal, result_id).result
    return {"outcome": str(result.outcome), "note": result.note}


_P = Permission
RESULTS = Resource(
    name="policies.results",
    title=N_("Results of control items"),
    one=N_("Result of a control item"),
    permission=_P.POLICIES_READ,
    record=ResultRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("unit_id", N_("Assessment unit"), Cell.CODE, sort="position"),
        Column("item", N_("Control item"), Cell.CODE, link=Link("policies.controls")),
        Column("point", N_("Control point")),
        Column("requirement", N_("Requirement")),
        Column("object_name", N_("Object")),
        Column("outcome", N_("Outcome"), Cell.STATE, OUTCOMES),
        Column("state", N_("Standing"), Cell.STATE, RESULT_STATES),
        Column("reasons", N_("Reasons of the outcome"), Cell.LIST, shown=False),
        Column("evidence", N_("Pieces of evidence"), Cell.LIST, shown=False),
        Column("proposed", N_("Outcome by evidence"), Cell.STATE, OUTCOMES, shown=False),
        Column("note", N_("Note"), Cell.LONG, shown=False),
        Column("confirmed_by", N_("Confirmed by"), shown=False),
        Column("confirmed_at", N_("Confirmed at"), Cell.TIME, shown=False),
        Column("chapter", N_("Chapter"), shown=False),
        Column("system", N_("System under protection"), shown=False),
        Column("assessed_at", N_("Assessed at"), Cell.TIME, shown=False),
        Column("assessment", N_("Assessment"), Cell.CODE, link=Link("policies.assessments"), shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("outcome", N_("Outcome"), labels=OUTCOMES),
        CHAPTER,
        Filter("state", N_("Standing"), labels=RESULT_STATES),
        Filter("object", N_("Device or system (id)"), FilterKind.TEXT),
        Filter("item", N_("Control item"), FilterKind.TEXT),
        ASSESSMENT,
    ),
    verbs=(
        Verb(
            "confirm",
            N_("Confirm"),
            _P.POLICIES_CONFIRM,
            _confirm,
            Confirm,
            when=lambda record: record.outcome != Outcome.UNPROVEN,
            bulk=True,
            key="a",
            explain=N_("Confirms the outcome as it stands."),
        ),
        Verb(
            "decide",
            N_("Set the outcome"),
            _P.POLICIES_CONFIRM,
            _decide,
            Decide,
            bulk=True,
            key="e",
            explain=N_(
                "Sets another outcome than the evidence suggests, or the first one where there is none."
            ),
            initial=_kept,
        ),
        Verb(
            "remediate",
            N_("Have it mended"),
            _P.POLICIES_CONFIRM,
            _remediate,
            Remediate,
            when=lambda record: record.outcome in (Outcome.FAILS, Outcome.PARTLY),
            bulk=True,
            key="c",
        ),
    ),
    related=(Related(N_("Remediations"), "policies.remediations", lambda record: {"result": record.id}),),
    sort="position",
    facet="outcome",
    empty=N_("There are no results yet. A security officer assesses a system first."),
)
