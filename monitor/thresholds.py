"""Thresholds with hysteresis (MON-3): crossed after enough samples above one mark, left only below a lower one.

- id: cpu-high
  metric: cpu              # cpu memory temperature latency in_use out_use error_rate
  raise: 85                # at or above (with below: true at or below)
  clear: 75
  samples: 3               # so many in a row
  severity: medium
  title: {zh: …, en: …}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kernel.errors import Invalid
from kernel.i18n import N_
from monitor.model import SEVERITIES, Interface, Sample

METRICS = frozenset({"cpu", "memory", "temperature", "latency", "in_use", "out_use", "error_rate"})


@dataclass(frozen=True)
class Threshold:
    """One rule; ``platforms`` empty means all."""

    id: str
    metric: str
    raise_at: float
    clear_at: float
    samples: int
    severity: str
    title: Mapping[str, str]
    below: bool = False
    platforms: frozenset[str] = frozenset()

    def beyond(self, value: float) -> bool:
        return value <= self.raise_at if self.below else value >= self.raise_at

    def back(self, value: float) -> bool:
        return value > self.clear_at if self.below else value < self.clear_at


@dataclass(frozen=True)
class Crossing:
    """How one threshold stands for one object of one device; ``count`` samples in a row beyond the mark."""

    asset: str
    object: str
    threshold: str
    crossed: bool = False
    count: int = 0
    value: float = 0.0
    since: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.asset, self.object, self.threshold)


def advance(before: Crossing, threshold: Threshold, value: float, at: datetime) -> Crossing:
    """The crossing after one more sample. Between the two marks a crossed one stays crossed and a new one starts again."""
    if before.crossed:
        if threshold.back(value):
            return replace(before, crossed=False, count=0, value=value, since=at)
        return replace(before, value=value)
    count = before.count + 1 if threshold.beyond(value) else 0
    if count >= threshold.samples:
        return replace(before, crossed=True, count=count, value=value, since=at)
    return replace(before, count=count, value=value)


def judge(
    samples: Iterable[Sample],
    thresholds: Iterable[Threshold],
    before: Mapping[tuple[str, str, str], Crossing],
    platform: str = "",
) -> list[Crossing]:
    """Every crossing that the samples touch, as it stands after them."""
    rules = [rule for rule in thresholds if not rule.platforms or platform in rule.platforms]
    after: dict[tuple[str, str, str], Crossing] = {}
    for sample in samples:
        for rule in rules:
            if rule.metric == sample.metric:
                key = (sample.asset, sample.object, rule.id)
                known = after.get(key) or before.get(key) or Crossing(*key)
                after[key] = advance(known, rule, sample.value, sample.at)
    return list(after.values())


def interface_samples(asset: str, interface: Interface, at: datetime) -> list[Sample]:
    """Rates in bit/s, use in percent of the speed, errors a second; only what is known."""
    values = {
        "in_rate": interface.in_rate,
        "out_rate": interface.out_rate,
        "error_rate": interface.error_rate,
    }
    if interface.speed:
        for use, rate in (("in_use", interface.in_rate), ("out_use", interface.out_rate)):
            values[use] = None if rate is None else min(100.0, 100 * rate / interface.speed)
    return [
        Sample(asset, interface.name, metric, at, round(value, 3))
        for metric, value in values.items()
        if value is not None
    ]


def parse_thresholds(documents: Mapping[str, Any]) -> list[Threshold]:
    """Thresholds from parsed YAML files (file name -> content); Invalid names file and entry."""
    found: list[Threshold] = []
    for name, content in sorted(documents.items()):
        if not isinstance(content, list):
            raise Invalid(N_("A file of thresholds is a list."), place=name)
        found += [_threshold(entry, name) for entry in content]
    ids = [threshold.id for threshold in found]
    for twice in {one for one in ids if ids.count(one) > 1}:
        raise Invalid(N_("There are two thresholds %(id)s."), place="thresholds", id=twice)
    return found


def _threshold(entry: Any, name: str) -> Threshold:
    place = f"{name}: {entry.get('id') if isinstance(entry, dict) else entry}"
    try:
        threshold = Threshold(
            id=str(entry["id"]),
            metric=entry["metric"],
            raise_at=float(entry["raise"]),
            clear_at=float(entry["clear"]),
            samples=int(entry.get("samples", 1)),
            severity=entry["severity"],
            title={"zh_CN": entry["title"]["zh"], "en": entry["title"]["en"]},
            below=bool(entry.get("below", False)),
            platforms=frozenset(entry.get("platforms", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(
            N_("The threshold is incomplete or wrong: %(detail)s."), place=place, detail=repr(error)
        ) from None
    apart = (
        threshold.clear_at > threshold.raise_at
        if threshold.below
        else threshold.clear_at < threshold.raise_at
    )
    if (
        threshold.metric not in METRICS
        or threshold.severity not in SEVERITIES
        or threshold.samples < 1
        or not apart
    ):
        raise Invalid(
            N_("The threshold's metric, severity, samples or marks are wrong."),
            mend=N_("The mark to clear lies on the good side of the mark to raise."),
            place=place,
        )
    return threshold
