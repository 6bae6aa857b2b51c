"""Which objects tell a platform's CPU, memory and temperature: one YAML file a platform in ``data/platforms``.

platform: huawei_vrp
metrics:
  cpu:         {table: 1.3.6...5, take: max}       # percent, highest of the boards
  memory:      {used: 1.3.6...5, free: 1.3.6...6}  # percent of both together
  temperature: {table: 1.3.6...11, take: max, ignore: [0]}
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from kernel.errors import Invalid
from kernel.i18n import N_
from monitor.model import Oid, Value

METRICS = {"cpu": (0.0, 100.0), "memory": (0.0, 100.0), "temperature": (-60.0, 200.0)}
_TAKE: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "mean": fmean}
_SHAPES = ({"table"}, {"scalar"}, {"used", "free"}, {"total", "free"}, {"total", "used"})


@dataclass(frozen=True)
class Metric:
    """Where one metric comes from. ``sources``: role -> OID of a column (of a scalar, with its .0, when ``scalar``)."""

    name: str
    sources: Mapping[str, Oid]
    take: str = "max"
    ignore: frozenset[int] = frozenset()
    invert: bool = False  # the object counts what is idle
    scalar: bool = False

    def value(self, values: Mapping[Oid, Value]) -> float | None:
        """The metric, or None when its objects are absent or say nonsense."""
        roles = {role: self._numbers(values, oid) for role, oid in self.sources.items()}
        if not all(roles.values()):
            return None
        measured = _share(roles) if len(roles) == 2 else _TAKE[self.take](next(iter(roles.values())))
        if measured is None:
            return None
        low, high = METRICS[self.name]
        result = 100 - measured if self.invert else measured
        return round(result, 2) if low <= result <= high else None

    def _numbers(self, values: Mapping[Oid, Value], oid: Oid) -> list[int]:
        if self.scalar:
            found = [values.get(oid)]
        else:
            found = [value for key, value in values.items() if key[: len(oid)] == oid and len(key) > len(oid)]
        return [value for value in found if isinstance(value, int) and value not in self.ignore]


@dataclass(frozen=True)
class Platform:
    """A platform's metrics."""

    name: str
    sources: tuple[Metric, ...] = ()

    @property
    def scalars(self) -> tuple[Oid, ...]:
        return tuple(oid for metric in self.sources if metric.scalar for oid in metric.sources.values())

    @property
    def columns(self) -> tuple[Oid, ...]:
        return tuple(oid for metric in self.sources if not metric.scalar for oid in metric.sources.values())

    def metrics(self, values: Mapping[Oid, Value]) -> dict[str, float]:
        """Metric -> value; of two sources of one metric the first that answers counts."""
        found: dict[str, float] = {}
        for metric in self.sources:
            value = metric.value(values)
            if value is not None:
                found.setdefault(metric.name, value)
        return found


def _share(roles: Mapping[str, list[int]]) -> float | None:
    """Percent in use, from sums of two of used, free and total."""
    sums = {role: sum(numbers) for role, numbers in roles.items()}
    total = sums.get("total", sums.get("used", 0) + sums.get("free", 0))
    used = sums.get("used", total - sums.get("free", 0))
    return 100 * used / total if total > 0 else None


@cache
def load_platforms(folder: Path = Path(__file__).parent / "data" / "platforms") -> Mapping[str, Platform]:
    """Every platform by name; Invalid names the file that is wrong."""
    platforms = {}
    for path in sorted(folder.glob("*.yaml")):
        platform = parse_platform(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
        platforms[platform.name] = platform
    return platforms


def platform_of(name: str) -> Platform:
    """The platform's objects; the generic ones (HOST-RESOURCES-MIB) for one that has no file."""
    platforms = load_platforms()
    return platforms.get(name) or platforms["generic"]


def parse_platform(data: Any, place: str) -> Platform:
    """The platform of a YAML document; Invalid names ``place`` and the metric that is wrong."""
    if not isinstance(data, dict) or set(data) != {"platform", "metrics"}:
        raise Invalid(N_("A platform file has the entries platform and metrics."), place=place)
    metrics = [
        _metric(name, source, f"{place}: {name}")
        for name, sources in data["metrics"].items()
        for source in (sources if isinstance(sources, list) else [sources])
    ]
    return Platform(str(data["platform"]), tuple(metrics))


def _metric(name: str, source: dict[str, Any], place: str) -> Metric:
    options = {"take", "ignore", "invert", "scalars"}
    roles = set(source) - options
    if name not in METRICS or roles not in _SHAPES or source.get("take", "max") not in _TAKE:
        raise Invalid(N_("This is no source of a metric."), place=place)
    return Metric(
        name,
        {role: _oid(source[role], place) for role in sorted(roles)},
        source.get("take", "max"),
        frozenset(source.get("ignore", ())),
        bool(source.get("invert", False)),
        roles == {"scalar"} or bool(source.get("scalars", False)),
    )


def _oid(text: Any, place: str) -> Oid:
    try:
        return tuple(int(part) for part in str(text).split("."))
    except ValueError:
        raise Invalid(N_("%(oid)s is no object identifier."), place=place, oid=str(text)[:60]) from None
