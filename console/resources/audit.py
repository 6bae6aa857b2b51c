"""The audit trail as pages and API (ID-3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from console.resources.acts import ACT_NAMES, ACTS
from console.web.labels import ROLE_NAMES
from kernel.audit.model import AuditRecord, Outcome
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    FilterKind,
    Label,
    Labels,
    Nothing,
    On,
    Record,
    Related,
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, unit_names
from kernel.i18n import N_, translate
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

OUTCOMES: Labels = {
    Outcome.SUCCESS: Label(N_("the act was done"), Tone.GOOD),
    Outcome.FAILURE: Label(N_("the act failed"), Tone.BAD),
    Outcome.DENIED: Label(N_("the act was refused"), Tone.WARN),
    Outcome.INTENDED: Label(N_("the act was announced"), Tone.QUIET),
}


class AuditRecordView(Record):
    """One act; ``act`` is the name of ``action`` in the caller's language.

    ``hash`` is SHA-256 over ``previous`` and the record's canonical body.
    """

    seq: int
    at: datetime
    actor_name: str
    actor: str
    roles: tuple[str, ...]
    role_names: tuple[str, ...]
    action: str
    act: str
    target: str
    unit: str | None
    unit_name: str
    outcome: str
    reason: str | None
    details: Mapping[str, Any]
    previous: str
    hash: str


def _shown(record: AuditRecord, units: Mapping[str, str]) -> AuditRecordView:
    act = translate(ACT_NAMES.get(record.action, record.action))
    names = tuple(translate(ROLE_NAMES[Role(role)]) for role in record.roles)
    return AuditRecordView(
        **vars(record), act=act, role_names=names, unit_name=units.get(record.unit or "", record.unit or "")
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[AuditRecord] = app.audit.page(principal, ask)
    units = unit_names(app, principal)
    return page.map(lambda record: _shown(record, units))


def _item(app: Any, principal: Principal, seq: str) -> AuditRecordView:
    return _shown(app.audit.get(principal, seq), unit_names(app, principal))


def _verify(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    found = app.audit.verify_or_queue(principal)
    if found.report is None:
        return Done(N_("The trail is long: it is being verified."), job=found.job)
    report = found.report
    rows = [
        {N_("seq"): fault.seq, N_("fault"): str(fault.kind), N_("explanation"): translate(fault.explanation)}
        for fault in report.faults
    ]
    message = (
        N_("All %(records)s records are as they were written; the chain ends with %(head)s.")
        if report.intact
        else N_("%(faults)s places of the audit trail are broken. Compare with the last export.")
    )
    params = {"records": report.records, "head": report.head_hash, "faults": len(rows)}
    return Done(message, params, rows=rows)


def _export(app: Any, principal: Principal, _id: str) -> File:
    lines = app.audit.export(principal)
    return File("audit.jsonl", "application/jsonl", (line.encode() for line in lines))


RECORDS = Resource(
    name="audit.records",
    title=N_("Audit trail"),
    one=N_("Audit record"),
    permission=Permission.AUDIT_READ,
    record=AuditRecordView,
    page=_page,
    item=_item,
    key="seq",
    headline="act",
    columns=(
        Column("seq", N_("Place in the chain"), Cell.NUMBER, sort="seq"),
        Column("at", N_("Time"), Cell.TIME),
        Column("actor_name", N_("Who")),
        Column("actor", N_("Id of whoever acted"), Cell.CODE, shown=False),
        Column("role_names", N_("Roles held"), Cell.LIST, shown=False),
        Column("act", N_("Act")),
        Column("action", N_("Code of the act"), Cell.CODE, shown=False),
        Column("target", N_("Object"), Cell.CODE),
        Column("unit_name", N_("Unit")),
        Column("outcome", N_("Outcome"), Cell.STATE, labels=OUTCOMES),
        Column("reason", N_("Reason"), Cell.LONG),
        Column("previous", N_("Hash of the record before"), Cell.CODE, shown=False),
        Column("hash", N_("Hash"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("outcome", N_("Outcome"), labels=OUTCOMES),
        Filter("target", N_("All about this object"), FilterKind.TEXT),
        Filter("actor", N_("Id of whoever acted"), FilterKind.TEXT),
        Filter("action", N_("Act"), labels=ACTS),
        UNIT,
        Filter("since", N_("From"), FilterKind.TIME),
        Filter("until", N_("Up to"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "verify",
            N_("Verify the chain"),
            Permission.AUDIT_VERIFY,
            _verify,
            on=On.LIST,
            explain=N_("Reads every record and names each that was changed, removed, inserted or reordered."),
        ),
    ),
    downloads=(
        Download("export", N_("Whole trail (JSON lines)"), Permission.AUDIT_EXPORT, _export, on=On.LIST),
    ),
    related=(
        Related(N_("All about this object"), "audit.records", lambda record: {"target": record.target}),
    ),
    sort="-seq",
    facet="outcome",
    empty=N_("No act fits these filters. Widen the time or clear a filter."),
    live=True,
    audited=False,
)

RESOURCES = (RECORDS,)
