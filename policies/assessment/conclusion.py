"""From results to a conclusion, by the edition of the report template; figures come from policy data. Pure.

Edition 2025: the rate of conforming results among those that apply, and the number of major risks. Above the upper
figure and without a major risk: 符合; from the lower figure on: 基本符合; else 不符合. While results are unproven or wait
for a person, the rate lies between two bounds, and there is a conclusion only if both give the same.
"""

from collections import Counter
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


@dataclass(frozen=True)
class Tally:
    """How many results of an item have an outcome and a state: all that a conclusion asks of them."""

    item: str
    outcome: Outcome
    state: ResultState
    count: int

    @property
    def waits(self) -> bool:
        """Whether a person or evidence may still change them."""
        if self.state in (ResultState.OPEN, ResultState.PROPOSED):
            return self.outcome is not Outcome.NOT_APPLICABLE
        return self.outcome is Outcome.UNPROVEN


def tally(results: Iterable[Result]) -> list[Tally]:
    """Results counted by item, outcome and state."""
    counted = Counter((result.item, result.outcome, result.state) for result in results)
    return [Tally(*key, count) for key, count in counted.items()]


def conclude(results: Iterable[Result], template: Template) -> Conclusion:
    """The conclusion that results allow."""
    return weigh(tally(results), template)


def weigh(tallies: Sequence[Tally], template: Template) -> Conclusion:
    """Count, find the major risks, and conclude if the open results can no longer change it."""
    counts = counts_of(tallies)
    applicable = sum(counts.values()) - counts[Outcome.NOT_APPLICABLE]
    waiting = [one for one in tallies if one.waits]
    certain = [one for one in tallies if not one.waits]
    sure = counts_of(certain)[Outcome.CONFORMS]
    open_results = sum(one.count for one in waiting)
    low, high = _percent(sure, applicable), _percent(sure + open_results, applicable)
    # whatever still waits may fail: then the risks are those of a failure everywhere
    best = _verdict(high, _risks(template, certain), template)
    worst = _verdict(low, _risks(template, tallies, also=waiting), template)
    verdict = best if best == worst else ""
    shown = _risks(template, tallies)
    return Conclusion(template.edition, counts, open_results, low, high, shown, verdict)


def counts_of(tallies: Iterable[Tally]) -> dict[Outcome, int]:
    """Results by outcome; every outcome is there."""
    counts = dict.fromkeys(Outcome, 0)
    for one in tallies:
        counts[one.outcome] += one.count
    return counts


def _risks(template: Template, tallies: Iterable[Tally], also: Iterable[Tally] = ()) -> tuple[MajorRisk, ...]:
    failed = {one.item for one in tallies if one.outcome is Outcome.FAILS}
    failed |= {one.item for one in also}
    return tuple(risk for risk in template.risks if risk.items & failed)


def _verdict(rate: float, risks: Sequence[MajorRisk], template: Template) -> str:
    if rate > template.conform_above and not risks:
        return "conform"
    return "basic" if rate >= template.basic_from else "not"


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _text(value: Mapping[str, Any]) -> Text:
    return Text(value["zh"], value["en"])
