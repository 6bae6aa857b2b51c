"""How a decision of the catalogue reads evidence: one pure function per test, named in the data.

Each takes the decision and a record, and returns an outcome with its reason; what the summary does not tell is unproven,
never a pass.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kernel.evidence.model import EvidenceRecord
from kernel.i18n import N_
from policies.assessment.model import Outcome, Reason
from policies.catalogue.model import Decision
from policies.wording import subject_text

Reading = tuple[Outcome, Reason]
Test = Callable[[str, Decision, EvidenceRecord], Reading]

_PRESENT_STATES = frozenset({"open", "acknowledged", "excepted"})
_SEVERE = frozenset({"high", "critical"})
_VERDICTS: Mapping[str, Outcome] = {"pass": Outcome.CONFORMS, "fail": Outcome.FAILS}


def findings(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    """Findings of rules that name the item: a severe open one fails it, a lesser or excepted one leaves it partly met.

    Where no rule that ran names the item, a clean record proves nothing.
    """
    rules = _mappings(record.summary.get("rules"))
    ran = [rule for rule in rules if item in _listed(rule.get("controls"))]
    here = [
        finding
        for finding in _mappings(record.summary.get("findings"))
        if item in _listed(finding.get("controls")) and finding.get("state", "open") in _PRESENT_STATES
    ]
    if here:
        severe = any(f.get("severity") in _SEVERE and f.get("state", "open") != "excepted" for f in here)
        named = ", ".join(sorted({str(finding.get("rule", "?")) for finding in here}))
        outcome = Outcome.FAILS if severe else Outcome.PARTLY
        return outcome, _reason(record, N_("open findings: %(rules)s"), rules=named)
    if not ran:
        return Outcome.UNPROVEN, _reason(
            record, N_("no rule for this item ran on %(subject)s"), subject=_subject(decision, record)
        )
    return Outcome.CONFORMS, _reason(
        record, N_("%(count)s rules for this item ran without a finding"), count=len(ran)
    )


def present(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    """That the record exists and is in force is the proof."""
    return Outcome.CONFORMS, _reason(record, N_("recorded and in force: %(kind)s"), kind=record.kind.value)


def verdict(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    """``pass`` or ``fail``; any other word, ``unknown`` among them, proves nothing."""
    said = record.summary.get(decision.field)
    outcome = _VERDICTS.get(said, Outcome.UNPROVEN) if isinstance(said, str) else Outcome.UNPROVEN
    return outcome, _said(decision, record, said)


def is_true(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    said = record.summary.get(decision.field)
    return _yes_no(said if isinstance(said, bool) else None), _said(decision, record, said)


def is_false(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    said = record.summary.get(decision.field)
    return _yes_no(not said if isinstance(said, bool) else None), _said(decision, record, said)


def is_empty(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    """A list without entries."""
    said = record.summary.get(decision.field)
    return _yes_no(not said if isinstance(said, list) else None), _said(decision, record, said)


def equals(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    said = record.summary.get(decision.field)
    return _yes_no(said == decision.value if said is not None else None), _said(decision, record, said)


def at_least(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    said = _number(record.summary.get(decision.field))
    return _yes_no(None if said is None else said >= decision.value), _said(decision, record, said)


def at_most(item: str, decision: Decision, record: EvidenceRecord) -> Reading:
    said = _number(record.summary.get(decision.field))
    return _yes_no(None if said is None else said <= decision.value), _said(decision, record, said)


TESTS: Mapping[str, Test] = {
    test.__name__: test
    for test in (findings, present, verdict, is_true, is_false, is_empty, equals, at_least, at_most)
}


def looks_at(decision: Decision, record: EvidenceRecord) -> bool:
    """Whether the decision is about this record: its kind, and the values of ``where``."""
    return record.kind is decision.kind and all(
        record.summary.get(name) in wanted for name, wanted in decision.where.items()
    )


def _yes_no(answer: bool | None) -> Outcome:
    if answer is None:
        return Outcome.UNPROVEN
    return Outcome.CONFORMS if answer else Outcome.FAILS


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _said(decision: Decision, record: EvidenceRecord, said: Any) -> Reason:
    about = {"subject": _subject(decision, record), "field": decision.field}
    if said is None:
        return _reason(record, N_("%(subject)s: the record does not tell %(field)s"), **about)
    shown = [_name(entry) for entry in said] if isinstance(said, list) else str(said)
    return _reason(record, N_("%(subject)s: %(field)s is %(value)s"), value=shown, **about)


def _subject(decision: Decision, record: EvidenceRecord) -> str:
    """What the record speaks of, by the name people use, with the values that tell it from its neighbours."""
    details = ", ".join(str(record.summary[key]) for key in decision.per if key in record.summary)
    return f"{subject_text(record)} ({details})" if details else subject_text(record)


def _name(entry: Any) -> str:
    """An entry of a list by the names it may have."""
    if not isinstance(entry, Mapping):
        return str(entry)
    names = [str(entry[key]) for key in ("device", "neighbour", "name", "rule") if key in entry]
    return " - ".join(names[:2])


def _reason(record: EvidenceRecord, message: str, **params: object) -> Reason:
    return Reason(message, params, record.id)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
