"""Key ceremonies: two officers found the CAs."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.hierarchy.model import Ceremony
from ca.hierarchy.plan import PlannedAuthority
from ca.resources.labels import CEREMONY_STATES
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Link,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
DEFAULT = "government"


class CeremonyRecord(Record):
    id: str
    root: str
    issuing: tuple[str, ...]
    organisation: str
    witnesses: tuple[str, ...]
    state: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    performed_at: datetime | None
    approval: str


class ProposeCeremony(Input):
    organisation: str = Field(min_length=1, max_length=64, title=N_("Organisation (O)"))
    hierarchy: str = Field(
        DEFAULT, title=N_("Hierarchy"), description=N_("Which CAs there shall be, and what each issues.")
    )
    plan: Base64Bytes | None = Field(
        None,
        title=N_("A hierarchy of your own"),
        description=N_(
            "A YAML file like those of policies/data/hierarchies; it takes the place of the above."
        ),
        json_schema_extra={"widget": "file"},
    )
    plan_name: str = Field("", json_schema_extra={"widget": "hidden"})
    witnesses: tuple[str, ...] = Field(
        min_length=1, max_length=20, title=N_("Witnesses"), description=N_("One name a line.")
    )


def ceremony_record(found: Ceremony) -> CeremonyRecord:
    return CeremonyRecord(
        id=found.id,
        root=found.plan.root.name,
        issuing=tuple(planned.name for planned in found.plan.issuing),
        organisation=found.plan.organisation,
        witnesses=found.plan.witnesses,
        state=found.state,
        proposed_by=found.proposed_by,
        proposer=found.proposer or found.proposed_by,
        proposed_at=found.proposed_at,
        performed_at=found.performed_at,
        approval=found.approval,
    )


def _ceremonies(app: Any, principal: Principal, ask: Ask) -> Page[CeremonyRecord]:
    return app.ca.ceremonies.page(principal, ask).map(ceremony_record)  # type: ignore[no-any-return]


def _ceremony(app: Any, principal: Principal, ceremony_id: str) -> CeremonyRecord:
    return ceremony_record(app.ca.ceremonies.show(principal, ceremony_id))


def _hierarchies(app: Any, _principal: Principal) -> dict[str, str]:
    return dict(app.ca.ceremonies.titles())


def _propose_ceremony(app: Any, principal: Principal, _id: str, given: ProposeCeremony) -> Done:
    ceremonies = app.ca.ceremonies
    plan = ceremonies.plan(principal, given.organisation, given.witnesses, given.hierarchy, given.plan)
    ceremony_id = ceremonies.propose(principal, plan)
    record = _ceremony(app, principal, ceremony_id)
    return Done(N_("The ceremony is proposed; a second officer performs it."), record=record, id=ceremony_id)


def _perform_ceremony(app: Any, principal: Principal, ceremony_id: str, _given: Any) -> Done:
    made = app.ca.ceremonies.perform(principal, ceremony_id)
    names = ", ".join(one.name for one in made)
    record = _ceremony(app, principal, ceremony_id)
    return Done(N_("Founded: %(names)s"), {"names": names}, record=record, id=ceremony_id)


def _ceremony_preview(app: Any, principal: Principal, ceremony_id: str) -> list[str]:
    plan = app.ca.ceremonies.show(principal, ceremony_id).plan
    lines = [translate(N_("Root: %(name)s, key %(algorithm)s, %(years)s years"), **_told(plan.root))]
    lines += [
        translate(
            N_("Issuing CA: %(name)s, key %(algorithm)s, %(years)s years; issues %(profiles)s"), **_told(one)
        )
        for one in plan.issuing
    ]
    return [*lines, translate(N_("Witnesses: %(names)s"), names=", ".join(plan.witnesses))]


def _told(planned: PlannedAuthority) -> dict[str, Any]:
    return {**vars(planned), "profiles": ", ".join(planned.profiles)}


CEREMONIES = Resource(
    name="ca.ceremonies",
    title=N_("Key ceremonies"),
    one=N_("Key ceremony"),
    permission=_P.CA_READ,
    record=CeremonyRecord,
    page=_ceremonies,
    item=_ceremony,
    headline="root",
    columns=(
        Column("root", N_("Common name of the root")),
        Column("issuing", N_("Issuing CAs"), Cell.LIST),
        Column("state", N_("State"), Cell.STATE, CEREMONY_STATES),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("performed_at", N_("Performed at"), Cell.TIME),
        Column("witnesses", N_("Witnesses"), Cell.LIST),
        Column("organisation", N_("Organisation (O)"), shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Ceremony number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=CEREMONY_STATES),),
    verbs=(
        Verb(
            "propose",
            N_("Propose a ceremony"),
            _P.CA_CEREMONY_PROPOSE,
            _propose_ceremony,
            ProposeCeremony,
            On.NEW,
            second=_P.CA_CEREMONY_APPROVE,
            choices={"hierarchy": _hierarchies},
            initial=lambda app, _principal, _id: {"organisation": app.settings.organisation},
        ),
        Verb(
            "perform",
            N_("Perform as the second officer"),
            _P.CA_CEREMONY_APPROVE,
            _perform_ceremony,
            when=lambda record: record.state == "proposed",
            preview=_ceremony_preview,
            explain=N_(
                "Keys are made in the signer, root and issuing CAs are founded; the minutes become evidence."
            ),
        ),
    ),
    related=(
        Related(
            N_("Minutes and evidence"),
            "evidence.records",
            lambda record: {"subject": f"ceremony:{record.id}"},
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_("No ceremony yet. Propose one; another officer performs it before witnesses."),
)
