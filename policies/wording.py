"""What people read of results: kinds of evidence, fields and values of summaries in their language, not in ours."""

from collections.abc import Mapping

from kernel.evidence.model import EvidenceKind, EvidenceRecord
from kernel.i18n import N_, translate
from policies.assessment.model import Reason

KIND_TEXTS: Mapping[str, str] = {
    EvidenceKind.AUDIT_ANCHOR: N_("audit chain verified"),
    EvidenceKind.IDENTITY_POLICY: N_("sign-in rules"),
    EvidenceKind.LOG_RETENTION: N_("retention of logs"),
    EvidenceKind.CA_CEREMONY: N_("key ceremony"),
    EvidenceKind.CA_STATUS: N_("state of the CA"),
    EvidenceKind.CERTIFICATE_ISSUED: N_("certificate issued"),
    EvidenceKind.CERTIFICATE_REVOKED: N_("certificate revoked"),
    EvidenceKind.STATUS_VISIBLE: N_("revocation seen by relying parties"),
    EvidenceKind.IDENTITY_PAPERS: N_("identity papers of an applicant"),
    EvidenceKind.CONFIG_COLLECTED: N_("configuration archived"),
    EvidenceKind.CONFIG_CHECKED: N_("configuration checked against the baseline"),
    EvidenceKind.DEVICES_POLLED: N_("devices polled"),
    EvidenceKind.TOPOLOGY_CHECKED: N_("topology compared with the register"),
    EvidenceKind.ENDPOINT_CHECKED: N_("certificate of an endpoint checked"),
    EvidenceKind.LOGS_COLLECTED: N_("logs collected"),
    EvidenceKind.DETECTION_RUN: N_("detection run"),
    EvidenceKind.CASE_CLOSED: N_("case closed"),
    EvidenceKind.BACKUP_RUN: N_("backup run"),
    EvidenceKind.BACKUP_VERIFIED: N_("replica verified"),
    EvidenceKind.RESTORE_DRILL: N_("restore drill"),
    EvidenceKind.MANUAL_FINDING: N_("finding of a person"),
    EvidenceKind.ASSESSMENT: N_("assessment"),
}
FIELD_TEXTS: Mapping[str, str] = {
    "crl_current": N_("revocation list up to date"),
    "days": N_("days that logs are kept"),
    "events": N_("events collected"),
    "expired": N_("certificate expired"),
    "bypasses": N_("links past the isolation gateway"),
    "intact": N_("chain intact"),
    "rules": N_("detection rules"),
    "second_factor": N_("second factor for everyone"),
    "separation": N_("separation of the three administrators"),
    "unanswered": N_("devices without an answer"),
    "unregistered": N_("unregistered devices"),
    "verdict": N_("result of the check"),
    "version": N_("SNMP version"),
}
VALUE_TEXTS: Mapping[str, str] = {
    "True": N_("yes"),
    "False": N_("no"),
    "pass": N_("passed"),
    "fail": N_("failed"),
    "unknown": N_("unknown"),
}


def explain(reason: Reason, language: str | None = None) -> str:
    """A reason as a sentence in ``language`` (the reader's if None)."""
    params = {name: _word(name, value, language) for name, value in reason.params.items()}
    return translate(reason.message, language, **params)


def kind_text(kind: str, language: str | None = None) -> str:
    """A kind of evidence in words; its name when it has none."""
    return translate(KIND_TEXTS.get(kind, kind), language)


def subject_text(record: EvidenceRecord) -> str:
    """What a record speaks of, by the name people use."""
    return str(record.summary.get("name") or record.summary.get("device") or record.subject)


def _word(name: str, value: object, language: str | None) -> str:
    if name == "kind":
        return kind_text(str(value), language)
    if name == "field":
        return translate(FIELD_TEXTS.get(str(value), str(value)), language)
    if name == "value" and isinstance(value, list):
        return ", ".join(map(str, value)) or translate(N_("none"), language)
    return (
        translate(VALUE_TEXTS.get(str(value), ""), language) or str(value) if name == "value" else str(value)
    )
