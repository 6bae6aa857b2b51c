"""What is to be mended: who says so, who does it, who accepts it."""

from datetime import datetime
from typing import Any

from kernel.edges.resources import Cell, Column, Done, Filter, Link, Record, Resource, Verb
from kernel.edges.shared import Reason
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from policies.assessment.model import RemediationState
from policies.listings import OVERDUE
from policies.lists import ListedRemediation
from policies.resources.labels import ASSESSMENT, REMEDIATION_STATES


class RemediationRecord(Record):
    moving = frozenset({"state"})  # a date that passes makes it overdue; moves are checked by the service

    id: str
    name: str
    result: str
    assessment: str
    item: str
    object_name: str
    owner: str
    due: datetime
    action: str
    state: str
    opened_at: datetime
    closed_at: datetime | None


def remediation_record(listed: ListedRemediation) -> RemediationRecord:
    kept = listed.remediation
    return RemediationRecord(
        **vars(kept) | {"state": OVERDUE if listed.overdue else str(kept.state)},
        name=f"{listed.item} {listed.object_name}",
        assessment=listed.assessment,
        item=listed.item,
        object_name=listed.object_name,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[RemediationRecord]:
    return app.policies.lists.remediations(principal, ask).map(remediation_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, remediation_id: str) -> RemediationRecord:
    return remediation_record(app.policies.lists.remediation(principal, remediation_id))


def _moved(app: Any, principal: Principal, remediation_id: str, to: RemediationState, reason: str) -> Done:
    app.policies.assessments.move_remediation(principal, remediation_id, to, reason=reason)
    text = translate(REMEDIATION_STATES[to].text)
    return Done(N_("The remediation is now: %(state)s."), {"state": text}, id=remediation_id)


def _done(app: Any, principal: Principal, remediation_id: str, given: Reason) -> Done:
    return _moved(app, principal, remediation_id, RemediationState.DONE, given.reason)


def _accept(app: Any, principal: Principal, remediation_id: str, given: Reason) -> Done:
    return _moved(app, principal, remediation_id, RemediationState.ACCEPTED, given.reason)


def _reopen(app: Any, principal: Principal, remediation_id: str, given: Reason) -> Done:
    return _moved(app, principal, remediation_id, RemediationState.OPEN, given.reason)


def _is_done(record: RemediationRecord) -> bool:
    return record.state == RemediationState.DONE


_P = Permission
REMEDIATIONS = Resource(
    name="policies.remediations",
    title=N_("Remediations"),
    one=N_("Remediation"),
    permission=_P.POLICIES_READ,
    record=RemediationRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("item", N_("Control item"), Cell.CODE, link=Link("policies.results", "result")),
        Column("object_name", N_("Object")),
        Column("action", N_("What is to be done"), Cell.LONG),
        Column("owner", N_("Who mends it")),
        Column("due", N_("Until when"), Cell.TIME, sort="due"),
        Column("state", N_("State"), Cell.STATE, REMEDIATION_STATES),
        Column("opened_at", N_("Laid down at"), Cell.TIME, sort="opened_at", shown=False),
        Column("closed_at", N_("Accepted at"), Cell.TIME, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=REMEDIATION_STATES), ASSESSMENT),
    verbs=(
        Verb(
            "done",
            N_("Report as mended"),
            _P.POLICIES_REMEDIATE,
            _done,
            Reason,
            when=lambda record: record.state in (RemediationState.OPEN, OVERDUE),
            bulk=True,
            key="d",
        ),
        Verb("accept", N_("Accept"), _P.POLICIES_CONFIRM, _accept, Reason, when=_is_done, bulk=True, key="a"),
        Verb("reopen", N_("Send back"), _P.POLICIES_CONFIRM, _reopen, Reason, when=_is_done, danger=True),
    ),
    sort="due",
    empty=N_(
        "Nothing is to be mended. A result that fails or conforms in part is given to someone on its page."
    ),
)
