"""Running rules over one configuration: values in, deviations out, no I/O."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from netops.compliance.checks import CHECKS, Circumstances, Subject
from netops.compliance.model import CheckReport, Deviation, Hit
from netops.compliance.rules import Detector, Rule, RuleBook
from netops.config.acl import rules_of
from netops.config.facts import extract
from netops.config.masking import Masker
from netops.config.text import CleanConfig
from netops.config.tree import Line, parse
from netops.vendors import Vendor


@dataclass(frozen=True)
class Checker:
    """The rules in force and the installation's masker: everything a check needs beside the configuration."""

    book: RuleBook
    masker: Masker
    known_secrets: tuple[str, ...] = field(default=(), repr=False)

    def check(self, config: CleanConfig, vendor: Vendor, circumstances: Circumstances) -> CheckReport:
        """Every deviation of one configuration, masked, in line order; the absent things come first."""
        tree = parse(config.lines, vendor)
        facts = extract(tree, vendor)
        acl = tuple(rules_of(facts, vendor))
        subject = Subject(tree, facts, acl, circumstances)
        masked = self.masker.mask(config.lines, vendor, self.known_secrets)
        rules = self.book.for_platform(vendor.platform)
        hits = _one_per_cause([(rule, hit) for rule in rules for hit in run_rule(rule, subject)])
        unread = [*facts.unread, *(rule.line for rule in acl if rule.box is None)]
        return CheckReport(
            platform=vendor.platform,
            text=masked.text,
            lines=len(config.lines),
            deviations=tuple(self._masked(rule, hit, masked.secrets) for rule, hit in hits),
            unread=tuple(sorted((line.number, masked.lines[line.number - 1].strip()) for line in unread)),
            rules_run=len(rules),
        )

    def _masked(self, rule: Rule, hit: Hit, secrets: dict[int, tuple[str, ...]]) -> Deviation:
        found = secrets.get(hit.line - 1, ())
        everywhere = found + tuple(
            secret for values in secrets.values() for secret in values if len(secret) >= 8
        )
        return Deviation(
            rule=rule.id,
            severity=rule.severity,
            controls=rule.controls,
            line=hit.line,
            text=self.masker.hide(hit.text, found),
            path=tuple(self.masker.hide(header, everywhere) for header in hit.path),
            mend=tuple(self.masker.hide(command, everywhere) for command in hit.mend),
        )


def run_rule(rule: Rule, subject: Subject) -> list[Hit]:
    """What one rule finds; a line is named once however many detectors see it."""
    seen: dict[tuple[int, tuple[str, ...]], Hit] = {}
    for detector in rule.platforms[subject.tree.platform]:
        if _applies(detector, subject):
            for hit in _hits(rule.id, detector, subject):
                seen.setdefault((hit.line, hit.path), hit)
    return list(seen.values())


def _one_per_cause(found: Sequence[tuple[Rule, Hit]]) -> list[tuple[Rule, Hit]]:
    """Drop what a stronger rule already says of the same line; order by line."""
    silenced = {(hit.line, other) for rule, hit in found if hit.line for other in rule.overrides}
    kept = [(rule, hit) for rule, hit in found if (hit.line, rule.id) not in silenced]
    return sorted(kept, key=lambda item: (item[1].line, item[0].id))


def _applies(detector: Detector, subject: Subject) -> bool:
    if detector.when is not None and not subject.tree.find(detector.when):
        return False
    return detector.unless is None or not subject.tree.find(detector.unless)


def _hits(rule_id: str, detector: Detector, subject: Subject) -> Iterator[Hit]:
    if detector.match is not None:
        for line in subject.tree.find(detector.match, detector.under):
            groups = _groups(detector.match, line.text)
            if detector.over is None or _is_over(detector, groups):
                yield _hit(rule_id, detector, line, groups)
    elif detector.lacking is not None:
        yield from _lacking(rule_id, detector, subject)
    elif detector.check is not None:
        for place, groups in CHECKS[detector.check](subject, detector.options):
            yield _hit(rule_id, detector, place, groups)


def _lacking(rule_id: str, detector: Detector, subject: Subject) -> Iterator[Hit]:
    assert detector.lacking is not None
    wanted = re.compile(detector.lacking)
    if detector.under is None:
        if not any(wanted.search(line.text) for line in subject.tree.lines if not line.opaque):
            yield _hit(rule_id, detector, None, {})
        return
    condition = re.compile(detector.block_when) if detector.block_when else None
    for header in subject.tree.find(detector.under):
        inside = [line.text for line in header.walk() if line is not header and not line.opaque]
        if condition is not None and not any(condition.search(text) for text in inside):
            continue
        if not any(wanted.search(text) for text in inside):
            yield _hit(rule_id, detector, header, _groups(detector.under, header.text))


def _groups(pattern: str, text: str) -> dict[str, str]:
    match = re.search(pattern, text)
    return {name: value or "" for name, value in match.groupdict().items()} if match else {}


def _is_over(detector: Detector, groups: dict[str, str]) -> bool:
    assert detector.over is not None
    value = float(groups.get(detector.over.group) or 0) * detector.over.unit
    return value > detector.over.limit or (value == 0 and detector.over.zero_is_never)


def _hit(rule_id: str, detector: Detector, line: Line | None, groups: dict[str, str]) -> Hit:
    text = line.text if line else ""
    header = line.path[-1] if line and line.path else text
    values = {"line": text, "header": header, **groups}
    mend = tuple(_filled(command, values) for command in _commands(detector, line))
    return Hit(rule_id, line.number if line else 0, text, line.path if line else (), mend)


def _commands(detector: Detector, line: Line | None) -> tuple[str, ...]:
    """The mending commands; for a line that stands at the top there is no view to enter first."""
    if line is None or line.path or "{header}" not in detector.mend:
        return detector.mend
    return tuple(command.removeprefix(" ") for command in detector.mend if command != "{header}")


def _filled(template: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)
