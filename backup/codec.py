"""Values to and from what is stored: rows and JSON. Pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backup.model import (
    CheckResult,
    Drill,
    Finding,
    FindingKind,
    Layer,
    Level,
    LevelOutcome,
    ManifestEntry,
    StoredSet,
    Verdict,
    Verification,
)
from backup.receipts import Receipt
from kernel.canonical import canonical_json, iso_utc
from kernel.errors import IntegrityFailed
from kernel.i18n import N_


def finding_row(finding: Finding) -> dict[str, str]:
    return {**vars(finding), "kind": str(finding.kind)}


def finding_of(value: Mapping[str, str]) -> Finding:
    return Finding(**{**value, "kind": FindingKind(value["kind"])})  # type: ignore[arg-type]


def outcome_row(outcome: LevelOutcome) -> dict[str, Any]:
    """Without its findings: those are kept once, beside the outcomes."""
    return {"level": int(outcome.level), "verdict": str(outcome.verdict), "note": outcome.note}


def outcome_of(value: Mapping[str, Any]) -> LevelOutcome:
    return LevelOutcome(Level(value["level"]), Verdict(value["verdict"]), (), value["note"])


def verification_row(found: Verification) -> dict[str, Any]:
    return {
        **vars(found),
        "wanted": int(found.wanted),
        "reached": int(found.reached),
        "verdict": str(found.verdict),
        "findings": [finding_row(finding) for finding in found.findings],
        "outcomes": [outcome_row(outcome) for outcome in found.outcomes],
    }


def check_row(result: CheckResult) -> dict[str, Any]:
    newest = iso_utc(result.newest) if result.newest else None
    return {**vars(result), "newest": newest, "facts": dict(result.facts)}


def check_of(value: Mapping[str, Any]) -> CheckResult:
    newest = value["newest"]
    return CheckResult(**{**value, "newest": datetime.fromisoformat(newest) if newest else None})


def drill_row(drill: Drill) -> dict[str, Any]:
    return {
        **vars(drill),
        "reached": int(drill.reached),
        "verdict": str(drill.verdict),
        "comparison": dict(drill.comparison),
        "checks": [check_row(result) for result in drill.checks],
        "findings": [finding_row(finding) for finding in drill.findings],
    }


def drill_of(row: Mapping[Any, Any]) -> Drill:
    return Drill(
        **{
            **row,
            "reached": Level(row["reached"]),
            "verdict": Verdict(row["verdict"]),
            "checks": tuple(check_of(value) for value in row["checks"]),
            "findings": tuple(finding_of(value) for value in row["findings"]),
        }
    )


def receipt_of(text: str, digest: str) -> Receipt:
    """The receipt of stored bytes, with the digest stored beside them; IntegrityFailed when it can not be read."""
    try:
        value = json.loads(text)
        sets = tuple(
            StoredSet(
                **{
                    **entry,
                    "layer": Layer(entry["layer"]),
                    "as_of": datetime.fromisoformat(entry["as_of"]),
                }
            )
            for entry in value["sets"]
        )
        at = datetime.fromisoformat(value["at"])
        removed = tuple(value["removed"])
        return Receipt(**{**value, "sets": sets, "at": at, "removed": removed, "digest": digest})
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityFailed(N_("A stored receipt can not be read.")) from error


def encode_manifest(entries: tuple[ManifestEntry, ...]) -> bytes:
    return canonical_json([[entry.path, entry.size, entry.sha256] for entry in entries])


def decode_manifest(data: bytes) -> tuple[ManifestEntry, ...]:
    return tuple(ManifestEntry(path, size, sha256) for path, size, sha256 in json.loads(data))
