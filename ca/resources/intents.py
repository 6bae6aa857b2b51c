"""What was intended and is not signed, with what the signer said."""

from datetime import datetime
from typing import Any

from ca.intents import Intent
from ca.resources.labels import authority_names, common_name_of
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Label,
    Labels,
    Link,
    Record,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page

_P = Permission
STATES: Labels = {
    "waiting": Label(N_("waits for the signer"), Tone.BUSY),
    "refused": Label(N_("refused by the signer"), Tone.BAD),
    "given_up": Label(N_("never signed, given up"), Tone.QUIET),
}


class IntentRecord(Record):
    serial: str
    common_name: str
    subject: str
    state: str
    refusal: str
    attempts: int
    refused_at: datetime | None
    profile: str
    authority: str
    authority_name: str
    request: str
    unit: str
    unit_name: str
    intent_at: datetime


def intent_record(found: Intent) -> IntentRecord:
    shown = {
        "common_name": common_name_of(found.subject),
        "subject": respelled(found.subject),
        "state": str(found.state),
        "refusal": found.refusal.sentence() if found.refusal else "",
    }
    return IntentRecord(**vars(found) | shown)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[IntentRecord]:
    return app.ca.intents.page(principal, ask).map(intent_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, serial: str) -> IntentRecord:
    return intent_record(app.ca.intents.get(principal, serial))


def _again(app: Any, principal: Principal, serial: str, _given: Any) -> Done:
    made = app.ca.intents.again(principal, serial)
    return Done(N_("Certificate %(serial)s is signed and in force."), {"serial": made.serial})


def _give_up(app: Any, principal: Principal, serial: str, given: Reason) -> Done:
    found = app.ca.intents.give_up(principal, serial, given.reason)
    return Done(
        N_("Serial number %(serial)s is given up; no certificate will ever bear it."),
        {"serial": serial},
        record=intent_record(found),
        id=serial,
    )


INTENTS = Resource(
    name="ca.intents",
    title=N_("Certificates not signed"),
    one=N_("Certificate not signed"),
    permission=_P.CA_READ,
    record=IntentRecord,
    page=_page,
    item=_item,
    key="serial",
    headline="common_name",
    columns=(
        Column("common_name", N_("Common name")),
        Column("state", N_("State"), Cell.STATE, STATES),
        Column("refusal", N_("What the signer said"), Cell.LONG),
        Column("refused_at", N_("Refused last at"), Cell.TIME),
        Column("attempts", N_("Times refused"), Cell.NUMBER),
        Column("intent_at", N_("Prepared at"), Cell.TIME, sort="intended"),
        Column("request", N_("Request number"), Cell.CODE, link=Link("ca.requests")),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("authority_name", N_("Issuing CA"), shown=False, link=Link("ca.authorities", "authority")),
        Column("unit_name", N_("Unit"), shown=False),
        Column("profile", N_("Certificate profile"), shown=False, link=Link("ca.profiles")),
        Column("subject", N_("Subject name"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=STATES),
        Filter("authority", N_("Issuing CA"), choices=authority_names),
        UNIT,
    ),
    verbs=(
        Verb(
            "again",
            N_("Have it signed now"),
            _P.CA_REQUEST_APPROVE,
            _again,
            when=lambda record: record.state != "given_up",
            explain=N_("The same bytes are sent to the signer again, as the worker does each hour."),
        ),
        Verb(
            "give-up",
            N_("Give up"),
            _P.CA_REQUEST_APPROVE,
            _give_up,
            Reason,
            when=lambda record: record.state == "refused",
            danger=True,
            explain=N_(
                "It is signed nevermore and its request is over. The serial number stays in the register; relying parties are"
                " told of it as of one that was never issued."
            ),
        ),
    ),
    sort="-intended",
    facet="state",
    empty=N_("Everything that was approved is signed."),
)
