"""Revoking the certificate of a CA, or ending its suspension, which takes two officers."""

from datetime import datetime
from typing import Any

from ca.model import Reason as RevocationReason
from ca.model import Revocation, State
from ca.resources.impact import touched
from ca.resources.labels import (
    REASON_LABELS,
    REVOCATION_STATES,
    common_name_of,
    reason_name,
)
from ca.resources.proposals import by_second_officer
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Link,
    Record,
    Resource,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page

_P = Permission


# --- revocations of CA certificates
class RevocationRecord(Record):
    id: str
    serial: str
    common_name: str
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
        "common_name": common_name_of(found.subject),
        "subject": respelled(found.subject),
        "reason": reason_name(found.reason),
        "proposer": found.proposer or found.proposed_by,
    }
    return RevocationRecord(**vars(found) | shown)


def _revocations(app: Any, principal: Principal, ask: Ask) -> Page[RevocationRecord]:
    return app.ca.revocations.page(principal, ask).map(revocation_record)  # type: ignore[no-any-return]


def _revocation(app: Any, principal: Principal, revocation_id: str) -> RevocationRecord:
    return revocation_record(app.ca.revocations.show(principal, revocation_id))


def _perform_revocation(app: Any, principal: Principal, revocation_id: str, _given: Any) -> Done:
    done = app.ca.revocations.perform(principal, revocation_id)
    record = _revocation(app, principal, revocation_id)
    message = (
        N_("The CA's certificate %(serial)s is revoked.")
        if done.state is State.REVOKED
        else N_("The CA's certificate %(serial)s is suspended no more.")
    )
    return Done(
        message,
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
    found = app.ca.revocations.show(principal, revocation_id)
    if found.reason is RevocationReason.REMOVE_FROM_CRL:
        return [translate(N_("%(subject)s is good again, and issues again."), subject=found.subject)]
    return touched(app, principal, found.serial)


REVOCATIONS = Resource(
    name="ca.revocations",
    title=N_("Revocations and releases of CA certificates"),
    one=N_("Revocation or release of a CA's certificate"),
    permission=_P.CA_READ,
    record=RevocationRecord,
    page=_revocations,
    item=_revocation,
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
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
        *by_second_officer(
            _perform_revocation,
            _reject_revocation,
            _preview,
            N_("You approve what another officer has proposed, and it is done at once."),
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_(
        "Nobody has proposed to revoke a CA's certificate. It is proposed on the page of that certificate."
    ),
)
