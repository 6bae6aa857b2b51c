"""What takes two officers: key ceremonies, and revoking the certificate of a CA."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from ca.model import Ceremony, CeremonyPlan, Revocation
from ca.resources.certificates import preview as revocation_preview
from ca.resources.labels import (
    CEREMONY_STATES,
    REASON_LABELS,
    REVOCATION_STATES,
    reason_name,
)
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
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


# --- revocations of CA certificates
class RevocationRecord(Record):
    id: str
    serial: str
    subject: str
    state: str
    reason: str
    note: str
    invalid_since: datetime | None
    proposed_by: str
    proposer: str
    proposed_at: datetime
    decided_at: datetime | None
    approval: str


def revocation_record(found: Revocation) -> RevocationRecord:
    shown = {
        "state": str(found.state),
        "reason": reason_name(found.reason),
        "proposer": found.proposer or found.proposed_by,
    }
    return RevocationRecord(**vars(found) | shown)


def _revocations(app: Any, principal: Principal, ask: Ask) -> Page[RevocationRecord]:
    return app.ca.revocations.page(principal, ask).map(revocation_record)  # type: ignore[no-any-return]


def _revocation(app: Any, principal: Principal, revocation_id: str) -> RevocationRecord:
    return revocation_record(app.ca.revocations.show(principal, revocation_id))


def _perform_revocation(app: Any, principal: Principal, revocation_id: str, _given: Any) -> Done:
    app.ca.revocations.perform(principal, revocation_id)
    record = _revocation(app, principal, revocation_id)
    return Done(
        N_("The CA's certificate %(serial)s is revoked."),
        {"serial": record.serial},
        record=record,
        id=revocation_id,
    )


def _reject_revocation(app: Any, principal: Principal, revocation_id: str, given: Reason) -> Done:
    rejected = app.ca.revocations.reject(principal, revocation_id, given.reason)
    return Done(
        N_("The proposal is turned down; the CA goes on."),
        record=revocation_record(rejected),
        id=revocation_id,
    )


def _preview(app: Any, principal: Principal, revocation_id: str) -> list[str]:
    return revocation_preview(app, principal, app.ca.revocations.show(principal, revocation_id).serial)


REVOCATIONS = Resource(
    name="ca.revocations",
    title=N_("Revocations of CA certificates"),
    one=N_("Revocation of a CA's certificate"),
    permission=_P.CA_READ,
    record=RevocationRecord,
    page=_revocations,
    item=_revocation,
    headline="subject",
    columns=(
        Column("subject", N_("Subject name"), Cell.CODE),
        Column("state", N_("State"), Cell.STATE, REVOCATION_STATES),
        Column("reason", N_("What relying parties are told"), Cell.STATE, REASON_LABELS),
        Column("note", N_("Reason"), Cell.LONG),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("decided_at", N_("Decided at"), Cell.TIME),
        Column("invalid_since", N_("Key doubtful since"), Cell.TIME, shown=False),
        Column("serial", N_("Serial number"), Cell.CODE, shown=False, link=Link("ca.certificates")),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Proposal number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=REVOCATION_STATES),
        Filter("serial", N_("Serial number"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "perform",
            N_("Revoke this CA as the second officer"),
            _P.CA_CEREMONY_APPROVE,
            _perform_revocation,
            when=lambda record: record.state == "proposed",
            danger=True,
            preview=_preview,
            explain=N_("You approve what another officer has proposed, and it is done at once."),
        ),
        Verb(
            "reject",
            N_("Turn down"),
            _P.CA_CEREMONY_APPROVE,
            _reject_revocation,
            Reason,
            when=lambda record: record.state == "proposed",
            key="x",
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_("Nobody has proposed to revoke a CA's certificate."),
)


# --- ceremonies
class CeremonyRecord(Record):
    id: str
    root_name: str
    issuing_name: str
    organisation: str
    algorithm: str
    root_years: int
    issuing_years: int
    witnesses: tuple[str, ...]
    state: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    performed_at: datetime | None
    approval: str


class ProposeCeremony(Input):
    organisation: str = Field(min_length=1, max_length=64, title=N_("Organisation (O)"))
    root_name: str = Field(min_length=1, max_length=64, title=N_("Common name of the root"))
    issuing_name: str = Field(min_length=1, max_length=64, title=N_("Common name of the issuing CA"))
    algorithm: Literal["p384", "rsa4096"] = Field("p384", title=N_("Algorithm of the root's key"))
    root_years: int = Field(20, ge=1, le=30, title=N_("Years of the root"))
    issuing_years: int = Field(10, ge=1, le=30, title=N_("Years of the issuing CA"))
    witnesses: tuple[str, ...] = Field(
        min_length=1, max_length=20, title=N_("Witnesses"), description=N_("One name a line.")
    )


def ceremony_record(found: Ceremony) -> CeremonyRecord:
    return CeremonyRecord(
        **found.plan.as_dict(),
        id=found.id,
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


def _propose_ceremony(app: Any, principal: Principal, _id: str, given: ProposeCeremony) -> Done:
    ceremony_id = app.ca.ceremonies.propose(principal, CeremonyPlan(**given.model_dump()))
    record = _ceremony(app, principal, ceremony_id)
    return Done(N_("The ceremony is proposed; a second officer performs it."), record=record, id=ceremony_id)


def _perform_ceremony(app: Any, principal: Principal, ceremony_id: str, _given: Any) -> Done:
    made = app.ca.ceremonies.perform(principal, ceremony_id)
    names = ", ".join(one.name for one in made)
    record = _ceremony(app, principal, ceremony_id)
    return Done(N_("Founded: %(names)s"), {"names": names}, record=record, id=ceremony_id)


def _ceremony_preview(app: Any, principal: Principal, ceremony_id: str) -> list[str]:
    plan = app.ca.ceremonies.show(principal, ceremony_id).plan
    root = {"name": plan.root_name, "algorithm": plan.algorithm, "years": plan.root_years}
    issuing = {"name": plan.issuing_name, "years": plan.issuing_years}
    return [
        translate(N_("Root: %(name)s, key %(algorithm)s, %(years)s years"), **root),
        translate(N_("Issuing CA: %(name)s, %(years)s years"), **issuing),
        translate(N_("Witnesses: %(names)s"), names=", ".join(plan.witnesses)),
    ]


CEREMONIES = Resource(
    name="ca.ceremonies",
    title=N_("Key ceremonies"),
    one=N_("Key ceremony"),
    permission=_P.CA_READ,
    record=CeremonyRecord,
    page=_ceremonies,
    item=_ceremony,
    headline="root_name",
    columns=(
        Column("root_name", N_("Common name of the root")),
        Column("issuing_name", N_("Common name of the issuing CA")),
        Column("state", N_("State"), Cell.STATE, CEREMONY_STATES),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("performed_at", N_("Performed at"), Cell.TIME),
        Column("witnesses", N_("Witnesses"), Cell.LIST),
        Column("organisation", N_("Organisation (O)"), shown=False),
        Column("algorithm", N_("Algorithm of the root's key"), Cell.CODE, shown=False),
        Column("root_years", N_("Years of the root"), Cell.NUMBER, shown=False),
        Column("issuing_years", N_("Years of the issuing CA"), Cell.NUMBER, shown=False),
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
                "Keys are made in the signer, root and issuing CA are founded; the minutes become evidence."
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
