"""Batches of requests: tried and filed from a spreadsheet, decided as one or one by one, their keys handed over.

The batch's own page tells how far its work is: who registers sees no jobs of the suite.
"""

from datetime import datetime
from typing import Any

from pydantic import Base64Bytes, Field

from ca.registration import sheets
from ca.registration.batches import Asked, Trial
from ca.registration.batchstore import Batch, BatchState
from ca.resources.labels import (
    applicants_profiles,
    evidence_field,
    profile_titles,
    signature_field,
)
from ca.resources.sheets import RESULTS
from kernel.assets.tables import TableFile
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    HandedOver,
    Input,
    Label,
    Labels,
    Link,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, Reason, unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

STATES: Labels = {
    BatchState.FILING: Label(N_("being filed"), Tone.BUSY),
    BatchState.FILED: Label(N_("filed, decided one by one"), Tone.GOOD),
    BatchState.WAITING: Label(N_("the whole batch waits for a decision"), Tone.WARN),
    BatchState.ISSUING: Label(N_("approved, being issued"), Tone.BUSY),
    BatchState.ISSUED: Label(N_("batch issued"), Tone.GOOD),
    BatchState.REJECTED: Label(N_("batch turned down"), Tone.QUIET),
}


class BatchRecord(Record):
    id: str
    name: str
    state: str
    profile: str
    profile_title: str
    unit: str
    unit_name: str
    requester: str
    filed_at: datetime
    size: int
    filed: int
    faults: int
    together: bool
    keys_waiting: bool
    passwords_waiting: bool
    approval: str
    sha256: str

    moving = frozenset({"filed", "faults"})


class FileBatch(Input):
    profile: str = Field(min_length=1, max_length=60, title=N_("Certificate profile"))
    file: Base64Bytes = Field(
        title=N_("CSV or XLSX file"),
        description=N_("One applicant a row, at most 5,000; take the empty table from the profile's page."),
        json_schema_extra={"widget": "file"},
    )
    file_name: str = Field(
        "", title=N_("Name of the file"), max_length=255, json_schema_extra={"widget": "hidden"}
    )
    unit: str = Field(
        min_length=1,
        max_length=80,
        title=N_("Unit"),
        description=N_("For rows that name no unit of their own."),
    )
    evidence: str = evidence_field()
    together: bool = Field(
        False,
        title=N_("Decide on all at once"),
        description=N_("An officer approves or turns down the whole batch, not each request."),
    )
    dry_run: bool = Field(
        True,
        title=N_("Only try the table"),
        description=N_("Tells what is wrong with which row and stores nothing."),
    )


class ApproveBatch(Input):
    reason: str = Field(
        "", max_length=500, title=N_("Remark for the audit trail"), json_schema_extra={"widget": "area"}
    )
    signature: Base64Bytes | None = signature_field()


def batch_record(batch: Batch, titles: Any) -> BatchRecord:
    return BatchRecord(
        id=batch.id,
        name=batch.name,
        state=str(batch.state),
        profile=batch.profile,
        profile_title=titles.get(batch.profile, batch.profile),
        unit=batch.unit,
        unit_name=batch.unit_name or batch.unit,
        requester=batch.requester or batch.requested_by,
        filed_at=batch.filed_at,
        size=batch.size,
        filed=batch.filed,
        faults=batch.faults,
        together=batch.together,
        keys_waiting=batch.keys_waiting,
        passwords_waiting=batch.passwords_waiting,
        approval=batch.approval,
        sha256=batch.sha256,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[BatchRecord]:
    titles = profile_titles(app, principal)
    page = app.ca.registration.batches.page(principal, ask)
    return page.map(lambda one: batch_record(one, titles))  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, batch_id: str) -> BatchRecord:
    found = app.ca.registration.batches.get(principal, batch_id)
    return batch_record(found, profile_titles(app, principal))


