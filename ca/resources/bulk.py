"""Revoking many certificates: looked at first, proposed, performed by another officer as a job."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field, JsonValue

from ca.bulk.choosing import Preview
from ca.bulk.selection import MOST, Selection, serials_in
from ca.bulk.store import Bulk, BulkRow
from ca.model import Reason
from ca.resources.certificates import Revoke
from ca.resources.labels import (
    REASON_LABELS,
    authority_names,
    profile_titles,
    reason_name,
)
from ca.resources.proposals import by_second_officer
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    Label,
    Labels,
    Link,
    On,
    Onward,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import Reason as Reasoned
from kernel.edges.shared import unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.store.listing import Ask, Page

_P = Permission
STATES: Labels = {
    "proposed": Label(N_("waits for the second officer"), Tone.WARN),
    "performing": Label(N_("under way"), Tone.BUSY),
    "performed": Label(N_("performed"), Tone.GOOD),
    "rejected": Label(N_("turned down"), Tone.QUIET),
}
OUTCOMES: Labels = {
    "waiting": Label(N_("not yet"), Tone.QUIET),
    "revoked": Label(N_("revoked"), Tone.GOOD),
    "refused": Label(N_("refused"), Tone.BAD),
}


class BulkRecord(Record):
    id: str
    total: int
    done: int
    refused: int
    reason: str
    note: str
    selection: dict[str, JsonValue]
    chosen_by: tuple[str, ...]
    invalid_since: datetime | None
    unit: str
    state: str
    digest: str
    approval: str
    job: str
    proposed_by: str
    proposer: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime | None


class _Select(Input):
    profile: str = Field("", max_length=60, title=N_("Certificate profile"))
    unit: str = Field("", max_length=80, title=N_("Unit"))
    authority: str = Field("", max_length=60, title=N_("Issuing CA"))
    key: str = Field("", pattern="[0-9a-fA-F]{64}|", title=N_("Digest of the public key (SHA-256)"))
    hosts: tuple[str, ...] = Field(
        (),
        max_length=1000,
        title=N_("Seen at these hosts"),
        description=N_("Addresses of the certificate inventory, with or without a port, one a line."),
    )
    numbers: tuple[str, ...] = Field(
        (), max_length=MOST, title=N_("With these serial numbers"), description=N_("In hex, one a line.")
    )
    serials: Base64Bytes | None = Field(
        None,
        title=N_("Table of serial numbers"),
        description=N_("XLSX, or CSV with one a line."),
        json_schema_extra={"widget": "file"},
    )
    serials_name: str = Field("", max_length=200, json_schema_extra={"widget": "hidden"})

    def selection(self) -> Selection:
        texts = {name: getattr(self, name) for name in ("profile", "unit", "authority", "key", "hosts")}
        listed = serials_in("\n".join(self.numbers).encode(), "numbers") if self.numbers else ()
        table = serials_in(self.serials, self.serials_name) if self.serials else ()
        return Selection(**texts, serials=tuple(dict.fromkeys((*listed, *table))))


class Look(_Select):
    """What would be touched."""


class Propose(Revoke, _Select):
    """What is chosen, why it is revoked, and what a dry run of it has shown."""

    tried: int | None = Field(
        None, title=N_("Certificates of the dry run"), json_schema_extra={"widget": "told"}
    )
    digest: str = Field(
        "",
        pattern="[0-9a-f]{64}|",
        title=N_("Digest of the dry run"),
        description=N_("When given, nothing is proposed if other certificates fit by now."),
        json_schema_extra={"widget": "told"},
    )


_CONDITIONS = {  # of a Selection, as the form calls them
    **{
        name: info.title or name
        for name, info in _Select.model_fields.items()
        if name not in ("serials_name", "numbers")
    },
    "serials": N_("Serial numbers given"),
}
_CHOICES = {"profile": profile_titles, "unit": unit_names, "authority": authority_names}
Names = Mapping[str, Mapping[str, str]]  # condition -> value -> what it is called


def _names(app: Any, principal: Principal) -> Names:
    return {name: choices(app, principal) for name, choices in _CHOICES.items()}


def _chosen_by(selection: Mapping[str, Any], names: Names) -> tuple[str, ...]:
    """The conditions as people read them."""
    return tuple(
        f"{translate(_CONDITIONS[name])}{translate(N_(': '))}{_condition(value, names.get(name, {}))}"
        for name, value in selection.items()
    )


def _condition(value: Any, names: Mapping[str, str]) -> str:
    return "、".join(value) if isinstance(value, list) else names.get(str(value), str(value))


def bulk_record(found: Bulk, names: Names) -> BulkRecord:
    shown = {
        "state": str(found.state),
        "reason": reason_name(found.reason),
        "proposer": found.proposer or found.proposed_by,
        "chosen_by": _chosen_by(found.selection, names),
    }
    return BulkRecord(**vars(found) | shown)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[BulkRecord]:
    names = _names(app, principal)
    return app.ca.bulk.page(principal, ask).map(lambda one: bulk_record(one, names))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, bulk_id: str) -> BulkRecord:
    return bulk_record(app.ca.bulk.show(principal, bulk_id), _names(app, principal))


def _look(app: Any, principal: Principal, _id: str, given: Look) -> Done:
    selection = given.selection()
    found = app.ca.bulk.preview(principal, selection)
    return Done(
        N_("%(count)s certificates would be revoked. Nothing was done."),
        {"count": found.total},
        rows=_told(found, app, principal),
        onward=Onward("propose", _carried(selection, found)) if found.total else None,
    )


def _carried(selection: Selection, found: Preview) -> dict[str, str]:
    """What was tried, as the form of the proposal has it."""
    values = {name: str(getattr(selection, name)) for name in ("profile", "unit", "authority", "key")}
    lines = {"hosts": "\n".join(selection.hosts), "numbers": "\n".join(selection.serials)}
    return values | lines | {"tried": str(found.total), "digest": found.digest}


def _told(found: Preview, app: Any, principal: Principal) -> list[dict[str, Any]]:
    titles, units = profile_titles(app, principal), unit_names(app, principal)
    lines: list[tuple[str, Any]] = [
        (
            translate(
                N_("Certificates of profile %(name)s"),
                name=titles.get(name, name),
            ),
            count,
        )
        for name, count in found.profiles.items()
    ]
    lines += [
        (translate(N_("Certificates of unit %(name)s"), name=units.get(name, name)), count)
        for name, count in found.units.items()
    ]
    lines.append((translate(N_("Places of the network where they were seen at work")), found.endpoints))
    lines.append((translate(N_("Accounts that sign in with them")), found.accounts))
    lines.append((translate(N_("Certificates of CAs, which are left out")), found.left_out))
    lines.append((translate(N_("Digest of the dry run")), found.digest))
    lines += [
        (translate(N_("For example: %(subject)s"), subject=respelled(subject)), serial)
        for serial, subject in found.sample
    ]
    return [
        {N_("What would be touched"): text, N_("Number or serial number"): value} for text, value in lines
    ]


def _propose(app: Any, principal: Principal, _id: str, given: Propose) -> Done:
    made = app.ca.bulk.propose(
        principal,
        given.selection(),
        Reason[given.code.name],
        given.reason,
        invalid_since=given.invalid_since,
        expected=given.digest,
    )
    return Done(
        N_("%(count)s certificates are proposed to be revoked; a second officer has to perform it."),
        {"count": made.total},
        record=bulk_record(made, _names(app, principal)),
        id=made.id,
    )


def _perform(app: Any, principal: Principal, bulk_id: str, _given: Any) -> Done:
    made = app.ca.bulk.perform(principal, bulk_id)
    record = bulk_record(made, _names(app, principal))
    return Done(N_("They are being revoked."), record=record, id=bulk_id, job=made.job)


def _reject(app: Any, principal: Principal, bulk_id: str, given: Reasoned) -> Done:
    made = app.ca.bulk.reject(principal, bulk_id, given.reason)
    record = bulk_record(made, _names(app, principal))
    return Done(N_("The proposal is turned down; nothing is revoked."), record=record, id=bulk_id)


def _consequences(app: Any, principal: Principal, bulk_id: str) -> list[str]:
    found = app.ca.bulk.show(principal, bulk_id)
    sample = app.ca.bulk.rows(principal, Ask(filters={"bulk": (bulk_id,)}, limit=5)).items
    lines = [
        translate(N_("%(count)s certificates are revoked for good; it can not be undone."), count=found.total)
    ]
    return [*lines, *(f"{one.serial} {respelled(one.subject)}" for one in sample)]


BULK_REVOCATIONS = Resource(
    name="ca.bulk-revocations",
    title=N_("Revocations of many certificates"),
    one=N_("Revocation of many certificates"),
    permission=_P.CA_READ,
    record=BulkRecord,
    page=_page,
    item=_item,
    headline="note",
    columns=(
        Column("note", N_("Reason"), Cell.LONG),
        Column("state", N_("State"), Cell.STATE, STATES),
        Column("total", N_("Certificates chosen"), Cell.NUMBER),
        Column("done", N_("Revoked so far"), Cell.NUMBER),
        Column("refused", N_("Refused so far"), Cell.NUMBER),
        Column("reason", N_("What relying parties are told"), Cell.STATE, REASON_LABELS),
        Column("proposer", N_("Proposed by")),
        Column("proposed_at", N_("Proposed at"), Cell.TIME, sort="proposed"),
        Column("chosen_by", N_("Chosen by"), Cell.LIST, shown=False),
        Column("invalid_since", N_("Key doubtful since"), Cell.TIME, shown=False),
        Column("decided_by", N_("Decided by"), Cell.PERSON, shown=False),
        Column("decided_at", N_("Decided at"), Cell.TIME, shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
        Column("digest", N_("Digest of what was proposed"), Cell.CODE, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("job", N_("Job"), Cell.CODE, shown=False, link=Link("jobs.jobs")),
        Column("id", N_("Proposal number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=STATES),),
    verbs=(
        Verb(
            "look",
            N_("Look what would be revoked"),
            _P.CA_REVOKE,
            _look,
            Look,
            On.LIST,
            choices=_CHOICES,
            explain=N_("A dry run: counts what fits all conditions given, and does nothing."),
        ),
        Verb(
            "propose",
            N_("Propose to revoke many"),
            _P.CA_REVOKE,
            _propose,
            Propose,
            On.NEW,
            danger=True,
            choices=_CHOICES,
            second=_P.CA_CEREMONY_APPROVE,
            trial="look",
            explain=N_("Exactly what fits all conditions now is proposed. Look first what that is."),
        ),
        *by_second_officer(
            _perform,
            _reject,
            _consequences,
            N_("You approve what another officer has proposed; the worker revokes them one by one."),
        ),
    ),
    related=(Related(N_("Its certificates"), "ca.bulk-rows", lambda record: {"bulk": record.id}),),
    sort="-proposed",
    facet="state",
    underway=lambda record: record.state == "performing",
    empty=N_(
        "Nobody has proposed to revoke many certificates at once. Look first what would be touched; then propose it."
    ),
)


class BulkRowRecord(Record):
    bulk: str
    serial: str
    subject: str
    outcome: str
    error: str


def row_record(found: BulkRow) -> BulkRowRecord:
    return BulkRowRecord(**vars(found) | {"subject": respelled(found.subject), "outcome": str(found.outcome)})


def _rows(app: Any, principal: Principal, ask: Ask) -> Page[BulkRowRecord]:
    return app.ca.bulk.rows(principal, ask).map(row_record)  # type: ignore[no-any-return]


BULK_ROWS = Resource(
    name="ca.bulk-rows",
    title=N_("Certificates revoked together"),
    one=N_("Certificate of a bulk revocation"),
    permission=_P.CA_READ,
    record=BulkRowRecord,
    page=_rows,
    item=None,
    key="serial",
    headline="subject",
    columns=(
        Column("subject", N_("Subject name")),
        Column("outcome", N_("What became of it"), Cell.STATE, OUTCOMES),
        Column("error", N_("Why not"), Cell.LONG),
        Column("serial", N_("Serial number"), Cell.CODE, link=Link("ca.certificates")),
        Column("bulk", N_("Proposal number"), Cell.CODE, shown=False, link=Link("ca.bulk-revocations")),
    ),
    filters=(
        Filter("bulk", N_("Proposal number"), FilterKind.TEXT),
        Filter("outcome", N_("What became of it"), labels=OUTCOMES),
    ),
    facet="outcome",
    audited=False,
)
