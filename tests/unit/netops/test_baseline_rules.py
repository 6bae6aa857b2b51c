"""Every baseline rule does what its own examples say, on every platform it speaks of."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.compose.netops import BASELINES
from kernel.errors import Invalid
from netops.compliance.checks import CHECKS, Circumstances
from netops.compliance.detect import Checker
from netops.compliance.rules import Example, Rule, load_rules, read_rule
from netops.config.masking import Masker
from netops.config.text import CleanConfig
from netops.vendors import load_vendors

BOOK, VENDORS = load_rules(BASELINES), load_vendors()
EXAMPLES = [(rule, example) for rule in BOOK.rules for example in rule.examples]
HERE = Circumstances(
    network="intranet",
    prefixes=(
        ("intranet", ipaddress.ip_network("10.10.0.0/16")),
        ("extranet", ipaddress.ip_network("10.20.0.0/16")),
    ),
)


def ids(value: object) -> str:
    return (
        value.id if isinstance(value, Rule) else value.platform if isinstance(value, Example) else str(value)
    )


def found(rule: Rule, example: Example, text: str, circumstances: Circumstances) -> list[str]:
    checker = Checker(type(BOOK)((rule.model_copy(update={"overrides": ()}),), "test"), Masker(b"k" * 32))
    report = checker.check(CleanConfig(text.rstrip("\n") + "\n"), VENDORS[example.platform], circumstances)
    return [deviation.text for deviation in report.deviations]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=ids)
def test_the_bad_example_is_found(rule: Rule, example: Example) -> None:
    circumstances = Circumstances(legacy_ssh=True) if rule.id == "legacy-ssh" else HERE
    assert found(rule, example, example.bad, circumstances)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=ids)
def test_the_good_example_is_not(rule: Rule, example: Example) -> None:
    assert found(rule, example, example.good, HERE) == []


@pytest.mark.parametrize("rule", BOOK.rules, ids=ids)
def test_a_rule_is_whole(rule: Rule) -> None:
    assert set(rule.platforms) <= set(VENDORS)
    shown = {example.platform for example in rule.examples}
    assert shown == set(rule.platforms) or rule.id == "legacy-ssh", "an example per platform"
    checks = {
        detector.check for detectors in rule.platforms.values() for detector in detectors if detector.check
    }
    assert checks <= set(CHECKS)
    assert rule.title.zh != rule.title.en
    assert any("一" <= char <= "鿿" for char in rule.title.zh + rule.rationale.zh)


def test_every_named_check_is_used_by_a_rule() -> None:
    used = {d.check for rule in BOOK.rules for detectors in rule.platforms.values() for d in detectors}
    assert set(CHECKS) <= used


def mending_commands() -> Iterator[str]:
    for rule, example in EXAMPLES:
        checker = Checker(type(BOOK)((rule,), "test"), Masker(b"k" * 32))
        circumstances = Circumstances(legacy_ssh=True) if rule.id == "legacy-ssh" else HERE
        report = checker.check(CleanConfig(example.bad), VENDORS[example.platform], circumstances)
        for deviation in report.deviations:
            yield from deviation.mend


def test_mending_commands_are_filled_in() -> None:
    commands = list(mending_commands())
    assert commands
    assert [command for command in commands if "{" in command] == []


GOOD_RULE = """
id: some-rule
title: {zh: 标题, en: Title}
severity: high
controls: [L3-8.1.4.1-c]
rationale: {zh: 原因, en: Reason}
platforms:
  frr:
    - match: '^password '
      mend: ['no {line}']
examples:
  - {platform: frr, bad: password x, good: hostname r}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("severity: high", "severity: terrible"),
        ("L3-8.1.4.1-c", "8.1.4.1"),
        ("'^password '", "'^pass(word '"),
        ("    - match: '^password '", "    - match: '^password '\n      lacking: '^x'"),
        ("mend: ['no {line}']", "mend: []"),
        ("title: {zh: 标题, en: Title}", "title: {en: Title}"),
        ("examples:", "surprise: 1\nexamples:"),
        ("id: some-rule", "id: [some-rule"),
    ],
)
def test_a_wrong_rule_file_is_told_with_its_name(old: str, new: str) -> None:
    assert read_rule(GOOD_RULE, "some-rule.yaml").id == "some-rule"
    with pytest.raises(Invalid) as told:
        read_rule(GOOD_RULE.replace(old, new, 1), "some-rule.yaml")
    assert told.value.place == "some-rule.yaml"


def test_one_wrong_file_stops_the_whole_book(tmp_path: Path) -> None:
    (tmp_path / "some-rule.yaml").write_text(GOOD_RULE)
    assert load_rules(tmp_path).rules[0].id == "some-rule"
    (tmp_path / "other.yaml").write_text("id: other")
    with pytest.raises(Invalid):
        load_rules(tmp_path)
    (tmp_path / "other.yaml").write_text(GOOD_RULE.replace("some-rule", "other") + "overrides: [nothing]\n")
    with pytest.raises(Invalid):
        load_rules(tmp_path)


def test_one_finding_per_cause() -> None:
    text = "snmp-server community public RO\nsnmp-server community private RW\nsnmp-server community Zk3v9Q RO 10\n"
    checker = Checker(BOOK, Masker(b"k" * 32))
    report = checker.check(CleanConfig(text), VENDORS["cisco_ios"], HERE)
    lines = [(item.line, item.rule) for item in report.deviations if item.line]
    assert lines == [(1, "snmp-public"), (2, "snmp-write"), (3, "snmp-v2c")]


def test_a_numbered_list_is_mended_by_entry_not_deleted_whole() -> None:
    checker = Checker(BOOK, Masker(b"k" * 32))
    text = "access-list 101 permit tcp any host 10.1.1.5 eq 443\naccess-list 101 permit ip any any\n"
    report = checker.check(CleanConfig(text), VENDORS["cisco_ios"], HERE)
    mend = next(item.mend for item in report.deviations if item.rule == "any-any")
    assert mend == ("ip access-list extended 101", " no permit ip any any")
    text = "super password level 15 cipher Example-1\n"
    report = checker.check(CleanConfig(text), VENDORS["huawei_vrp"], HERE)
    mend = next(item.mend for item in report.deviations if item.rule == "weak-hash")
    assert mend == ("super password level 15 irreversible-cipher <new password>",)
