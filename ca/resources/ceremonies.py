"""Ceremonies: what two officers do to the hierarchy, step by step, and the minutes of it."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.hierarchy.model import Ceremony, CeremonyState, OfflineState, Step
from ca.hierarchy.plan import PlannedAuthority
from ca.resources.labels import (
    CEREMONY_KINDS,
    CEREMONY_STATES,
    assignable,
    key_algorithms,
    step_title,
)
from ca.resources.plans import plan_lines
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Link,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
DEFAULT = "government"


class CeremonyRecord(Record):
    id: str
    title: str
    kind: str
    state: str
    next: str
    next_number: int | None
    witnesses: tuple[str, ...]
    proposed_by: str
    proposer: str
    proposed_at: datetime
    performer: str
    performed_at: datetime | None
    digest: str
    signed: bool
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


class ExtendHierarchy(Input):
    id: str = Field(min_length=1, max_length=30, title=N_("Short name"))
    name: str = Field(min_length=1, max_length=64, title=N_("Common name of the issuing CA"))
    organisation: str = Field(min_length=1, max_length=64, title=N_("Organisation (O)"))
    algorithm: str = Field("p256", title=N_("Key algorithm"))
    years: int = Field(10, ge=1, le=30, title=N_("Years of validity"))
    profiles: tuple[str, ...] = Field((), title=N_("Profiles that it issues"))
    witnesses: tuple[str, ...] = Field((), title=N_("Witnesses"), description=N_("One name a line."))


class CertifyForeign(Input):
    csr: Base64Bytes = Field(title=N_("Signing request (PKCS#10)"), json_schema_extra={"widget": "file"})
    csr_name: str = Field("", json_schema_extra={"widget": "hidden"})
    years: int = Field(5, ge=1, le=30, title=N_("Years of validity"))
    permitted: tuple[str, ...] = Field(
        min_length=1,
        max_length=100,
        title=N_("Names that it may certify"),
        description=N_("One a line: dns:suffix, email:host or ip:prefix."),
    )


class ConfirmItem(Input):
    number: int = Field(ge=1, title=N_("Number of the item"))
    person: str = Field(min_length=1, max_length=80, title=N_("Confirmed by"))
    digest: str = Field(
        "",
        max_length=120,
        title=N_("Digest as it was read aloud"),
        description=N_("At least its first 16 digits, for an item that reads one."),
    )
    remark: str = Field("", max_length=2000, title=N_("Remark"), json_schema_extra={"widget": "area"})


def ceremony_record(found: Ceremony) -> CeremonyRecord:
    step = found.next
    return CeremonyRecord(
        id=found.id,
        title=found.title,
        kind=str(found.kind),
        state=str(found.state),
        next=step_title(step) if step and found.state is CeremonyState.RUNNING else "",
        next_number=step.number if step and step.by_hand else None,
        witnesses=found.witnesses,
        proposed_by=found.proposed_by,
        proposer=found.proposer or found.proposed_by,
        proposed_at=found.proposed_at,
        performer=found.performer or found.performed_by,
        performed_at=found.performed_at,
        digest=found.digest,
        signed=bool(found.seal),
        approval=found.approval,
    )


def _ceremonies(app: Any, principal: Principal, ask: Ask) -> Page[CeremonyRecord]:
    return app.ca.ceremonies.page(principal, ask).map(ceremony_record)  # type: ignore[no-any-return]


def _ceremony(app: Any, principal: Principal, ceremony_id: str) -> CeremonyRecord:
    return ceremony_record(app.ca.ceremonies.show(principal, ceremony_id))


def _hierarchies(app: Any, _principal: Principal) -> dict[str, str]:
    return dict(app.ca.ceremonies.titles())


def _proposed(app: Any, principal: Principal, ceremony_id: str) -> Done:
    record = _ceremony(app, principal, ceremony_id)
    return Done(N_("The ceremony is proposed; a second officer performs it."), record=record, id=ceremony_id)


def _propose_ceremony(app: Any, principal: Principal, _id: str, given: ProposeCeremony) -> Done:
    ceremonies = app.ca.ceremonies
    plan = ceremonies.plan(principal, given.organisation, given.witnesses, given.hierarchy, given.plan)
    return _proposed(app, principal, ceremonies.propose(principal, plan))


def _extend(app: Any, principal: Principal, _id: str, given: ExtendHierarchy) -> Done:
    planned = PlannedAuthority(given.id, given.name, given.algorithm, given.years, given.profiles)
    proposals = app.ca.hierarchy.proposals
    return _proposed(
        app, principal, proposals.extend(principal, planned, given.organisation, given.witnesses)
    )


def _certify(app: Any, principal: Principal, _id: str, given: CertifyForeign) -> Done:
    proposals = app.ca.hierarchy.proposals
    return _proposed(app, principal, proposals.certify(principal, given.csr, given.years, given.permitted))


def _perform_ceremony(app: Any, principal: Principal, ceremony_id: str, _given: Any) -> Done:
    app.ca.ceremonies.perform(principal, ceremony_id)
    return _went_on(app, principal, ceremony_id)


def _confirm(app: Any, principal: Principal, ceremony_id: str, given: ConfirmItem) -> Done:
    app.ca.ceremonies.confirm(
        principal, ceremony_id, given.number, given.person, remark=given.remark, digest=given.digest
    )
    return _went_on(app, principal, ceremony_id)


def _went_on(app: Any, principal: Principal, ceremony_id: str) -> Done:
    record = _ceremony(app, principal, ceremony_id)
    if record.state == CeremonyState.PERFORMED:
        return Done(N_("The ceremony is over; its minutes are evidence."), record=record, id=ceremony_id)
    carried = Ask(filters={"ceremony": (ceremony_id,), "state": (str(OfflineState.WAITING),)}, limit=1)
    if app.ca.hierarchy.offline.page(principal, carried).items:
        message = N_(
            "Next, on the offline machine: %(next)s. Take the request below there, and import the answer."
        )
        return Done(message, {"next": record.next}, record=record, id=ceremony_id)
    return Done(N_("Next: %(next)s"), {"next": record.next}, record=record, id=ceremony_id)


def _reject(app: Any, principal: Principal, ceremony_id: str, given: Reason) -> Done:
    rejected = app.ca.ceremonies.reject(principal, ceremony_id, given.reason)
    return Done(N_("The ceremony is turned down."), record=ceremony_record(rejected), id=ceremony_id)


def _seal(app: Any, principal: Principal, _id: str, _given: Any) -> Done:
    count = app.ca.hierarchy.minutes.seal(principal)
    return Done(N_("Minutes signed and time-stamped: %(count)s"), {"count": count})


def _preview(app: Any, principal: Principal, ceremony_id: str) -> list[str]:
    """What will be done, and every step of it."""
    found = app.ca.ceremonies.show(principal, ceremony_id)
    return [*plan_lines(found), *(f"{step.number}. {step_title(step)}" for step in found.steps)]


def _next_item(app: Any, principal: Principal, ceremony_id: str) -> dict[str, Any]:
    return {"number": _ceremony(app, principal, ceremony_id).next_number}


def _next_told(app: Any, principal: Principal, ceremony_id: str) -> list[str]:
    found = app.ca.ceremonies.show(principal, ceremony_id)
    step: Step | None = found.next
    there = ", ".join((*found.witnesses, *(name for name in (found.proposer, found.performer) if name)))
    if step is None:
        return []
    about = [translate(N_("CA: %(id)s"), id=step.about)] if step.about else []
    lines = [f"{step.number}. {step_title(step)}", *about]
    return [*lines, translate(N_("Taking part: %(there)s."), there=there)]


def _text(app: Any, principal: Principal, ceremony_id: str) -> File:
    data = app.ca.hierarchy.minutes.text(principal, ceremony_id)
    return File(f"{ceremony_id}.txt", "text/plain; charset=utf-8", data)


def _html(app: Any, principal: Principal, ceremony_id: str) -> File:
    data = app.ca.hierarchy.minutes.html(principal, ceremony_id)
    return File(f"{ceremony_id}.html", "text/html; charset=utf-8", data)


def _package(app: Any, principal: Principal, ceremony_id: str) -> File:
    data = app.ca.hierarchy.minutes.package(principal, ceremony_id)
    return File(f"{ceremony_id}.zip", "application/zip", data)


def _over(record: CeremonyRecord) -> bool:
    return record.state == CeremonyState.PERFORMED


CEREMONIES = Resource(
    name="ca.ceremonies",
    title=N_("Key ceremonies"),
    one=N_("Key ceremony"),
    permission=_P.CA_READ,
    record=CeremonyRecord,
    page=_ceremonies,
    item=_ceremony,
    headline="title",
    columns=(
        Column("title", N_("Subject of the ceremony")),
        Column("kind", N_("Kind of ceremony"), Cell.STATE, CEREMONY_KINDS),
        Column("state", N_("State"), Cell.STATE, CEREMONY_STATES),
        Column("next", N_("Next step"), shown=False),
        Column("next_number", N_("Number of the next item to confirm"), Cell.NUMBER, shown=False),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("performer", N_("Performed by"), shown=False),
        Column("performed_at", N_("Performed at"), Cell.TIME),
        Column("witnesses", N_("Witnesses"), Cell.LIST),
        Column("signed", N_("Minutes signed and time-stamped"), Cell.FLAG),
        Column("digest", N_("SHA-256 of the approved plan"), Cell.CODE, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Ceremony number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=CEREMONY_STATES),
        Filter("kind", N_("Kind of ceremony"), labels=CEREMONY_KINDS),
    ),
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
            "extend",
            N_("Propose one more issuing CA"),
            _P.CA_CEREMONY_PROPOSE,
            _extend,
            ExtendHierarchy,
            On.NEW,
            second=_P.CA_CEREMONY_APPROVE,
            choices={"algorithm": key_algorithms, "profiles": assignable},
            initial=lambda app, _principal, _id: {"organisation": app.settings.organisation},
        ),
        Verb(
            "certify",
            N_("Propose to certify a foreign CA"),
            _P.CA_CEREMONY_PROPOSE,
            _certify,
            CertifyForeign,
            On.NEW,
            second=_P.CA_CEREMONY_APPROVE,
            explain=N_("The root gives it a certificate that is good within these names only."),
        ),
        Verb(
            "perform",
            N_("Perform as the second officer"),
            _P.CA_CEREMONY_APPROVE,
            _perform_ceremony,
            when=lambda record: record.state in (CeremonyState.PROPOSED, CeremonyState.RUNNING),
            not_by="proposed_by",
            preview=_preview,
            explain=N_(
                "You approve the plan, and the system goes on until something is to be confirmed, or to be signed elsewhere."
            ),
        ),
        Verb(
            "confirm",
            N_("Confirm the next item"),
            _P.CA_CEREMONY_APPROVE,
            _confirm,
            ConfirmItem,
            when=lambda record: record.state == CeremonyState.RUNNING and record.next_number is not None,
            preview=_next_told,
            initial=_next_item,
            key="a",
        ),
        Verb(
            "reject",
            N_("Turn down or break off"),
            _P.CA_CEREMONY_APPROVE,
            _reject,
            Reason,
            when=lambda record: record.state in (CeremonyState.PROPOSED, CeremonyState.RUNNING),
            danger=True,
            key="x",
        ),
        Verb(
            "seal",
            N_("Sign and time-stamp minutes that wait"),
            _P.CA_PROVISION,
            _seal,
            on=On.LIST,
            explain=N_(
                "The worker does so by itself. Do it now when the seal was not there at the time of the ceremony."
            ),
        ),
    ),
    downloads=(
        Download("text", N_("Minutes (text)"), _P.CA_READ, _text, _over),
        Download("html", N_("Minutes (HTML)"), _P.CA_READ, _html, _over),
        Download(
            "package",
            N_("Minutes with signature and time-stamp (ZIP)"),
            _P.CA_READ,
            _package,
            lambda record: record.signed,
        ),
    ),
    related=(
        Related(N_("Requests to offline CAs"), "ca.offline", lambda record: {"ceremony": record.id}),
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
