"""From evidence to judgements: every item of the catalogue on every object it is judged on. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.evidence.model import EvidenceKind, EvidenceRecord
from kernel.i18n import N_
from policies.assessment.model import AssessedObject, Judgement, Outcome, Reason, ResultState
from policies.assessment.rules import TESTS, looks_at
from policies.catalogue.model import Automation, Catalogue, Decision, Item

# the worse comes first: what fails once fails, what is unproven once is no pass
_ORDER = (Outcome.FAILS, Outcome.UNPROVEN, Outcome.PARTLY, Outcome.CONFORMS)


# kinds that speak of one device; all others speak of the suite or the network as a whole
DEVICE_KINDS = frozenset({EvidenceKind.CONFIG_CHECKED, EvidenceKind.CONFIG_COLLECTED})
Manual = Mapping[tuple[str, str], EvidenceRecord]  # (item, object id) -> the newest manual finding in force


@dataclass(frozen=True)
class Evidence:
    """Records in force, by kind; of several about one subject only the newest counts."""

    by_kind: Mapping[EvidenceKind, tuple[EvidenceRecord, ...]]

    @classmethod
    def of(cls, records: Iterable[EvidenceRecord], at: datetime) -> "Evidence":
        grouped: dict[EvidenceKind, list[EvidenceRecord]] = {}
        for record in sorted(records, key=lambda record: record.seq, reverse=True):
            if record.effective(at) and record.collected_at <= at:
                grouped.setdefault(record.kind, []).append(record)
        return cls({kind: tuple(found) for kind, found in grouped.items()})

    def about(self, decision: Decision, subjects: frozenset[str] | None) -> list[EvidenceRecord]:
        """The newest record for each subject (None: any subject) and each set of ``per`` values."""
        newest: dict[tuple[object, ...], EvidenceRecord] = {}
        for record in self.by_kind.get(decision.kind, ()):
            if looks_at(decision, record) and (subjects is None or record.subject in subjects):
                key = (record.subject, *(str(record.summary.get(name)) for name in decision.per))
                newest.setdefault(key, record)
        return list(newest.values())


def judge(
    catalogue: Catalogue, objects: Sequence[AssessedObject], evidence: Evidence, manual: Manual
) -> list[Judgement]:
    """At least one judgement for each item, in catalogue order; the first of ``objects`` is the system itself.

    What no evidence speaks to, and what no device of the system is judged on, is judged on the system by people.
    """
    judged: list[Judgement] = []
    for item in catalogue.items:
        targets = [target for target in objects if _applies(item, target)] if item.decisions else []
        if targets:
            judged += [judge_item(item, target, evidence) for target in targets]
        else:
            judged.append(_by_hand(item, objects[0], manual))
    return judged


def _applies(item: Item, target: AssessedObject) -> bool:
    return target.kind is item.object and target.platform not in item.not_on


def judge_item(item: Item, target: AssessedObject, evidence: Evidence) -> Judgement:
    """What the evidence says of one item on one object. Only an item of full automation is decided by it alone."""
    readings = [reading for decision in item.decisions for reading in _read(item, decision, target, evidence)]
    outcome = min((outcome for outcome, _ in readings), key=_ORDER.index)
    reasons = tuple(reason for said, reason in readings if said is outcome)
    return Judgement(item.id, target, outcome, _state(item, outcome), reasons)


def manual_subject(system: str, item: str, object_id: str) -> str:
    """The subject under which a person's finding on an item is recorded."""
    return f"{system}/{item}/{object_id}"


def _by_hand(item: Item, target: AssessedObject, manual: Manual) -> Judgement:
    record = manual.get((item.id, target.id))
    if record is None:
        return Judgement(item.id, target, Outcome.UNPROVEN, ResultState.OPEN)
    reason = Reason(
        N_("recorded by a person: %(note)s"), {"note": str(record.summary.get("note", ""))}, record.id
    )
    outcome = Outcome(record.summary["result"])
    return Judgement(item.id, target, outcome, ResultState.CONFIRMED, (reason,))


def _read(
    item: Item, decision: Decision, target: AssessedObject, evidence: Evidence
) -> list[tuple[Outcome, Reason]]:
    records = evidence.about(decision, target.subjects if decision.kind in DEVICE_KINDS else None)
    if not records:
        message = N_("there is no evidence in force of %(kind)s")
        return [(Outcome.UNPROVEN, Reason(message, {"kind": decision.kind.value}))]
    return [TESTS[decision.test](item.id, decision, record) for record in records]


def _state(item: Item, outcome: Outcome) -> ResultState:
    if outcome is Outcome.UNPROVEN:
        return ResultState.OPEN
    return ResultState.DECIDED if item.automation is Automation.FULL else ResultState.PROPOSED
