"""A transparency log that begins anew after a fault: proposed by one officer, performed by another."""

from datetime import datetime
from typing import Any

from ca.resources.labels import PROPOSAL_STATES
from ca.resources.proposals import by_second_officer
from ca.transparency.model import Fault, Restart
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
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
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission
FAULTS: Labels = {
    Fault.NONE: Label(N_("The log is sound"), Tone.GOOD),
    Fault.ROLLED_BACK: Label(N_("The database was set back"), Tone.BAD),
    Fault.DAMAGED: Label(N_("The log is damaged"), Tone.BAD),
    Fault.AHEAD: Label(N_("The log has signed with a clock that was ahead"), Tone.BAD),
}


class RestartRecord(Record):
    id: str
    log: str
    fault: str
    entries: int
    root: str
    signed: int
    lost: int
    note: str
    state: str
    approval: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    decided_at: datetime | None
    begun: str


def restart_record(found: Restart) -> RestartRecord:
    shown = {"fault": str(found.fault), "state": str(found.state), "lost": found.lost}
    return RestartRecord(**vars(found) | shown | {"proposer": found.proposer or found.proposed_by})


def _page(app: Any, principal: Principal, ask: Ask) -> Page[RestartRecord]:
    return app.ca.log.restarts.page(principal, ask).map(restart_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, restart_id: str) -> RestartRecord:
    return restart_record(app.ca.log.restarts.show(principal, restart_id))


def _propose(app: Any, principal: Principal, _id: str, given: Reason) -> Done:
    made = app.ca.log.restarts.propose(principal, given.reason)
    return Done(
        N_("It is proposed; another officer has to perform it."), record=restart_record(made), id=made.id
    )


def _perform(app: Any, principal: Principal, restart_id: str, _given: Any) -> Done:
    made = app.ca.log.restarts.perform(principal, restart_id)
    return Done(
        N_("The log goes on as %(log)s."), {"log": made.begun}, record=restart_record(made), id=restart_id
    )


def _reject(app: Any, principal: Principal, restart_id: str, given: Reason) -> Done:
    made = app.ca.log.restarts.reject(principal, restart_id, given.reason)
    return Done(
        N_("It is turned down; the log goes on signing nothing."), record=restart_record(made), id=restart_id
    )


def _preview(app: Any, principal: Principal, restart_id: str) -> list[str]:
    found = app.ca.log.restarts.show(principal, restart_id)
    return [
        translate(
            N_("%(signed)s entries were signed; %(entries)s are there, and %(lost)s at the end are lost."),
            signed=found.signed,
            entries=found.entries,
            lost=found.lost,
        ),
        translate(N_("Whatever these entries say is what the new log vouches for.")),
    ]


LOG_RESTARTS = Resource(
    name="ca.log-restarts",
    title=N_("Transparency log: new beginnings"),
    one=N_("New beginning of the transparency log"),
    permission=_P.LOG_READ,
    record=RestartRecord,
    page=_page,
    item=_item,
    headline="log",
    columns=(
        Column("log", N_("Log that ends"), Cell.CODE),
        Column("state", N_("State"), Cell.STATE, PROPOSAL_STATES),
        Column("fault", N_("What is wrong with the log"), Cell.STATE, FAULTS),
        Column("entries", N_("Entries in the log"), Cell.NUMBER),
        Column("lost", N_("Entries that are lost"), Cell.NUMBER),
        Column("note", N_("Reason"), Cell.LONG),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("begun", N_("Log that goes on"), Cell.CODE),
        Column("decided_at", N_("Decided at"), Cell.TIME, shown=False),
        Column("signed", N_("Entries that were signed"), Cell.NUMBER, shown=False),
        Column("root", N_("Root hash"), Cell.CODE, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Proposal number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=PROPOSAL_STATES),),
    verbs=(
        Verb(
            "propose",
            N_("Propose to begin the log anew"),
            _P.LOG_RESTART,
            _propose,
            Reason,
            On.NEW,
            danger=True,
            second=_P.CA_CEREMONY_APPROVE,
            explain=N_(
                "Only after the cause is known, such as a database restored from a backup: auditors see that a new log begins."
            ),
        ),
        *by_second_officer(
            _perform,
            _reject,
            _preview,
            N_("Compare with the heads that auditors keep before you agree."),
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_("The log has not begun anew. After a fault it signs nothing until two officers agree here."),
)
