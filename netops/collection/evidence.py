"""What a collection leaves as evidence: the configuration as collected, and what the baseline rules said of it."""

from kernel.assets.model import Asset
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.store import UnitOfWork
from netops.archive.model import Version
from netops.compliance.model import CheckReport, Finding
from netops.compliance.rules import RuleBook

SOURCE = "netops"


def record_collected(
    uow: UnitOfWork, evidence: EvidenceService, asset: Asset, version: Version, text: str, *, changed: bool
) -> str:
    """The masked configuration itself, with the version that the archive keeps it under; returns the record's id."""
    summary = {
        "device": asset.name,
        "platform": asset.platform,
        "version": version.id,
        "digest": version.digest,
        "changed": changed,
    }
    attachment = Attachment(f"{asset.id}.cfg", text.encode(), "text/plain")
    return evidence.record(
        uow,
        kind=EvidenceKind.CONFIG_COLLECTED,
        subject=asset.id,
        source=SOURCE,
        summary=summary,
        attachments=[attachment],
        unit=asset.unit,
    )


def record_checked(
    uow: UnitOfWork,
    evidence: EvidenceService,
    asset: Asset,
    version: Version,
    report: CheckReport,
    present: tuple[Finding, ...],
    book: RuleBook,
) -> str:
    """Every rule that ran and every finding that is there, each with its control items; returns the record's id."""
    rules = [{"rule": rule.id, "controls": list(rule.controls)} for rule in book.for_platform(asset.platform)]
    summary = {
        "device": asset.name,
        "version": version.id,
        "digest": version.digest,
        "rules_version": book.version,
        "rules": rules,
        "findings": [_finding(finding) for finding in present],
        "lines": report.lines,
        "lines_not_understood": len(report.unread),
    }
    return evidence.record(
        uow,
        kind=EvidenceKind.CONFIG_CHECKED,
        subject=asset.id,
        source=SOURCE,
        summary=summary,
        unit=asset.unit,
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "finding": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "controls": list(finding.controls),
        "state": finding.state.value,
        "file": finding.file,
        "line": finding.line,
        "text": finding.text,
    }
