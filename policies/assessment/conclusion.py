"""From results to a conclusion, by the edition of the report template; figures come from policy data. Pure.

Edition 2025: the rate of conforming results among those that apply, and the number of major risks. Above the upper
figure and without a major risk: 符合; from the lower figure on: 基本符合; else 不符合. While results are unproven or wait
for a person, the rate lies between two bounds, and there is a conclusion only if both give the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.assessment.model import Outcome, Result, ResultState
from policies.catalogue.model import Text


@dataclass(frozen=True)
class MajorRisk:
    """A kind of major risk (重大风险隐患): it is there when one of its items fails."""

    id: str
    title: Text
    items: frozenset[str]
    reference: str = ""


@dataclass(frozen=True)
class Template:
    """One edition's figures: percentages, words, triggers."""

    edition: str
    title: Text
    conform_above: float
    basic_from: float
    words: Mapping[str, Text]
    risks: tuple[MajorRisk, ...]


@dataclass(frozen=True)
class Conclusion:
    """``rate_low`` and ``rate_high`` in per cent; ``verdict`` conform, basic, not, or "" while both bounds differ."""

    edition: str
    counts: Mapping[Outcome, int]
    waiting: int
    rate_low: float
    rate_high: float
    risks: tuple[MajorRisk, ...]
    verdict: str

    @property
    def final(self) -> bool:
        """Whether nothing is unproven and nothing waits for a person."""
        return self.waiting == 0


def template_from(value: Mapping[str, Any]) -> Template:
    """Build from the value of a conclusions document, which the schema has checked."""
    risks = tuple(
        MajorRisk(risk["id"], _text(risk["title"]), frozenset(risk["items"]), risk.get("reference", ""))
        for risk in value["major_risks"]
    )
    rate = value["rate"]
    words = {name: _text(text) for name, text in value["results"].items()}
    return Template(
        value["id"], _text(value["title"]), rate["conform_above"], rate["basic_from"], words, risks
    )


def conclude(results: Sequence[Result], template: Template) -> Conclusion:
    """Count, find the major risks, and conclude if the open results can no longer change it."""
    counts = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    waiting = [result for result in results if _waits(result)]
    applicable = len(results) - counts[Outcome.NOT_APPLICABLE]
    sure = sum(result.outcome is Outcome.CONFORMS and not _waits(result) for result in results)
    low, high = _percent(sure, applicable), _percent(sure + len(waiting), applicable)
    certain = _risks(template, (result for result in results if not _waits(result)))
    # whatever still waits may fail: then the risks are those of a failure everywhere
    possible = _risks(template, results, also=waiting)
    best, worst = _verdict(high, certain, template), _verdict(low, possible, template)
    shown = _risks(template, results)
    verdict = best if best == worst else ""
    return Conclusion(template.edition, counts, len(waiting), low, high, shown, verdict)


def _waits(result: Result) -> bool:
    if result.state in (ResultState.OPEN, ResultState.PROPOSED):
        return result.outcome is not Outcome.NOT_APPLICABLE
    return result.outcome is Outcome.UNPROVEN


def _risks(
    template: Template, results: Iterable[Result], also: Iterable[Result] = ()
) -> tuple[MajorRisk, ...]:
    failed = {result.item for result in results if result.outcome is Outcome.FAILS}
    failed |= {result.item for result in also}
    return tuple(risk for risk in template.risks if risk.items & failed)


def _verdict(rate: float, risks: Sequence[MajorRisk], template: Template) -> str:
    if rate > template.conform_above and not risks:
        return "conform"
    return "basic" if rate >= template.basic_from else "not"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _text(value: Mapping[str, Any]) -> Text:
    return Text(value["zh"], value["en"])
