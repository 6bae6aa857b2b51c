"""Evidence records: their kinds, canonical form, digests and the faults a check can name. Values only, no I/O."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kernel.canonical import canonical_json, sha256_hex

GENESIS = "0" * 64


class EvidenceKind(StrEnum):
    """``room:object:what was established``; rooms add theirs here.

    The comment behind a kind names the fields of its summary that assessments read (policies/data/catalogue); a summary
    may hold more. Lists hold mappings. Severities: low, medium, high, critical. No secret goes into a summary.
    """

    # the suite itself
    AUDIT_ANCHOR = "audit:chain:anchored"  # records, head_seq, head, intact
    IDENTITY_POLICY = (
        "identity:policy:collected"  # second_factor, password_length, lock_after, idle_minutes, separation
    )
    LOG_RETENTION = "siem:retention:collected"  # days (kept at least), covered_days, sources
    # ca
    CA_CEREMONY = "ca:ceremony:completed"  # algorithm, persons
    CA_STATUS = "ca:status:checked"  # crl_current, ocsp_current, issued, revoked
    CERTIFICATE_ISSUED = "ca:certificate:issued"  # serial, profile, not_after
    CERTIFICATE_REVOKED = "ca:certificate:revoked"  # serial, reason
    STATUS_VISIBLE = "ca:status:visible"  # serial, revoked, seconds, late, seen
    INVENTORY_SCANNED = "ca:inventory:scanned"  # endpoints, origins, findings
    VALIDATION_MADE = "ca:validation:made"  # kind, verdict, reason, sha256
    IDENTITY_PAPERS = "ca:request:papers"  # papers: [{sha256, media_type, size}]
    # netops; subject is the device's asset id
    CONFIG_COLLECTED = "netops:config:collected"  # digest, changed
    CONFIG_CHECKED = "netops:config:checked"  # findings: [{rule, severity, controls, state}], rules
    # monitor
    DEVICES_POLLED = "monitor:poll:completed"  # polled, answered, version
    TOPOLOGY_CHECKED = "monitor:topology:checked"  # unregistered: [names], bypasses: [links]
    ENDPOINT_CHECKED = "monitor:endpoint:checked"  # expired, days_left
    # siem
    LOGS_COLLECTED = "siem:log:collected"  # events, sources
    DETECTION_RUN = "siem:detection:run"  # rules, alerts: [{rule, severity}]
    CASE_CLOSED = "siem:case:closed"  # verdict
    # backup; subject is the backup set
    BACKUP_RUN = "backup:run:completed"  # verdict, sites
    BACKUP_VERIFIED = "backup:replica:verified"  # verdict (pass, fail, unknown), site, level
    RESTORE_DRILL = "backup:drill:completed"  # verdict, rpo_seconds, rto_seconds, level_reached
    # policies
    MANUAL_FINDING = "policies:finding:recorded"  # item, result, note
    ASSESSMENT = "policies:assessment:completed"  # rate, conclusion, major_risks


# How long evidence speaks for its subject when its collector does not say; None: for good.
VALIDITY: Mapping[EvidenceKind, timedelta | None] = {
    EvidenceKind.AUDIT_ANCHOR: timedelta(days=31),
    EvidenceKind.IDENTITY_POLICY: timedelta(days=31),
    EvidenceKind.LOG_RETENTION: timedelta(days=31),
    EvidenceKind.CA_STATUS: timedelta(days=31),
    EvidenceKind.INVENTORY_SCANNED: timedelta(days=31),
    EvidenceKind.CONFIG_COLLECTED: timedelta(days=31),
    EvidenceKind.CONFIG_CHECKED: timedelta(days=31),
    EvidenceKind.DEVICES_POLLED: timedelta(days=31),
    EvidenceKind.TOPOLOGY_CHECKED: timedelta(days=31),
    EvidenceKind.ENDPOINT_CHECKED: timedelta(days=31),
    EvidenceKind.LOGS_COLLECTED: timedelta(days=31),
    EvidenceKind.DETECTION_RUN: timedelta(days=31),
    EvidenceKind.BACKUP_RUN: timedelta(days=31),
    EvidenceKind.BACKUP_VERIFIED: timedelta(days=31),
    EvidenceKind.RESTORE_DRILL: timedelta(days=366),
    EvidenceKind.MANUAL_FINDING: timedelta(days=366),
    EvidenceKind.ASSESSMENT: timedelta(days=366),
}


@dataclass(frozen=True)
class Attachment:
    """A file that belongs to a record as it is handed in; ``name`` is a plain file name."""

    name: str
    data: bytes
    media_type: str = "application/octet-stream"


@dataclass(frozen=True)
class AttachmentRef:
    """An attachment as recorded: name, size in octets, digests as lower-case hex; the bytes are in the blob store."""

    name: str
    media_type: str
    size: int
    sha256: str
    sm3: str


@dataclass(frozen=True)
class EvidenceRecord:
    """One sealed statement: who found what about which subject, when, and until when it speaks for it."""

    id: str
    seq: int
    previous: str
    kind: EvidenceKind
    subject: str
    source: str
    summary: Mapping[str, Any]
    attachments: tuple[AttachmentRef, ...]
    collected_at: datetime
    recorded_at: datetime
    effective_until: datetime | None
    unit: str | None

    def effective(self, at: datetime) -> bool:
        """Whether the record still speaks for its subject at that moment."""
        return self.effective_until is None or at < self.effective_until


@dataclass(frozen=True)
class Statement:
    """What one of several records that are made together says: of which subject, what, and whose it is."""

    subject: str
    summary: Mapping[str, Any]
    unit: str | None = None


@dataclass(frozen=True)
class Seal:
    """Proof of origin and time: a detached CMS SignedData over the record's canonical bytes, and an RFC 3161 token
    over that CMS structure (all DER), so that the stamp proves both record and signature."""

    cms: bytes
    token: bytes
    certificates: tuple[bytes, ...]


class EvidenceFaultKind(StrEnum):
    """What is wrong: bytes, chain, attachment, or the seal in one of its parts."""

    CHANGED = "changed"
    MISSING = "missing"
    CHAIN = "chain"
    ATTACHMENT = "attachment"
    UNSEALED = "unsealed"
    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True)
class EvidenceFault:
    """One thing that is wrong with a record; ``explanation`` is a message id, ``place`` names the part."""

    kind: EvidenceFaultKind
    evidence: str
    explanation: str
    place: str = ""


@dataclass(frozen=True)
class EvidenceReport:
    """Result of a check. ``sealed_at`` is the stamped time of a single record, None for a whole chain or no valid stamp."""

    records: int
    faults: tuple[EvidenceFault, ...]
    sealed_at: datetime | None = None

    @property
    def intact(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class Listed:
    """A record as lists show it, with its digests (hex) and the time of its seal, None while it waits for one."""

    record: EvidenceRecord
    sha256: str
    sm3: str
    sealed_at: datetime | None


class CheckState(StrEnum):
    """What came of one check; ``open``: it could not be made, because of another one or for want of a seal."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"