def _file(app: Any, principal: Principal, _id: str, given: FileBatch) -> Done:
    table = TableFile(given.file_name or "file", given.file, sheets.MOST + 1)
    asked = Asked(table, given.profile, given.unit, given.evidence, given.together)
    if given.dry_run:
        return told(app.ca.registration.batches.check(principal, asked))
    batch, _job = app.ca.registration.batches.file(principal, asked)
    return Done(
        N_("%(rows)s rows are good; their requests are being filed."),
        {"rows": batch.size},
        record=_item(app, principal, batch.id),
        id=batch.id,
    )


def told(trial: Trial) -> Done:
    """Every bad row: where, what, and how to mend it."""
    rows = [
        {
            N_("row"): fault.row,
            N_("column"): fault.column,
            N_("fault"): translate(fault.message, **fault.params),
            N_("how to mend it"): translate(fault.mend, **fault.params),
        }
        for fault in trial.faults
    ]
    message = N_("Nothing was filed, it was only tried: %(good)s rows are good, %(bad)s faults.")
    if not rows:
        message = N_(
            'All %(good)s rows are good; nothing is filed yet. Give the table again without "Only try the table".'
        )
    return Done(message, {"good": trial.good, "bad": len(rows)}, rows=rows)


def _initial(app: Any, principal: Principal, _id: str) -> dict[str, Any]:
    return {"unit": principal.unit}


def _approve(app: Any, principal: Principal, batch_id: str, given: ApproveBatch) -> Done:
    _batch, job = app.ca.registration.batches.approve(principal, batch_id, given.reason, given.signature)
    message = (
        N_("Approved; the certificates are being issued.") if job else N_("Approved; one more person has to.")
    )
    return Done(message, record=_item(app, principal, batch_id), id=batch_id)


def _approved(app: Any, principal: Principal, batch_id: str) -> list[str]:
    """Count, digest and the first of what an approval is given for; all rows are the batch's file."""
    if not batch_id:
        return []
    batch = app.ca.registration.batches.get(principal, batch_id)
    first, digest = app.ca.registration.batches.sample(principal, batch_id)
    shown = "、".join(one.subject.get("CN", one.id) for one in first)
    lines = [
        translate(N_("%(count)s certificates for unit %(unit)s"), count=batch.filed, unit=batch.unit_name),
        translate(N_("The first of them: %(names)s; all rows are in the results."), names=shown),
        translate(N_("Digest of all requests (SHA-256): %(digest)s"), digest=digest),
    ]
    if app.ca.registration.signature_wanted(principal):
        lines.append(
            translate(N_("You have an officer's certificate: this approval has to bear its signature."))
        )
    return lines


def _document(app: Any, principal: Principal, batch_id: str) -> File:
    document = app.ca.registration.batches.approval_document(principal, batch_id)
    return File(f"{batch_id}.json", "application/json", document)


def _rows(app: Any, principal: Principal, batch_id: str) -> File:
    data = app.ca.registration.batches.rows(principal, batch_id)
    return File(f"{batch_id}.jsonl", "application/x-ndjson", data)


def _reject(app: Any, principal: Principal, batch_id: str, given: Reason) -> Done:
    app.ca.registration.batches.reject(principal, batch_id, given.reason)
    return Done(N_("The batch is turned down."), record=_item(app, principal, batch_id), id=batch_id)


def _make_keys(app: Any, principal: Principal, batch_id: str, _given: Any) -> Done:
    app.ca.registration.batches.make_keys(principal, batch_id)
    return Done(N_("The key files are being made."), id=batch_id)


def _take_keys(app: Any, principal: Principal, batch_id: str, _given: Any) -> Done:
    data = app.ca.registration.batches.take_keys(principal, batch_id)
    message = N_("The key files are handed over. A colleague takes their passwords.")
    return Done(message, id=batch_id, file=HandedOver(f"{batch_id}.zip", "application/zip", data))


def _take_passwords(app: Any, principal: Principal, batch_id: str, _given: Any) -> Done:
    data = app.ca.registration.batches.take_passwords(principal, batch_id)
    message = N_("Tell each applicant the password, by another way than the file.")
    return Done(message, id=batch_id, file=HandedOver(f"{batch_id}-passwords.csv", "text/csv", data))


