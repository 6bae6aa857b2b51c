"""Requests to CAs whose keys are on another machine: files that are carried out, and answers that are carried back."""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.hierarchy.model import Carried, OfflineState
from ca.model import AuthorityState
from ca.resources.labels import OFFLINE_PURPOSES, OFFLINE_STATES
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    HandedOver,
    Input,
    Link,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


class OfflineRecord(Record):
    id: str
    title: str
    purpose: str
    state: str
    ceremony: str
    digest: str
    maker: str
    made_at: datetime
    exported_at: datetime | None
    signed_by: str
    signed_at: datetime | None
    decided_at: datetime | None


class TakeAnswer(Input):
    answer: Base64Bytes = Field(
        title=N_("Answer of the offline machine"), json_schema_extra={"widget": "file"}
    )
    answer_name: str = Field("", json_schema_extra={"widget": "hidden"})


class OrderList(Input):
    authority: str = Field(title=N_("Offline CA"))
    days: int = Field(365, ge=30, le=400, title=N_("Days of validity"))


def offline_record(found: Carried) -> OfflineRecord:
    return OfflineRecord(
        id=found.id,
        title=found.title,
        purpose=found.purpose,
        state=str(found.state),
        ceremony=found.ceremony or "",
        digest=found.digest,
        maker=found.maker or found.made_by,
        made_at=found.made_at,
        exported_at=found.exported_at,
        signed_by=found.signed_by,
        signed_at=found.signed_at,
        decided_at=found.decided_at,
    )


def _requests(app: Any, principal: Principal, ask: Ask) -> Page[OfflineRecord]:
    return app.ca.hierarchy.offline.page(principal, ask).map(offline_record)  # type: ignore[no-any-return]


def _request(app: Any, principal: Principal, request_id: str) -> OfflineRecord:
    return offline_record(app.ca.hierarchy.offline.show(principal, request_id))


def _export(app: Any, principal: Principal, request_id: str, _given: Any) -> Done:
    data = app.ca.hierarchy.offline.export(principal, request_id)
    record = _request(app, principal, request_id)
    return Done(
        N_("Carry the file to the machine with the key; its SHA-256 is %(digest)s."),
        {"digest": record.digest},
        record=record,
        id=request_id,
        file=HandedOver(f"{request_id}.request.json", "application/json", data),
    )


def _take(app: Any, principal: Principal, _id: str, given: TakeAnswer) -> Done:
    taken = app.ca.hierarchy.offline.take(principal, given.answer)
    return Done(N_("The answer is taken in."), record=offline_record(taken), id=taken.id)


def _resume(app: Any, principal: Principal, request_id: str, _given: Any) -> Done:
    app.ca.hierarchy.offline.resume(principal, request_id)
    return Done(N_("The answer is used."), record=_request(app, principal, request_id), id=request_id)


def _order_list(app: Any, principal: Principal, _id: str, given: OrderList) -> Done:
    made = app.ca.hierarchy.offline.order_list(principal, given.authority, given.days)
    return Done(N_("The request waits to be exported."), record=offline_record(made), id=made.id)


def _void(app: Any, principal: Principal, request_id: str, given: Reason) -> Done:
    void = app.ca.hierarchy.offline.void(principal, request_id, given.reason)
    return Done(N_("No answer to it is taken any more."), record=offline_record(void), id=request_id)


def _preview(app: Any, principal: Principal, request_id: str) -> list[str]:
    return list(app.ca.hierarchy.offline.described(principal, request_id))


def offline_names(app: Any, _principal: Principal) -> dict[str, str]:
    """CAs whose key is elsewhere: id -> name."""
    found = app.ca.authorities()
    return {one.id: one.name for one in found if one.offline and one.state is not AuthorityState.RETIRED}


def _waits(record: OfflineRecord) -> bool:
    return record.state == OfflineState.WAITING


OFFLINE = Resource(
    name="ca.offline",
    title=N_("Requests to offline CAs"),
    one=N_("Request to an offline CA"),
    permission=_P.CA_READ,
    record=OfflineRecord,
    page=_requests,
    item=_request,
    headline="title",
    columns=(
        Column("title", N_("Subject of the request")),
        Column("purpose", N_("What is asked for"), Cell.STATE, OFFLINE_PURPOSES),
        Column("state", N_("State"), Cell.STATE, OFFLINE_STATES),
        Column("digest", N_("SHA-256 of the request"), Cell.CODE),
        Column("maker", N_("Made by")),
        Column("made_at", N_("Made at"), Cell.TIME, sort="made"),
        Column("exported_at", N_("Exported at"), Cell.TIME),
        Column("signed_by", N_("Signed there by")),
        Column("signed_at", N_("Signed there at"), Cell.TIME, shown=False),
        Column("decided_at", N_("Taken in at"), Cell.TIME),
        Column("ceremony", N_("Key ceremony"), Cell.CODE, shown=False, link=Link("ca.ceremonies")),
        Column("id", N_("Number of the request"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=OFFLINE_STATES),
        Filter("ceremony", N_("Key ceremony"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "take",
            N_("Take in an answer"),
            _P.CA_CEREMONY_APPROVE,
            _take,
            TakeAnswer,
            On.LIST,
            explain=N_("It is checked against the request and the CA's key; what waits for it goes on."),
        ),
        Verb(
            "order-list",
            N_("Have a revocation list of an offline CA signed"),
            _P.CA_CRL_PUBLISH,
            _order_list,
            OrderList,
            On.NEW,
            choices={"authority": offline_names},
        ),
        Verb(
            "export",
            N_("Export the request"),
            _P.CA_CEREMONY_APPROVE,
            _export,
            when=_waits,
            preview=_preview,
            explain=N_("Compare the digest on both machines before it is signed there."),
        ),
        Verb(
            "resume",
            N_("Use its answer"),
            _P.CA_CEREMONY_APPROVE,
            _resume,
            when=lambda record: record.state == OfflineState.ANSWERED,
        ),
        Verb("void", N_("Declare it void"), _P.CA_CEREMONY_APPROVE, _void, Reason, when=_waits, key="x"),
    ),
    sort="-made",
    facet="state",
    empty=N_("Nothing was asked of an offline CA yet."),
)