@dataclass(frozen=True)
class Check:
    """One check of a record, named by the fault it looks for; ``explanation`` is a message id or ""."""

    of: EvidenceFaultKind
    state: CheckState
    explanation: str = ""
    place: str = ""


@dataclass(frozen=True)
class Proof:
    """Each check of a record, and what its seal says: the signer's name and certificate number, and the stamped time."""

    checks: tuple[Check, ...]
    signer: str = ""
    serial: str = ""
    stamped_at: datetime | None = None


@dataclass(frozen=True)
class EvidenceFile:
    """A file of a record as it leaves the suite."""

    name: str
    media_type: str
    data: bytes


def canonical_record(record: EvidenceRecord) -> bytes:
    """The bytes that are digested, signed and exported."""
    return canonical_json(
        {
            "id": record.id,
            "seq": record.seq,
            "previous": record.previous,
            "kind": str(record.kind),
            "subject": record.subject,
            "source": record.source,
            "summary": dict(record.summary),
            "attachments": [vars(attachment) for attachment in record.attachments],
            "collected_at": record.collected_at,
            "recorded_at": record.recorded_at,
            "effective_until": record.effective_until,
            "unit": record.unit,
        }
    )


def parse_record(body: bytes) -> EvidenceRecord:
    """The record of canonical bytes; ValueError for anything else."""
    try:
        value = json.loads(body)
        record = EvidenceRecord(
            **{
                **value,
                "kind": EvidenceKind(value["kind"]),
                "attachments": tuple(AttachmentRef(**reference) for reference in value["attachments"]),
                "collected_at": datetime.fromisoformat(value["collected_at"]),
                "recorded_at": datetime.fromisoformat(value["recorded_at"]),
                "effective_until": _moment(value["effective_until"]),
            }
        )
        exact = canonical_record(record) == body
    except (TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError("no evidence record") from error
    if not exact:
        raise ValueError("not the canonical form of an evidence record")
    return record


def attachment_ref(attachment: Attachment) -> AttachmentRef:
    """Name and digests of an attachment."""
    data = attachment.data
    return AttachmentRef(attachment.name, attachment.media_type, len(data), sha256_hex(data), sm3_hex(data))


def sm3_hex(data: bytes) -> str:
    """SM3 (GB/T 32905-2016) as lower-case hex."""
    return hashlib.new("sm3", data).hexdigest()


def validity_end(kind: EvidenceKind, collected_at: datetime) -> datetime | None:
    """The end of the period for which evidence of that kind speaks."""
    validity = VALIDITY.get(kind)
    return collected_at + validity if validity else None


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value is not None else None
