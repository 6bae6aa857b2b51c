"""The detection engine: documents in, detections out; its memory can be saved and restored."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from siem.detection.correlation import Entry, Window
from siem.detection.rules import Correlation, Info, Rule, RuleSet
from siem.detection.view import View
from siem.ecs import Document, millis

MOST_GROUPS = 100_000  # groups remembered over all correlations; the longest unused go first
Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Detection:
    """A rule that fired: for which group of values, and on which events (ids; times are milliseconds of event time)."""

    info: Info
    group: Group
    events: tuple[str, ...]
    first: int
    last: int
    document: Document


@dataclass(frozen=True)
class GroupState:
    """What a correlation remembers of one group, as it is stored."""

    correlation: str
    group: tuple[str, ...]
    entries: tuple[Entry, ...]


class Engine:
    """Matches each event against the rules of its log source and feeds the correlations."""

    def __init__(self, rules: RuleSet, lateness: timedelta = timedelta(minutes=10)) -> None:
        self.rules = rules
        self._lateness = int(lateness.total_seconds() * 1000)
        self._by_source: dict[tuple[str | None, str | None, str | None], list[Rule]] = {}
        for rule in rules.rules:
            self._by_source.setdefault((rule.product, rule.service, rule.category), []).append(rule)
        self._fed: dict[str, list[Correlation]] = {}
        for correlation in rules.correlations:
            for name in set(correlation.rules):
                self._fed.setdefault(name, []).append(correlation)
        self._windows: OrderedDict[tuple[str, tuple[str, ...]], Window] = OrderedDict()
        self._touched: set[tuple[str, tuple[str, ...]]] = set()

    def process(self, document: Document) -> list[Detection]:
        """What the event sets off."""
        view = View(document)
        found: list[Detection] = []
        for rule in self._candidates(document):
            if not rule.matches(view):
                continue
            if rule.alerts:
                found.append(_single(rule, document))
            for correlation in self._fed.get(rule.info.id, ()):
                detection = self._feed(correlation, rule, document)
                if detection is not None:
                    found.append(detection)
        return found

    def matching(self, document: Document) -> list[str]:
        """Names of the rules on single events that fit, those included that raise no alert of their own."""
        view = View(document)
        return [rule.info.name for rule in self._candidates(document) if rule.matches(view)]

    def changed(self) -> list[GroupState]:
        """The groups that changed since the last call; one without entries was forgotten."""
        states = []
        for key in sorted(self._touched):
            window = self._windows.get(key)
            states.append(GroupState(*key, tuple(window.entries) if window else ()))
        self._touched.clear()
        return states

    def restore(self, states: Iterable[GroupState]) -> None:
        """Forget everything and remember what was saved; groups of rules that are gone are left out."""
        known = {correlation.info.id for correlation in self.rules.correlations}
        self._windows.clear()
        self._touched.clear()
        for state in states:
            if state.correlation in known:
                self._windows[(state.correlation, state.group)] = Window(state.entries)

    def _candidates(self, document: Document) -> Iterable[Rule]:
        """Rules whose log source is the document's: product is its module, service the rest of its data set."""
        product = document.get("event.module")
        service = str(document.get("event.dataset", "")).partition(".")[2] or None
        categories = {None, document.get("observer.type"), *document.get("event.category", ())}
        for p in {product, None}:
            for s in {service, None}:
                for c in categories:
                    yield from self._by_source.get((p, s, c), ())

    def _feed(self, correlation: Correlation, rule: Rule, document: Document) -> Detection | None:
        group = _group_values(correlation, rule, document)
        if group is None:
            return None
        key = (correlation.info.id, group)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window()
        self._windows.move_to_end(key)
        self._touched.add(key)
        value = str(document.get(correlation.field, "")).lower() if correlation.field else ""
        entry = Entry(millis(document["@timestamp"]), document["event.id"], rule.info.id, value)
        fresh = window.add(correlation, entry, self._lateness)
        while len(self._windows) > MOST_GROUPS:
            forgotten, _ = self._windows.popitem(last=False)
            self._touched.add(forgotten)
        if not fresh:
            return None
        named = tuple(zip(correlation.group_by, group, strict=True))
        ids = tuple(dict.fromkeys(entry.event for entry in fresh))
        return Detection(correlation.info, named, ids, fresh[0].time, fresh[-1].time, document)


def _group_values(correlation: Correlation, rule: Rule, document: Document) -> tuple[str, ...] | None:
    """The values the correlation groups by; None when the event lacks one (it belongs to no group)."""
    found = []
    for name in correlation.group_by:
        field = (correlation.aliases or {}).get(name, {}).get(rule.info.id, name)
        value = document.get(field)
        if value in (None, ""):
            return None
        found.append(str(value).lower())
    return tuple(found)


def _single(rule: Rule, document: Document) -> Detection:
    group = tuple((name, str(document[name]).lower()) for name in rule.group_by if document.get(name))
    moment = millis(document["@timestamp"])
    return Detection(rule.info, group, (document["event.id"],), moment, moment, document)
