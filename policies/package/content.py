"""What goes into a package: records with their seals and attachments, tables, OSCAL, report, verifier. No I/O but reading
the two templates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel.canonical import canonical_json, sha256_hex
from kernel.evidence.model import EvidenceRecord, Seal, canonical_record
from policies.package import oscal, tables
from policies.package.masking import MASK, Profile, mask_text, mask_value
from policies.package.model import INTERMEDIATES, VERIFIER
from policies.package.report import ReportInput, render
from policies.wording import kind_text, subject_text

_TEXT_TYPES = ("text/", "application/json", "application/x-ndjson", "application/yaml", "image/svg")
_SUFFIXES = {
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/svg+xml": ".svg",
}


@dataclass(frozen=True)
class SealedRecord:
    """A record, its canonical bytes, its seal, and its attachments' bytes by SHA-256."""

    record: EvidenceRecord
    body: bytes
    seal: Seal
    attachments: Mapping[str, bytes]

    @property
    def stem(self) -> str:
        return f"records/{self.record.seq:08d}-{self.record.id}"


def content(
    given: ReportInput, sealed: Sequence[SealedRecord], intermediates_pem: bytes, profile: Profile | None
) -> dict[str, bytes]:
    """All files but the manifest and its seal, by path."""
    files: dict[str, bytes] = {}
    for entry in sealed:
        files |= _record_files(entry) if profile is None else _masked_files(entry, profile)
    listed = tables.rows(given.results, given.catalogue)
    if profile is not None:
        listed = [
            [mask_text(cell, profile) for cell in row[:-1]] + [MASK if row[-1] else ""] for row in listed
        ]
    files["controls.csv"] = tables.as_csv(listed)
    files["controls.xlsx"] = tables.as_xlsx(listed, given.assessment.made_at)
    records = {entry.record.id: entry.record for entry in sealed}
    paths = {entry.record.id: f"{entry.stem}.json" for entry in sealed}
    document = oscal.assessment_results(
        given.assessment, given.system, given.results, records, given.catalogue, paths
    )
    report = render(given)
    if profile is not None:
        document = mask_value(document, profile)
        report = mask_text(report.decode(), profile).encode()
    files["oscal/assessment-results.json"] = json.dumps(document, ensure_ascii=False, indent=1).encode()
    files["report.html"] = report
    files[VERIFIER] = (Path(__file__).parent / VERIFIER).read_bytes()
    if intermediates_pem:
        files[INTERMEDIATES] = intermediates_pem
    return files


def record_rows(sealed: Sequence[SealedRecord]) -> list[dict[str, object]]:
    """The report's list of evidence."""
    return [
        {
            "seq": entry.record.seq,
            "kind": kind_text(entry.record.kind, "zh_CN"),
            "subject": subject_text(entry.record),
            "collected_at": entry.record.collected_at,
            "effective_until": entry.record.effective_until,
            "path": f"{entry.stem}.json",
        }
        for entry in sealed
    ]


def _record_files(entry: SealedRecord) -> dict[str, bytes]:
    files = {
        f"{entry.stem}.json": entry.body,
        f"{entry.stem}.p7s": entry.seal.cms,
        f"{entry.stem}.tst": entry.seal.token,
    }
    for reference in entry.record.attachments:
        suffix = _SUFFIXES.get(reference.media_type, ".bin")
        files[f"attachments/{reference.sha256}{suffix}"] = entry.attachments[reference.sha256]
    return files


def _masked_files(entry: SealedRecord, profile: Profile) -> dict[str, bytes]:
    """The masked record names the original's digest; its seal would not fit and stays at home, as do binary attachments."""
    original = json.loads(canonical_record(entry.record))
    kept = ("id", "seq", "previous", "kind", "collected_at", "recorded_at", "effective_until", "attachments")
    masked = {
        name: value if name in kept else mask_value(value, profile, name) for name, value in original.items()
    }
    masked |= {"masked": profile.id, "original_sha256": sha256_hex(entry.body)}
    files = {f"{entry.stem}.json": canonical_json(masked)}
    for reference in entry.record.attachments:
        if reference.media_type.startswith(_TEXT_TYPES):
            text = entry.attachments[reference.sha256].decode("utf-8", "replace")
            path = f"attachments/{reference.sha256}-masked{_SUFFIXES.get(reference.media_type, '.txt')}"
            files[path] = mask_text(text, profile).encode()
    return files
