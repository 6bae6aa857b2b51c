"""A CA that signs again after a clock that was ahead: proposed by one officer, performed by another."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from ca.resources.labels import PROPOSAL_STATES, authority_names, local_time
from ca.resources.proposals import by_second_officer
from ca.resumption.store import Resumption
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Link,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason, reason_field
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


class ResumptionRecord(Record):
    id: str
    authority: str
    authority_name: str
    moment: datetime
    ahead_until: datetime
    certificates: int
    note: str
    state: str
    approval: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    decided_by: str
    decision: str
    decided_at: datetime | None


class Propose(Input):
    authority: str = Field(min_length=1, max_length=60, title=N_("Certification authority (CA)"))
    moment: AwareDatetime | None = Field(
        None,
        title=N_("Signs again from"),
        description=N_("The true time; empty: now. Set the clock right before."),
        json_schema_extra={"widget": "datetime"},
    )
    reason: str = reason_field()


def resumption_record(found: Resumption) -> ResumptionRecord:
    values = {name: value for name, value in vars(found).items() if name != "numbers"}
    shown = {"state": str(found.state), "proposer": found.proposer or found.proposed_by}
    return ResumptionRecord(**values | shown | {"authority_name": found.authority_name or found.authority})


def _page(app: Any, principal: Principal, ask: Ask) -> Page[ResumptionRecord]:
    return app.ca.resumptions.page(principal, ask).map(resumption_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, resumption_id: str) -> ResumptionRecord:
    return resumption_record(app.ca.resumptions.show(principal, resumption_id))


def _propose(app: Any, principal: Principal, _id: str, given: Propose) -> Done:
    made = app.ca.resumptions.propose(principal, given.authority, given.reason, given.moment)
    return Done(
        N_("It is proposed; another officer has to perform it."), record=resumption_record(made), id=made.id
    )


def _perform(app: Any, principal: Principal, resumption_id: str, _given: Any) -> Done:
    made = app.ca.resumptions.perform(principal, resumption_id)
    return Done(N_("The CA signs again."), record=resumption_record(made), id=resumption_id)


def _reject(app: Any, principal: Principal, resumption_id: str, given: Reason) -> Done:
    made = app.ca.resumptions.reject(principal, resumption_id, given.reason)
    return Done(
        N_("It is turned down; the CA waits until the time has caught up."),
        record=resumption_record(made),
        id=resumption_id,
    )


def _ahead(app: Any, principal: Principal, _id: str) -> list[str]:
    """Which CAs wait for the time, before one of them is chosen."""
    lines = [translate(N_("The clock now says %(now)s."), now=local_time(app, app.clock.now()))]
    found = app.ca.resumptions.ahead(principal)
    if not found:
        return [*lines, translate(N_("No CA has signed for a later time: there is nothing to overrule."))]
    text = N_("%(name)s has signed up to %(at)s already, %(count)s certificates since.")
    return lines + [
        translate(text, name=one.name, at=local_time(app, one.until), count=one.certificates) for one in found
    ]


def _preview(app: Any, principal: Principal, resumption_id: str) -> list[str]:
    found = app.ca.resumptions.show(principal, resumption_id)
    told = {"now": app.clock.now(), "moment": found.moment, "at": found.ahead_until}
    times = {name: local_time(app, moment) for name, moment in told.items()}
    return [
        translate(N_("The clock now says %(now)s. The CA signs again from %(moment)s on."), **times),
        translate(
            N_("It has signed up to %(at)s already; what bears those times is taken for false."), **times
        ),
        translate(
            N_("%(count)s of its certificates begin in that time and are good only then."),
            count=found.certificates,
        ),
    ]


RESUMPTIONS = Resource(
    name="ca.resumptions",
    title=N_("After a clock that was ahead"),
    one=N_("Signing again after a clock that was ahead"),
    permission=_P.CA_READ,
    record=ResumptionRecord,
    page=_page,
    item=_item,
    headline="authority_name",
    columns=(
        Column(
            "authority_name", N_("Certification authority (CA)"), link=Link("ca.authorities", "authority")
        ),
        Column("state", N_("State"), Cell.STATE, PROPOSAL_STATES),
        Column("moment", N_("Signs again from"), Cell.TIME),
        Column("ahead_until", N_("Had signed up to"), Cell.TIME),
        Column("certificates", N_("Certificates of that time"), Cell.NUMBER, shown=False),
        Column("note", N_("Reason"), Cell.LONG),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("decided_by", N_("Decided by"), Cell.PERSON, shown=False),
        Column("decision", N_("Why it was turned down"), Cell.LONG, shown=False),
        Column("decided_at", N_("Decided at"), Cell.TIME, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("id", N_("Proposal number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=PROPOSAL_STATES),
        Filter("authority", N_("Certification authority (CA)"), choices=authority_names),
    ),
    verbs=(
        Verb(
            "propose",
            N_("Propose to sign again"),
            _P.CA_CEREMONY_PROPOSE,
            _propose,
            Propose,
            On.NEW,
            danger=True,
            second=_P.CA_CEREMONY_APPROVE,
            choices={"authority": authority_names},
            preview=_ahead,
            explain=N_(
                "The machine's clock was ahead, and the CA waits for the time that it has signed for. Two officers can say that"
                " this time was false."
            ),
        ),
        *by_second_officer(
            _perform,
            _reject,
            _preview,
            N_("Make sure that the clock is right now. New lists are signed at once."),
        ),
    ),
    sort="-proposed",
    facet="state",
    empty=N_("No CA has signed with a clock that was ahead, or nobody has overruled it."),
)
