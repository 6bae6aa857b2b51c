"""Systems under graded protection and the steps of their filing."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import UNIT, reason_field, unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from policies.resources.labels import SYSTEM_STATES
from policies.systems.model import System, SystemState

_LEVEL = N_("Such as S3A2G3; G is the higher of the two.")
_SECOND = N_("Whoever proposed or changed a system can not approve it: a second security officer has to.")


class SystemRecord(Record):
    id: str
    name: str
    unit: str
    level: str
    state: str
    owner: str
    boundary: tuple[str, ...]
    proposed_by: str
    changed_at: datetime
    filing_number: str
    filed_on: date | None
    documents: dict[str, str]


class Propose(Input):
    name: str = Field(min_length=1, max_length=200, title=N_("Name of the system"))
    unit: str = Field(min_length=1, max_length=80, title=N_("Unit"))
    level: str = Field(
        max_length=6,
        title=N_("Protection level"),
        description=_LEVEL,
    )
    owner: str = Field(min_length=1, max_length=200, title=N_("Who answers for it"))
    boundary: tuple[str, ...] = Field(
        min_length=1,
        max_length=2000,
        title=N_("Assets within its boundary"),
        description=N_("Names or ids of the register, one a line."),
    )


class Change(Input):
    level: str = Field(
        "",
        max_length=6,
        title=N_("Protection level"),
        description=_LEVEL,
    )
    boundary: tuple[str, ...] = Field(
        (),
        max_length=2000,
        title=N_("Assets within its boundary"),
        description=N_("Names or ids of the register, one a line."),
    )
    reason: str = reason_field()


class Step(Input):
    document: str = Field(
        min_length=1,
        max_length=200,
        title=N_("Document"),
        description=N_("Reference of the paper that the step rests on."),
    )


class Filing(Step):
    number: str = Field(min_length=1, max_length=60, title=N_("Number of the filing certificate"))
    filed_on: date = Field(title=N_("Date of the filing"))


class Retire(Step):
    reason: str = reason_field()


def system_record(system: System) -> SystemRecord:
    values = vars(system) | {"level": str(system.level), "state": str(system.state)}
    return SystemRecord(**values | {"documents": dict(system.documents)})


def _page(app: Any, principal: Principal, ask: Ask) -> Page[SystemRecord]:
    return app.policies.lists.systems(principal, ask).map(system_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, system_id: str) -> SystemRecord:
    return system_record(app.policies.systems.get(principal, system_id))


def _propose(app: Any, principal: Principal, _id: str, given: Propose) -> Done:
    system = app.policies.systems.propose(principal, **dict(given))
    return Done(
        N_("The system %(name)s is registered."), {"name": system.name}, system_record(system), system.id
    )


def _change(app: Any, principal: Principal, system_id: str, given: Change) -> Done:
    system = app.policies.systems.change(
        principal,
        system_id,
        level=given.level or None,
        boundary=given.boundary or None,
        reason=given.reason,
    )
    return Done(N_("The system was changed; its filing starts anew."), {}, system_record(system), system.id)


def _boundary_now(app: Any, principal: Principal, system_id: str) -> Mapping[str, Any]:
    system = app.policies.systems.get(principal, system_id)
    return {"level": str(system.level), "boundary": system.boundary}


def _moved(system: System) -> Done:
    text = translate(SYSTEM_STATES[system.state].text)
    return Done(N_("The system is now: %(state)s."), {"state": text}, system_record(system), system.id)


def _review(app: Any, principal: Principal, system_id: str, given: Step) -> Done:
    return _moved(
        app.policies.systems.move(principal, system_id, SystemState.REVIEWED, document=given.document)
    )


def _approve(app: Any, principal: Principal, system_id: str, given: Step) -> Done:
    return _moved(
        app.policies.systems.move(principal, system_id, SystemState.APPROVED, document=given.document)
    )


def _file(app: Any, principal: Principal, system_id: str, given: Filing) -> Done:
    system = app.policies.systems.move(
        principal,
        system_id,
        SystemState.FILED,
        document=given.document,
        filing_number=given.number,
        filed_on=given.filed_on,
    )
    return _moved(system)


def _retire(app: Any, principal: Principal, system_id: str, given: Retire) -> Done:
    system = app.policies.systems.move(
        principal, system_id, SystemState.RETIRED, document=given.document, reason=given.reason
    )
    return _moved(system)


def _assess(app: Any, principal: Principal, system_id: str, _given: Nothing) -> Done:
    job = app.policies.assessments.request(principal, system_id)
    return Done(N_("Handed to the worker; the job tells how far it is."), job=job)


_P = Permission
SYSTEMS = Resource(
    name="policies.systems",
    title=N_("Systems under protection"),
    one=N_("System under protection"),
    permission=_P.POLICIES_READ,
    record=SystemRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name of the system"), sort="name"),
        Column("level", N_("Protection level"), Cell.CODE),
        Column("state", N_("Filing state"), Cell.STATE, SYSTEM_STATES),
        Column("owner", N_("Who answers for it")),
        Column("filing_number", N_("Number of the filing certificate"), Cell.CODE),
        Column("filed_on", N_("Date of the filing"), Cell.DAY),
        Column("changed_at", N_("Changed at"), Cell.TIME, sort="changed_at"),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("proposed_by", N_("Proposed by"), Cell.PERSON, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("Filing state"), labels=SYSTEM_STATES),
        UNIT,
    ),
    verbs=(
        Verb(
            "propose",
            N_("Register a system"),
            _P.POLICIES_SYSTEM_WRITE,
            _propose,
            Propose,
            On.NEW,
            explain=_SECOND,
            second=_P.POLICIES_SYSTEM_WRITE,
            choices={"unit": unit_names},
        ),
        Verb(
            "assess",
            N_("Assess now"),
            _P.POLICIES_ASSESS,
            _assess,
            when=lambda record: record.state != SystemState.RETIRED,
            key="o",
            explain=N_("Judges every control item on the system and its devices from the evidence in force."),
        ),
        Verb(
            "review",
            N_("Note the experts' review"),
            _P.POLICIES_SYSTEM_WRITE,
            _review,
            Step,
            when=lambda record: record.state == SystemState.PROPOSED,
        ),
        Verb(
            "approve",
            N_("Note the approval"),
            _P.POLICIES_SYSTEM_WRITE,
            _approve,
            Step,
            when=lambda record: record.state == SystemState.REVIEWED,
            explain=_SECOND,
        ),
        Verb(
            "file",
            N_("Note the filing"),
            _P.POLICIES_SYSTEM_WRITE,
            _file,
            Filing,
            when=lambda record: record.state == SystemState.APPROVED,
        ),
        Verb(
            "change",
            N_("Change level or boundary"),
            _P.POLICIES_SYSTEM_WRITE,
            _change,
            Change,
            when=lambda record: record.state != SystemState.RETIRED,
            danger=True,
            explain=_SECOND,
            second=_P.POLICIES_SYSTEM_WRITE,
            initial=_boundary_now,
        ),
        Verb(
            "retire",
            N_("Take out of use"),
            _P.POLICIES_SYSTEM_WRITE,
            _retire,
            Retire,
            when=lambda record: record.state != SystemState.RETIRED,
            danger=True,
            explain=N_("A system out of use can not be brought back; its assessments stay."),
        ),
    ),
    related=(Related(N_("Assessments"), "policies.assessments", lambda record: {"system": record.id}),),
    sort="name",
    facet="state",
    empty=N_("No system is registered yet. A security officer registers the first one."),
    searched=True,
)
