"""The statements on the tables of validation, and its lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update

from ca.store import name_of
from ca.validation.tables import anchors, foreign_crls, validations
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import units, users
from kernel.store.listing import Listing, equals, since, until


class AnchorState(StrEnum):
    """One officer proposes a trust anchor, another accepts or rejects it; one alone can end the trust."""

    PROPOSED = "proposed"
    TRUSTED = "trusted"
    REJECTED = "rejected"
    REMOVED = "removed"


@dataclass(frozen=True)
class TrustAnchor:
    """A certificate whose holder is trusted to vouch for others, beside our own roots."""

    id: str
    name: str
    certificate: bytes
    fingerprint: str
    subject: str
    not_after: datetime
    note: str
    state: AnchorState
    approval: str
    proposed_by: str
    proposed_at: datetime
    decided_at: datetime | None = None
    proposer: str = ""


@dataclass(frozen=True)
class ForeignCrl:
    """A CRL of a CA that is not ours, as it was handed in; its signature is checked when it is used."""

    id: str
    issuer: str
    fingerprint: str
    number: str
    this_update: datetime
    next_update: datetime | None
    given_by: str
    given_at: datetime
    giver: str = ""


@dataclass(frozen=True)
class Validation:
    """A report that was kept. ``kind`` is certificate, document or timestamp; ``digest`` the SHA-256 of what was looked at,
    ``reason`` the code of why not, "" when valid; ``at`` the time of validation."""

    id: str
    kind: str
    name: str
    digest: str
    verdict: str
    reason: str
    purpose: str
    at: datetime
    asked_by: str
    unit: str
    asked_at: datetime
    report: Mapping[str, Any]
    evidence: str = ""
    asker: str = ""
    unit_name: str = ""


def _row_of(kind: type[Any], left_out: Sequence[str]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.name not in left_out)


_ANCHOR = _row_of(TrustAnchor, ("proposer",))
_CRL = _row_of(ForeignCrl, ("giver",))
_VALIDATION = _row_of(Validation, ("asker", "unit_name"))
_anchors: Select[Any] = select(
    *(anchors.c[name] for name in _ANCHOR), name_of(users, anchors.c.proposed_by).label("proposer")
)
_crls: Select[Any] = select(
    *(foreign_crls.c[name] for name in _CRL), name_of(users, foreign_crls.c.given_by).label("giver")
)
_validations: Select[Any] = select(
    *(validations.c[name] for name in _VALIDATION),
    name_of(users, validations.c.asked_by).label("asker"),
    name_of(units, validations.c.unit).label("unit_name"),
)


def _anchor(row: Row[Any]) -> TrustAnchor:
    values = {name: getattr(row, name) for name in _ANCHOR}
    about = {"state": AnchorState(row.state), "certificate": bytes(row.certificate)}
    return TrustAnchor(**values | about, proposer=row.proposer or "")


def _crl(row: Row[Any]) -> ForeignCrl:
    return ForeignCrl(**{name: getattr(row, name) for name in _CRL}, giver=row.giver or "")


def _validation(row: Row[Any]) -> Validation:
    values = {name: getattr(row, name) for name in _VALIDATION}
    return Validation(**values, asker=row.asker or "", unit_name=row.unit_name or "")


ANCHORS: Listing[TrustAnchor] = Listing(
    query=_anchors,
    key=anchors.c.id,
    orders={"proposed": anchors.c.id},
    default="-proposed",
    row=_anchor,
    text=(anchors.c.name, anchors.c.subject, anchors.c.fingerprint),
    filters={"state": equals(anchors.c.state)},
    facets={"state": anchors.c.state},
)
CRLS: Listing[ForeignCrl] = Listing(
    query=_crls,
    key=foreign_crls.c.id,
    orders={"given": foreign_crls.c.id},
    default="-given",
    row=_crl,
    text=(foreign_crls.c.issuer, foreign_crls.c.fingerprint),
    filters={"issuer": equals(foreign_crls.c.issuer)},
)
VALIDATIONS: Listing[Validation] = Listing(
    query=_validations,
    key=validations.c.id,
    orders={"asked": validations.c.id},
    default="-asked",
    row=_validation,
    text=(validations.c.name, validations.c.digest),
    filters={
        "verdict": equals(validations.c.verdict),
        "kind": equals(validations.c.kind),
        "digest": equals(validations.c.digest),
        "since": since(validations.c.asked_at),
        "until": until(validations.c.asked_at),
    },
    facets={"verdict": validations.c.verdict},
)


# --- anchors
def add_anchor(connection: Connection, anchor: TrustAnchor) -> None:
    row = {name: getattr(anchor, name) for name in _ANCHOR} | {"state": str(anchor.state)}
    connection.execute(insert(anchors).values(row))


def read_anchor(connection: Connection, anchor_id: str, *, lock: bool = False) -> TrustAnchor:
    query = _anchors.where(anchors.c.id == anchor_id)
    row = connection.execute(query.with_for_update(of=anchors) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no trust anchor %(id)s."), id=anchor_id[:60])
    return _anchor(row)


def living_anchors(connection: Connection, states: Sequence[AnchorState]) -> list[TrustAnchor]:
    """Those in one of the states."""
    query = _anchors.where(anchors.c.state.in_([str(state) for state in states])).order_by(anchors.c.id)
    return [_anchor(row) for row in connection.execute(query)]


def set_anchor_state(connection: Connection, anchor_id: str, state: AnchorState, now: datetime) -> None:
    changed = update(anchors).where(anchors.c.id == anchor_id)
    connection.execute(changed.values(state=str(state), decided_at=now))


# --- CRLs of others
def add_crl(connection: Connection, one: ForeignCrl, der: bytes) -> None:
    row = {name: getattr(one, name) for name in _CRL}
    connection.execute(insert(foreign_crls).values(**row, der=der))


def has_crl(connection: Connection, fingerprint: str) -> bool:
    query = select(foreign_crls.c.id).where(foreign_crls.c.fingerprint == fingerprint)
    return connection.execute(query).first() is not None


def read_crl(connection: Connection, crl_id: str) -> ForeignCrl:
    row = connection.execute(_crls.where(foreign_crls.c.id == crl_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no CRL %(id)s of another CA."), id=crl_id[:60])
    return _crl(row)


def crls_at(connection: Connection, at: datetime, most: int) -> list[bytes]:
    """The newest lists of each foreign issuer that were out at that time; a full list with its deltas."""
    ranked = func.row_number().over(
        partition_by=foreign_crls.c.issuer, order_by=foreign_crls.c.this_update.desc()
    )
    out = select(foreign_crls.c.der, ranked.label("rank")).where(foreign_crls.c.this_update <= at).subquery()
    found = connection.execute(select(out.c.der).where(out.c.rank <= most))
    return [bytes(der) for der in found.scalars()]


# --- reports
def add_validation(connection: Connection, one: Validation) -> None:
    row = {name: getattr(one, name) for name in _VALIDATION}
    connection.execute(insert(validations).values(row | {"report": dict(one.report)}))


def read_validation(connection: Connection, validation_id: str) -> Validation:
    row = connection.execute(_validations.where(validations.c.id == validation_id)).one_or_none()
    if row is None:
        raise no_validation(validation_id)
    return _validation(row)


def seen_by(person: str, others: Sequence[ColumnElement[bool]] | None) -> tuple[ColumnElement[bool], ...]:
    """Conditions of a list: one's own reports, and ``others`` (None: none of them, no conditions: all)."""
    mine = validations.c.asked_by == person
    return (mine,) if others is None else tuple(or_(mine, seen) for seen in others)


def prune_validations(connection: Connection, before: datetime) -> int:
    """Forget reports that nobody wanted kept as evidence."""
    old = (validations.c.asked_at < before) & (validations.c.evidence == "")
    return connection.execute(delete(validations).where(old)).rowcount


def no_validation(validation_id: str) -> NotFound:
    return NotFound(N_("There is no report %(id)s."), id=validation_id[:60])
