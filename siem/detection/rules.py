"""Sigma rules from text: each document parsed by pySigma, compiled on its own; a broken one is named and the others go on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from sigma.correlations import SigmaCorrelationRule, SigmaCorrelationType
from sigma.rule import SigmaRule

from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_
from siem.detection.matcher import Literals, Predicate, compile_condition
from siem.detection.view import View

LEVELS = ("informational", "low", "medium", "high", "critical")
DEFAULT_GROUP = ("host.name", "source.ip", "user.name")


class BrokenRule(Invalid):
    """A rule that can't be used; ``place`` is file:line."""


@dataclass(frozen=True)
class Info:
    """What an alert says of its rule. ``titles``, ``why`` (what it means, what to do) and ``harmless`` (what may set it off
    without harm) by language; ``tags`` such as attack.t1110; ``text`` is its YAML."""

    id: str
    name: str
    titles: Mapping[str, str]
    level: str
    tags: tuple[str, ...]
    place: str
    why: Mapping[str, str] = field(default_factory=dict)
    harmless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule on one event. ``alerts`` is false for one that only feeds correlations."""

    info: Info
    product: str | None
    service: str | None
    category: str | None
    predicates: tuple[Predicate, ...]
    literals: Literals
    group_by: tuple[str, ...]
    alerts: bool = True

    def matches(self, view: View) -> bool:
        """Whether the event fits; the cheap literal test comes first."""
        if self.literals is not None and not any(literal in view.text for literal in self.literals):
            return False
        return any(predicate(view) for predicate in self.predicates)


@dataclass(frozen=True)
class Correlation:
    """A rule on several events. ``count`` and ``operator`` (gte, gt, eq) are for the counting types; seconds of window."""

    info: Info
    kind: str
    rules: tuple[str, ...]  # ids of the rules it counts, in order
    group_by: tuple[str, ...]
    seconds: int
    operator: str = "gte"
    count: int = 0
    field: str = ""
    aliases: Mapping[str, Mapping[str, str]] = None  # type: ignore[assignment]  # alias -> rule id -> field


@dataclass(frozen=True)
class RuleSet:
    """All usable rules, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    errors: tuple[BrokenRule, ...]

    def info(self, name: str) -> Info | None:
        """A rule's description by its id or name."""
        found = [*(rule.info for rule in self.rules), *(item.info for item in self.correlations)]
        return next((info for info in found if name in (info.id, info.name)), None)


@dataclass(frozen=True)
class _Text:
    """One YAML document and where it stands."""

    file: str
    line: int
    text: str

    def place(self, hint: str = "") -> str:
        """file:line, of the line that holds a word the error quotes when there is one."""
        for word in re.findall(r"['\"]([^'\"]+)['\"]", hint):
            for number, line in enumerate(self.text.splitlines()):
                if word in line:
                    return f"{self.file}:{self.line + number}"
        return f"{self.file}:{self.line}"


def load_rules(files: Iterable[tuple[str, str]]) -> RuleSet:
    """Compile every rule of the files (name, YAML text)."""
    errors: list[BrokenRule] = []
    rules: dict[str, Rule] = {}
    waiting: list[tuple[_Text, SigmaCorrelationRule, dict[str, Any]]] = []
    for text in (part for name, content in files for part in _documents(name, content)):
        try:
            content = _mapping(text)
            if content is None:
                continue
            if "correlation" in content:
                waiting.append((text, SigmaCorrelationRule.from_dict(content), content))
                continue
            rule = _rule(text, content)
            if rule.info.id in rules:
                raise BrokenRule(N_("The rule id %(id)s is used twice."), place=text.place(), id=rule.info.id)
            rules[rule.info.id] = rule
        except BrokenRule as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001 - pySigma raises whatever odd content makes it stumble over
            errors.append(_broken(text, error))
    correlations = _correlations(waiting, rules, errors)
    return RuleSet(_silenced(rules, waiting, correlations), tuple(correlations), tuple(errors))


def _documents(name: str, content: str) -> Iterable[_Text]:
    line, lines = 1, content.splitlines()
    start = 0
    for number, text in enumerate([*lines, "---"]):
        if text.rstrip() == "---":
            body = "\n".join(lines[start:number])
            if body.strip():
                blank = len(body) - len(body.lstrip("\n"))
                yield _Text(name, line + blank, body.lstrip("\n"))
            start, line = number + 1, number + 2


