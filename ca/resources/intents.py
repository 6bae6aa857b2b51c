"""What was intended and is not signed, with what the signer said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ca.intents import Intent
from ca.resources.labels import authority_names, common_name_of, local_time, profile_titles
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
from kernel.i18n import N_, translate
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
_NEXT = {  # what whoever waits for the certificate has to do
    "waiting": N_("Nothing: it is signed by itself as soon as the signer answers."),
    "refused": N_("Mend what the signer named; it is tried again by itself each hour. Or give it up."),
    "given_up": N_("File the request anew, if the certificate is still wanted."),
}
_CARRIED = N_("Carry the request file to the machine of the offline CA, and import its answer here.")


class IntentRecord(Record):
    serial: str
    common_name: str
    subject: str
    state: str
    next_step: str
    refusal: str
    attempts: int
    refused_at: datetime | None
    profile: str
    profile_title: str
    authority: str
    authority_name: str
    request: str
    unit: str
    unit_name: str
    intent_at: datetime


@dataclass(frozen=True)
class _Known:
    """What the records are told with: titles of profiles by id, CAs whose key is elsewhere."""

    titles: Mapping[str, str]
    offline: frozenset[str]


def _known(app: Any, principal: Principal) -> _Known:
    offline = (one.id for one in app.ca.authorities() if not one.signs_here)
    return _Known(profile_titles(app, principal), frozenset(offline))


def intent_record(found: Intent, known: _Known) -> IntentRecord:
    state = str(found.state)
    elsewhere = state == "waiting" and found.authority in known.offline
    shown = {
        "common_name": common_name_of(found.subject),
        "subject": respelled(found.subject),
        "state": state,
        "next_step": translate(_CARRIED if elsewhere else _NEXT[state]),
        "refusal": found.refusal.sentence() if found.refusal else "",
        "profile_title": known.titles.get(found.profile, found.profile),
    }
    return IntentRecord(**vars(found) | shown)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[IntentRecord]:
    known = _known(app, principal)
    return app.ca.intents.page(principal, ask).map(lambda one: intent_record(one, known))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, serial: str) -> IntentRecord:
    return intent_record(app.ca.intents.get(principal, serial), _known(app, principal))


def _so_far(app: Any, principal: Principal, serial: str) -> list[str]:
    """What the certificate is, and what the signer said of it."""
    found = _item(app, principal, serial)
    about = {"name": found.common_name, "profile": found.profile_title, "unit": found.unit_name}
    lines = [translate(N_("%(profile)s of %(name)s, %(unit)s."), **about)]
    if found.refused_at is None:
        return [*lines, translate(N_("The signer has refused nothing so far."))]
    told = {"count": found.attempts, "at": local_time(app, found.refused_at), "refusal": found.refusal}
    return [*lines, translate(N_("Refused so far: %(count)s. Last at %(at)s: %(refusal)s"), **told)]


def _again(app: Any, principal: Principal, serial: str, _given: Any) -> Done:
    made = app.ca.intents.again(principal, serial)
    return Done(N_("Certificate %(serial)s is signed and in force."), {"serial": made.serial})


def _give_up(app: Any, principal: Principal, serial: str, given: Reason) -> Done:
    found = app.ca.intents.give_up(principal, serial, given.reason)
    return Done(
        N_("Serial number %(serial)s is given up; no certificate will ever bear it."),
        {"serial": serial},
        record=intent_record(found, _known(app, principal)),
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
        Column("attempts", N_("Times refused"), Cell.NUMBER, shown=False),
        Column("intent_at", N_("Approved and prepared at"), Cell.TIME, sort="intended"),
        Column("unit_name", N_("Unit")),
        Column("profile_title", N_("Certificate profile"), link=Link("ca.profiles", "profile")),
        Column("next_step", N_("What to do"), Cell.LONG, shown=False),
        Column("authority_name", N_("Issuing CA"), shown=False, link=Link("ca.authorities", "authority")),
        Column("request", N_("Request number"), Cell.CODE, shown=False, link=Link("ca.requests")),
        Column("serial", N_("Serial number"), Cell.CODE, shown=False, link=Link("ca.certificates")),
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
            preview=_so_far,
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
            preview=_so_far,
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