_P = Permission
BATCHES = Resource(
    name="ca.batches",
    title=N_("Batches of requests"),
    one=N_("Batch of requests"),
    permission=_P.CA_READ,
    record=BatchRecord,
    page=_page,
    item=_item,
    headline="name",
    columns=(
        Column("name", N_("Name of the file")),
        Column("state", N_("State"), Cell.STATE, STATES),
        Column("profile_title", N_("Certificate profile"), link=Link("ca.profiles", "profile")),
        Column("unit_name", N_("Unit")),
        Column("size", N_("Rows"), Cell.NUMBER),
        Column("filed", N_("Requests filed"), Cell.NUMBER),
        Column("faults", N_("Rows that came to nothing"), Cell.NUMBER),
        Column("requester", N_("Filed by")),
        Column("filed_at", N_("Filed at"), Cell.TIME, sort="filed"),
        Column("together", N_("Decided on all at once"), Cell.FLAG, shown=False),
        Column("keys_waiting", N_("Key files wait to be handed over"), Cell.FLAG, shown=False),
        Column("passwords_waiting", N_("Passwords wait to be told"), Cell.FLAG, shown=False),
        Column("approval", N_("Approval"), Cell.CODE, shown=False, link=Link("identity.approvals")),
        Column("sha256", N_("SHA-256 of the table"), Cell.CODE, shown=False),
        Column("id", N_("Batch number"), Cell.CODE, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=STATES), UNIT),
    verbs=(
        Verb(
            "file",
            N_("File a batch"),
            _P.CA_REQUEST_FILE,
            _file,
            FileBatch,
            On.NEW,
            second=_P.CA_REQUEST_APPROVE,
            choices={"profile": applicants_profiles, "unit": unit_names},
            initial=_initial,
            explain=N_("Try the table first; when no row is bad, file it."),
        ),
        Verb(
            "approve",
            N_("Approve the whole batch"),
            _P.CA_REQUEST_APPROVE,
            _approve,
            ApproveBatch,
            when=lambda record: record.state == "waiting",
            key="a",
            preview=_approved,
        ),
        Verb(
            "reject",
            N_("Turn the whole batch down"),
            _P.CA_REQUEST_APPROVE,
            _reject,
            Reason,
            when=lambda record: record.state == "waiting",
            danger=True,
            key="x",
        ),
        Verb(
            "make-keys",
            N_("Make the key files"),
            _P.CA_REQUEST_FILE,
            _make_keys,
            when=lambda record: record.state in ("issued", "filed") and not record.keys_waiting,
            explain=N_(
                "A PKCS#12 file for each certificate whose key was made here, each under its own password."
            ),
        ),
        Verb(
            "take-keys",
            N_("Take the key files"),
            _P.CA_REQUEST_FILE,
            _take_keys,
            when=lambda record: record.keys_waiting,
            explain=N_("All files in one archive, once, to who filed the batch."),
        ),
        Verb(
            "take-passwords",
            N_("Take the passwords"),
            _P.CA_PASSWORD_TELL,
            _take_passwords,
            when=lambda record: record.passwords_waiting,
            explain=N_(
                "Once, to a colleague of who filed the batch: applicants get file and password by two ways."
            ),
        ),
    ),
    downloads=(
        Download(
            "approval",
            N_("What you sign to approve (JSON)"),
            _P.CA_REQUEST_APPROVE,
            _document,
            lambda record: record.state == "waiting",
        ),
        Download(
            "rows",
            N_("Every row that is approved (JSON lines)"),
            _P.CA_READ,
            _rows,
            lambda record: record.together and record.state != "filing",
        ),
        *RESULTS,
    ),
    related=(Related(N_("Certificate requests"), "ca.requests", lambda record: {"batch": record.id}),),
    sort="-filed",
    facet="state",
    empty=N_("No batch fits. A registrar files one from a spreadsheet."),
    underway=lambda record: record.state in ("filing", "issuing"),
)
