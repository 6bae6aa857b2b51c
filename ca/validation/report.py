"""A report as lines that people read: one for each check of each certificate, signature and time-stamp."""

from collections.abc import Iterator, Mapping
from typing import Any

from ca.validation.words import OUTCOMES, STEPS, VERDICTS, place_text, reason_text
from kernel.i18n import N_, translate

Line = Mapping[str, Any]
_FACTS: Mapping[str, str] = {
    "signer": N_("Signature made by"),
    "claimed_at": N_("Says to have signed at"),
    "digest": N_("Digest algorithm"),
    "coverage": N_("Covers"),
    "changed_after": N_("Changed after signing"),
    "policy": N_("Policy of the time-stamp"),
}


def lines(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of certificate, check, outcome and detail, translated."""
    if report["kind"] == "certificate":
        return list(_path_lines(report))
    return [line for part in sections(report) for line in part["lines"]]


def sections(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a report, each with a title, verdict, reason, place, facts and lines."""
    if report["kind"] == "certificate":
        return [_section("", report, report)]
    found = []
    for one in report["signatures"]:
        found.append(_section(translate(N_("Signature %(name)s"), name=one["label"]), one, one["path"]))
        found += [_stamp(stamp) for stamp in one["timestamps"]]
    if not report["signatures"]:
        found += [_stamp(stamp) for stamp in report["timestamps"]]
    return found


def _stamp(one: Mapping[str, Any]) -> dict[str, Any]:
    return _section(translate(N_("Time-stamp of %(at)s"), at=one["at"] or "—"), one, one["path"])


def _section(title: str, one: Mapping[str, Any], path: Mapping[str, Any] | None) -> dict[str, Any]:
    refusal = one["refusal"]
    return {
        "title": title,
        "verdict": one["verdict"],
        "why": reason_text(refusal) if refusal else "",
        "place": place_text(refusal, path["path"] if path else []) if refusal else "",
        "facts": list(_facts(one)),
        "path": path["path"] if path else [],
        "checks": _checks(path) if path else [],
        "lines": [*_verdict_line(title, one), *(_path_lines(path) if path else ())],
    }


def _verdict_line(title: str, one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if title:
        yield {
            "certificate": title,
            "check": translate(N_("Verdict")),
            "outcome": translate(VERDICTS[one["verdict"]]),
            "detail": reason_text(one["refusal"]) if one["refusal"] else "",
        }


def _facts(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, value) of what is told of a signature."""
    if one.get("basis"):
        yield translate(N_("Judged at")), f"{one['at']} ({translate(_BASES[one['basis']])})"
    for name, label in _FACTS.items():
        if one.get(name):
            yield translate(label), translate(_VALUES.get(str(one[name]), "%(value)s"), value=one[name])


_BASES: Mapping[str, str] = {
    "stamp": N_("time of a trusted time-stamp"),
    "asked": N_("time that was asked for"),
    "now": N_("time of the verification"),
}
_VALUES: Mapping[str, str] = {
    "entire_file": N_("the whole file"),
    "entire_revision": N_("the whole document as it was then"),
    "contiguous_block_from_start": N_("a part from the beginning"),
    "unclear": N_("unclear parts"),
    "none": N_("nothing"),
    "lta_updates": N_("validation data and time-stamps only"),
    "form_filling": N_("forms filled in or further signatures"),
    "annotations": N_("annotations"),
    "other": N_("other content"),
}


def _path_lines(path: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, (certificate, checks) in enumerate(zip(path["path"], _checks(path), strict=True)):
        for check in checks:
            yield {
                "certificate": f"{number} {certificate['subject']}",
                "check": check["label"],
                "outcome": translate(OUTCOMES[check["outcome"]]),
                "detail": check["detail"],
            }


def _checks(path: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The checks of each certificate: label and detail translated, the outcome as its code."""
    return [
        [
            {
                "label": translate(STEPS[check["check"]]),
                "outcome": check["outcome"],
                "detail": _detail(path, number, check),
            }
            for check in certificate["checks"]
        ]
        for number, certificate in enumerate(path["path"])
    ]


def _detail(path: Mapping[str, Any], number: int, check: Mapping[str, Any]) -> str:
    refusal = path["refusal"]
    if check["outcome"] in ("failed", "unknown") and refusal and refusal["certificate"] == number:
        return reason_text(refusal)
    source = check.get("params", {}).get("source", "")
    return translate(_SOURCES[source]) if source in _SOURCES else ""


_SOURCES: Mapping[str, str] = {
    "register": N_("according to our register"),
    "log": N_("according to the transparency log"),
    "crl": N_("according to a CRL"),
}
