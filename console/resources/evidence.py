"""Evidence as pages and API: what was found, what its seal proves, and the files that outsiders check."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

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
    Resource,
    Tone,
    Verb,
)
from kernel.edges.shared import UNIT, unit_names
from kernel.evidence.check import checks_of
from kernel.evidence.files import Part
from kernel.evidence.model import CheckState, EvidenceFaultKind, EvidenceFile, EvidenceKind, Listed
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

STATES: Labels = {
    "sealed": Label(N_("sealed and time-stamped"), Tone.GOOD),
    "waiting": Label(N_("waits for its seal"), Tone.WARN),
}
KINDS: Labels = {
    EvidenceKind.AUDIT_ANCHOR: Label(N_("Audit trail anchored")),
    EvidenceKind.IDENTITY_POLICY: Label(N_("Rules of identification")),
    EvidenceKind.LOG_RETENTION: Label(N_("Retention of logs")),
    EvidenceKind.CA_CEREMONY: Label(N_("Key ceremony")),
    EvidenceKind.CA_STATUS: Label(N_("State of the certification authority")),
    EvidenceKind.CERTIFICATE_ISSUED: Label(N_("Certificate issued")),
    EvidenceKind.CERTIFICATE_REVOKED: Label(N_("Certificate revoked")),
    EvidenceKind.STATUS_VISIBLE: Label(N_("Revocation seen by relying parties")),
    EvidenceKind.INVENTORY_SCANNED: Label(N_("Certificates seen in the network")),
    EvidenceKind.VALIDATION_MADE: Label(N_("Report on a certificate or document")),
    EvidenceKind.IDENTITY_PAPERS: Label(N_("Identity papers of an applicant")),
    EvidenceKind.CONFIG_COLLECTED: Label(N_("Configuration collected")),
    EvidenceKind.CONFIG_CHECKED: Label(N_("Configuration checked")),
    EvidenceKind.DEVICES_POLLED: Label(N_("Devices polled")),
    EvidenceKind.TOPOLOGY_CHECKED: Label(N_("Topology checked")),
    EvidenceKind.ENDPOINT_CHECKED: Label(N_("Service certificate checked")),
    EvidenceKind.LOGS_COLLECTED: Label(N_("Logs collected")),
    EvidenceKind.DETECTION_RUN: Label(N_("Detection rules run")),
    EvidenceKind.CASE_CLOSED: Label(N_("Case closed")),
    EvidenceKind.BACKUP_RUN: Label(N_("Backup run")),
    EvidenceKind.BACKUP_VERIFIED: Label(N_("Replica verified")),
    EvidenceKind.RESTORE_DRILL: Label(N_("Restore drill")),
    EvidenceKind.MANUAL_FINDING: Label(N_("Finding by hand")),
    EvidenceKind.ASSESSMENT: Label(N_("Assessment")),
}
CHECKS: Labels = {
    EvidenceFaultKind.CHANGED: Label(N_("Content matches its digests (SHA-256 and SM3)")),
    EvidenceFaultKind.CHAIN: Label(N_("Continues the record before")),
    EvidenceFaultKind.ATTACHMENT: Label(N_("Attachments are whole")),
    EvidenceFaultKind.SIGNATURE: Label(N_("Signature of the sealing key (CMS)")),
    EvidenceFaultKind.TIMESTAMP: Label(N_("Time-stamp (RFC 3161)")),
}
CHECK_STATES: Labels = {
    CheckState.PASSED: Label(N_("the check holds"), Tone.GOOD),
    CheckState.FAILED: Label(N_("the check fails"), Tone.BAD),
    CheckState.OPEN: Label(N_("not to be judged"), Tone.WARN),
}


class EvidenceView(Record):
    """One record; ``summary`` holds what was found, digests are hex, ``attachments`` are file names."""

    id: str
    seq: int
    kind: str
    subject: str
    source: str
    state: str
    unit: str | None
    unit_name: str
    collected_at: datetime
    recorded_at: datetime
    effective_until: datetime | None
    sealed_at: datetime | None
    summary: Mapping[str, Any]
    attachments: tuple[str, ...]
    previous: str
    sha256: str
    sm3: str


def _shown(listed: Listed, units: Mapping[str, str]) -> EvidenceView:
    record = listed.record
    values = {name: value for name, value in vars(record).items() if name != "attachments"}
    return EvidenceView(
        **values,
        attachments=tuple(one.name for one in record.attachments),
        state="sealed" if listed.sealed_at else "waiting",
        unit_name=units.get(record.unit or "", record.unit or ""),
        sealed_at=listed.sealed_at,
        sha256=listed.sha256,
        sm3=listed.sm3,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Listed] = app.evidence.page(principal, ask)
    units = unit_names(app, principal)
    return page.map(lambda listed: _shown(listed, units))


def _item(app: Any, principal: Principal, evidence_id: str) -> EvidenceView:
    return _shown(app.evidence.item(principal, evidence_id), unit_names(app, principal))


def _verify(app: Any, principal: Principal, evidence_id: str, _given: Nothing) -> Done:
    report = app.evidence.verify(evidence_id, by=principal)
    rows = [
        {
            N_("check"): translate(CHECKS[check.of].text),
            N_("state"): translate(CHECK_STATES[check.state].text),
            N_("explanation"): translate(check.explanation),
            N_("place"): check.place,
        }
        for check in checks_of(report.faults)
    ]
    intact = N_("Every check of this evidence holds.")
    return Done(intact if report.intact else N_("This evidence does not prove what it says."), rows=rows)


def _verify_all(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    job = app.evidence.queue_verification(principal)
    return Done(N_("All evidence is being verified; the job tells what it finds."), job=job)


def _seal(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(N_("What waits is being sealed."), job=app.evidence.queue_sealing(principal))


def _part(part: Part) -> Callable[[Any, Principal, str], File]:
    def get(app: Any, principal: Principal, evidence_id: str) -> File:
        found: EvidenceFile = app.evidence.file(principal, evidence_id, part)
        return File(found.name, found.media_type, found.data)

    return get


def _sealed(record: EvidenceView) -> bool:
    return record.sealed_at is not None


_READ = Permission.EVIDENCE_READ

RECORDS = Resource(
    name="evidence.records",
    title=N_("Evidence"),
    one=N_("Evidence record"),
    permission=_READ,
    record=EvidenceView,
    page=_page,
    item=_item,
    headline="subject",
    columns=(
        Column("seq", N_("Place in the chain"), Cell.NUMBER, sort="seq"),
        Column("kind", N_("Kind"), Cell.STATE, labels=KINDS),
        Column("subject", N_("About")),
        Column("source", N_("Found by"), Cell.CODE),
        Column("state", N_("Seal"), Cell.STATE, labels=STATES),
        Column("unit_name", N_("Unit")),
        Column("collected_at", N_("Collected"), Cell.TIME),
        Column("effective_until", N_("Speaks until"), Cell.TIME),
        Column("recorded_at", N_("Recorded"), Cell.TIME, shown=False),
        Column("sealed_at", N_("Sealed"), Cell.TIME, shown=False),
        Column("attachments", N_("Attachments"), Cell.LIST, shown=False),
        Column("id", N_("Id"), Cell.CODE, shown=False),
        Column("sha256", "SHA-256", Cell.CODE, shown=False),
        Column("sm3", "SM3", Cell.CODE, shown=False),
        Column("previous", N_("SHA-256 of the record before"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("Seal"), labels=STATES),
        Filter("kind", N_("Kind"), labels=KINDS),
        Filter("subject", N_("About"), FilterKind.TEXT),
        UNIT,
        Filter("since", N_("Collected from"), FilterKind.TIME),
        Filter("until", N_("Collected before"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "verify",
            N_("Verify"),
            _READ,
            _verify,
            bulk=True,
            explain=N_(
                "Checks digests, chain, attachments, signature and time-stamp, and records that it did."
            ),
        ),
        Verb("verify-all", N_("Verify all"), _READ, _verify_all, on=On.LIST),
        Verb("seal", N_("Seal what waits"), Permission.EVIDENCE_SEAL, _seal, on=On.LIST),
    ),
    downloads=(
        Download("bundle", N_("Everything for an outside check (ZIP)"), _READ, _part(Part.BUNDLE)),
        Download("body", N_("Record (canonical JSON)"), _READ, _part(Part.BODY)),
        Download("signature", N_("Signature (CMS)"), _READ, _part(Part.SIGNATURE), when=_sealed),
        Download("token", N_("Time-stamp token (RFC 3161)"), _READ, _part(Part.TOKEN), when=_sealed),
    ),
    sort="-seq",
    facet="state",
    empty=N_("No evidence fits these filters."),
    searched=True,
    live=True,
)

RESOURCES = (RECORDS,)
