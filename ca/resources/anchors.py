"""Whom officers trust beside our own roots, and the CRLs of those CAs."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.validation.store import ForeignCrl, TrustAnchor
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Input,
    Label,
    Labels,
    Link,
    On,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
STATES: Labels = {
    "proposed": Label(N_("proposed"), Tone.WARN),
    "trusted": Label(N_("trusted"), Tone.GOOD),
    "rejected": Label(N_("turned down"), Tone.QUIET),
    "removed": Label(N_("trusted no more"), Tone.QUIET),
}


class AnchorRecord(Record):
    id: str
    name: str
    subject: str
    fingerprint: str
    not_after: datetime
    note: str
    state: str
    approval: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    decided_at: datetime | None


class Propose(Input):
    certificate: Base64Bytes = Field(
        title=N_("Certificate of the CA"),
        description=N_("PEM or DER. Compare its SHA-256 with what the CA has published on paper."),
        json_schema_extra={"widget": "file"},
    )
    name: str = Field(min_length=1, max_length=200, title=N_("Name"))
    note: str = Field(
        min_length=1,
        max_length=2000,
        title=N_("Why it is trusted, and how the certificate was checked"),
        json_schema_extra={"widget": "area"},
    )


def anchor_record(found: TrustAnchor) -> AnchorRecord:
    values = {name: value for name, value in vars(found).items() if name != "certificate"}
    return AnchorRecord(
        **values | {"state": str(found.state), "proposer": found.proposer or found.proposed_by}
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[AnchorRecord]:
    return app.ca.anchors.page(principal, ask).map(anchor_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, anchor_id: str) -> AnchorRecord:
    return anchor_record(app.ca.anchors.show(principal, anchor_id))


def _propose(app: Any, principal: Principal, _id: str, given: Propose) -> Done:
    made = app.ca.anchors.propose(principal, given.certificate, name=given.name, note=given.note)
    return Done(N_("Proposed; a second officer has to accept it."), record=anchor_record(made), id=made.id)


def _accept(app: Any, principal: Principal, anchor_id: str, _given: Any) -> Done:
    made = app.ca.anchors.accept(principal, anchor_id)
    return Done(
        N_("%(name)s is trusted from now on."), {"name": made.name}, record=anchor_record(made), id=anchor_id
    )


def _reject(app: Any, principal: Principal, anchor_id: str, given: Reason) -> Done:
    made = app.ca.anchors.reject(principal, anchor_id, given.reason)
    return Done(N_("The trust anchor is turned down."), record=anchor_record(made), id=anchor_id)


def _remove(app: Any, principal: Principal, anchor_id: str, given: Reason) -> Done:
    made = app.ca.anchors.remove(principal, anchor_id, given.reason)
    return Done(
        N_("%(name)s is trusted no more."), {"name": made.name}, record=anchor_record(made), id=anchor_id
    )


def _der(app: Any, principal: Principal, anchor_id: str) -> File:
    found = app.ca.anchors.show(principal, anchor_id)
    return File(f"{anchor_id}.cer", "application/pkix-cert", found.certificate)


ANCHORS = Resource(
    name="ca.anchors",
    title=N_("Trust anchors"),
    one=N_("Trust anchor"),
    permission=_P.CA_VALIDATE,
    record=AnchorRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name")),
        Column("state", N_("State"), Cell.STATE, STATES),
        Column("not_after", N_("Valid until"), Cell.TIME),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("decided_at", N_("Decided at"), Cell.TIME, shown=False),
        Column("fingerprint", N_("SHA-256"), Cell.CODE),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
        Column("note", N_("Why it is trusted, and how the certificate was checked"), Cell.LONG, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Anchor number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=STATES),),
    verbs=(
        Verb(
            "propose",
            N_("Propose a trust anchor"),
            _P.CA_ANCHOR_PROPOSE,
            _propose,
            Propose,
            On.NEW,
            second=_P.CA_ANCHOR_APPROVE,
            explain=N_(
                "Whatever this CA vouches for will be taken for valid in verifications. Our own roots need not be added."
            ),
        ),
        Verb(
            "accept",
            N_("Accept as the second officer"),
            _P.CA_ANCHOR_APPROVE,
            _accept,
            when=lambda record: record.state == "proposed",
            not_by="proposed_by",
            danger=True,
            key="a",
            explain=N_("Compare the SHA-256 with what the CA has published on paper before you accept."),
        ),
        Verb(
            "reject",
            N_("Turn down"),
            _P.CA_ANCHOR_APPROVE,
            _reject,
            Reason,
            when=lambda record: record.state == "proposed",
            key="x",
        ),
        Verb(
            "remove",
            N_("Trust no more"),
            _P.CA_ANCHOR_PROPOSE,
            _remove,
            Reason,
            when=lambda record: record.state == "trusted",
            danger=True,
        ),
    ),
    downloads=(Download("der", N_("Certificate (DER)"), _P.CA_VALIDATE, _der),),
    sort="-proposed",
    facet="state",
    empty=N_("Only our own roots are trusted. Propose another CA; a second officer accepts it."),
)


# --- CRLs of other CAs
class ForeignCrlRecord(Record):
    id: str
    issuer: str
    number: str
    this_update: datetime
    next_update: datetime | None
    fingerprint: str
    given_by: str
    giver: str
    given_at: datetime


class HandIn(Input):
    crls: Base64Bytes = Field(
        title=N_("Revocation lists"), description=N_("PEM or DER."), json_schema_extra={"widget": "file"}
    )
    crls_name: str = Field("", max_length=200, json_schema_extra={"widget": "hidden"})


def crl_record(found: ForeignCrl) -> ForeignCrlRecord:
    return ForeignCrlRecord(**vars(found) | {"giver": found.giver or found.given_by})


def _crls(app: Any, principal: Principal, ask: Ask) -> Page[ForeignCrlRecord]:
    return app.ca.anchors.crls(principal, ask).map(crl_record)  # type: ignore[no-any-return]


def _crl(app: Any, principal: Principal, crl_id: str) -> ForeignCrlRecord:
    return crl_record(app.ca.anchors.crl(principal, crl_id))


def _hand_in(app: Any, principal: Principal, _id: str, given: HandIn) -> Done:
    kept = app.ca.anchors.add_crls(principal, given.crls, name=given.crls_name)
    return Done(N_("%(count)s revocation lists are new and kept."), {"count": len(kept)})


FOREIGN_CRLS = Resource(
    name="ca.foreign-crls",
    title=N_("Revocation lists of other CAs"),
    one=N_("Revocation list of another CA"),
    permission=_P.CA_VALIDATE,
    record=ForeignCrlRecord,
    page=_crls,
    item=_crl,
    headline="issuer",
    columns=(
        Column("issuer", N_("Issuer name")),
        Column("number", N_("CRL number"), Cell.CODE),
        Column("this_update", N_("Signed (thisUpdate)"), Cell.TIME),
        Column("next_update", N_("Next by (nextUpdate)"), Cell.TIME),
        Column("giver", N_("Handed in by")),
        Column("given_at", N_("Handed in at"), Cell.TIME, sort="given"),
        Column("fingerprint", N_("SHA-256"), Cell.CODE, shown=False),
        Column("id", N_("List number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("issuer", N_("Issuer name"), FilterKind.TEXT),),
    verbs=(
        Verb(
            "hand-in",
            N_("Hand in revocation lists"),
            _P.CA_ANCHOR_PROPOSE,
            _hand_in,
            HandIn,
            On.LIST,
            explain=N_(
                "Verifications use them from now on; each one's signature is checked whenever it is used."
            ),
        ),
    ),
    sort="-given",
    empty=N_("No revocation list of another CA was handed in."),
)
