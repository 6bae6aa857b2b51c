"""The report on a certificate, document or time-stamp, as a section of its page: each certificate of each path, every check."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ca.resources.reports import readable
from ca.resources.validations import VERDICT_LABELS, ValidationRecord, zone_of
from ca.validation.report import sections
from ca.validation.words import OUTCOMES
from console.compose.app import App
from kernel.edges.resources import Label, Labels, Tone
from kernel.i18n import N_
from kernel.identity.model import Principal

_OUTCOMES: Labels = {
    "passed": Label(OUTCOMES["passed"], Tone.GOOD),
    "failed": Label(OUTCOMES["failed"], Tone.BAD),
    "unknown": Label(OUTCOMES["unknown"], Tone.WARN),
    "unreached": Label(OUTCOMES["unreached"]),
    "skipped": Label(OUTCOMES["skipped"]),
}
_STANDINGS: Labels = {
    "failed": Label(N_("the fault is here"), Tone.BAD),
    "unknown": Label(N_("not known"), Tone.WARN),
    "passed": Label(N_("in order"), Tone.GOOD),
    "unreached": Label(OUTCOMES["unreached"]),
}


def report(app: App, _principal: Principal, record: ValidationRecord) -> Mapping[str, Any]:
    """What ``ca/report.html`` shows."""
    found = sections(readable(record.report, zone_of(app)))
    for section in found:
        section["certificates"] = [_certificate(number, section) for number in range(len(section["path"]))]
    return {"sections": found, "verdicts": VERDICT_LABELS}


def _certificate(number: int, section: Mapping[str, Any]) -> dict[str, Any]:
    shown = section["path"][number]
    checks = section["checks"][number]
    outcomes = {check["outcome"] for check in checks}
    worst = next((one for one in ("failed", "unknown", "unreached") if one in outcomes), "passed")
    times = {name: datetime.fromisoformat(shown[name]) for name in ("not_before", "not_after")}
    return {
        **shown,
        **times,
        "number": number,
        "state": _STANDINGS[worst],
        "open": worst in ("failed", "unknown"),
        "checks": [{**check, "state": _OUTCOMES[check["outcome"]]} for check in checks],
    }