def _mapping(text: _Text) -> dict[str, Any] | None:
    try:
        content = yaml.safe_load(text.text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = text.line + (mark.line if mark else 0)
        detail = getattr(error, "problem", None) or error
        raise BrokenRule(
            N_("The rule is not valid YAML: %(detail)s"), place=f"{text.file}:{line}", detail=detail
        ) from None
    if content is not None and not isinstance(content, dict):
        raise BrokenRule(N_("A rule is a mapping with title, logsource and detection."), place=text.place())
    return content


def _broken(text: _Text, error: Exception) -> BrokenRule:
    detail = error.text("en") if isinstance(error, WeichengError) else str(error) or type(error).__name__
    return BrokenRule(
        N_("The rule is broken: %(detail)s."),
        mend=N_("Mend this rule; the others are in use."),
        place=text.place(detail),
        detail=detail,
    )


def _rule(text: _Text, content: dict[str, Any]) -> Rule:
    parsed = SigmaRule.from_dict(content)
    compiled = [compile_condition(condition.parsed) for condition in parsed.detection.parsed_condition]
    known = [literals for _, literals in compiled if literals is not None]
    own = content.get("weicheng", {})
    return Rule(
        info=_info(text, parsed, content),
        product=parsed.logsource.product,
        service=parsed.logsource.service,
        category=parsed.logsource.category,
        predicates=tuple(predicate for predicate, _ in compiled),
        literals=frozenset[str]().union(*known) if len(known) == len(compiled) else None,
        group_by=tuple(own.get("group-by", DEFAULT_GROUP)),
    )


def _info(text: _Text, parsed: Any, content: dict[str, Any]) -> Info:
    title = str(parsed.title)
    own = content.get("weicheng", {})
    level = parsed.level.name.lower() if parsed.level else "medium"
    name = str(parsed.name or content.get("name") or title)
    why = str(parsed.description or "")
    harmless = tuple(str(one) for one in parsed.falsepositives or ())
    return Info(
        id=str(parsed.id or name),
        name=name,
        titles={"en": title, "zh_CN": str(own.get("title_zh", title))},
        level=level,
        tags=tuple(str(tag) for tag in parsed.tags),
        place=text.place(),
        why={"en": why, "zh_CN": str(own.get("description_zh", why))},
        harmless={"en": harmless, "zh_CN": tuple(map(str, own.get("falsepositives_zh", harmless)))},
        text=text.text,
    )


def _correlations(
    waiting: list[tuple[_Text, SigmaCorrelationRule, dict[str, Any]]],
    rules: dict[str, Rule],
    errors: list[BrokenRule],
) -> list[Correlation]:
    known = {key: rule.info.id for rule in rules.values() for key in (rule.info.name, rule.info.id)}
    made = []
    for text, parsed, content in waiting:
        try:
            made.append(_correlation(text, parsed, content, known))
        except BrokenRule as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001 - as above
            errors.append(_broken(text, error))
    return made


_KINDS = {
    SigmaCorrelationType.EVENT_COUNT,
    SigmaCorrelationType.VALUE_COUNT,
    SigmaCorrelationType.TEMPORAL,
    SigmaCorrelationType.TEMPORAL_ORDERED,
}


def _correlation(
    text: _Text, parsed: SigmaCorrelationRule, content: dict[str, Any], known: Mapping[str, str]
) -> Correlation:
    kind = parsed.type.name.lower()
    if parsed.type not in _KINDS:
        raise BrokenRule(
            N_("Correlations of the type %(kind)s are not supported."),
            place=text.place(f"'{kind}'"),
            kind=kind,
        )
    rules = tuple(_known(text, reference.reference, known) for reference in parsed.rules or ())
    operator, count, field = _condition(text, parsed) if kind.endswith("count") else ("gte", 0, "")
    aliases = {
        alias.alias: {_known(text, ref.reference, known): name for ref, name in alias.mapping.items()}
        for alias in parsed.aliases
    }
    return Correlation(
        info=_info(text, parsed, content),
        kind=kind,
        rules=rules,
        group_by=tuple(parsed.group_by or ()),
        seconds=parsed.timespan.seconds,
        operator=operator,
        count=count,
        field=field,
        aliases=aliases,
    )


def _known(text: _Text, name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise BrokenRule(
            N_("The correlation names the rule %(name)s, which is not there."),
            place=text.place(f"'{name}'"),
            name=name,
        )
    return known[name]


def _condition(text: _Text, parsed: SigmaCorrelationRule) -> tuple[str, int, str]:
    """Operator, number and counted field of a counting correlation."""
    condition: Any = parsed.condition
    operator = condition.op.name.lower()
    if operator not in ("gte", "gt", "eq"):
        raise BrokenRule(
            N_("The condition %(operator)s can't be judged while events still come in; use gte, gt or eq."),
            place=text.place("'condition'"),
            operator=operator,
        )
    return operator, int(condition.count), str(condition.fieldref or "")


def _silenced(
    rules: dict[str, Rule],
    waiting: list[tuple[_Text, SigmaCorrelationRule, dict[str, Any]]],
    correlations: list[Correlation],
) -> tuple[Rule, ...]:
    """A rule that a correlation refers to raises no alert of its own unless the correlation says ``generate``."""
    generating = {
        str(parsed.id or parsed.name or parsed.title) for _, parsed, _ in waiting if parsed.generate
    }
    quiet = {name for made in correlations if made.info.id not in generating for name in made.rules}
    return tuple(
        Rule(**{**rule.__dict__, "alerts": False}) if rule.info.id in quiet else rule
        for rule in rules.values()
    )
