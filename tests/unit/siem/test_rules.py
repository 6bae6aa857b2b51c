"""Sigma rules: every modifier, keyword rules, correlations over event time, and what a broken rule does."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from siem.detection.correlation import Entry, Window
from siem.detection.engine import Engine
from siem.detection.examples import run_examples
from siem.detection.rules import Correlation, Info, RuleSet, load_rules
from siem.ecs import iso
from siem.intake import RuleFolder
from tests.unit.siem.conftest import RULES

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def event(name: str = "e", seconds: float = 0, **fields: Any) -> dict[str, Any]:
    dotted = {key.replace("__", "."): value for key, value in fields.items()}
    base = {"event.id": name, "@timestamp": iso(START + timedelta(seconds=seconds)), "event.module": "app"}
    return base | {"event.dataset": "app.log"} | dotted


def one_rule(detection: str) -> RuleSet:
    text = f"title: t\nid: 7d0b3f5e-6a0b-4f0e-9f57-3d3e6a2c1a99\nlogsource: {{product: app}}\ndetection:\n{detection}"
    rules = load_rules([("t.yml", text)])
    assert rules.errors == ()
    return rules


def fires(detection: str, **fields: Any) -> bool:
    return bool(Engine(one_rule(detection)).process(event(**fields)))


MATCHES: list[tuple[str, dict[str, Any], bool]] = [
    ("  s: {a: One}\n  condition: s", {"a": "oNE"}, True),
    ("  s: {a: one}\n  condition: s", {"a": "one more"}, False),
    ("  s: {a: [one, two]}\n  condition: s", {"a": "two"}, True),
    ("  s: {a: one}\n  condition: s", {"a": ["zero", "one"]}, True),
    ("  s: {a: one, b: two}\n  condition: s", {"a": "one"}, False),
    ("  s: [{a: one}, {b: two}]\n  condition: s", {"b": "two"}, True),
    ("  s: {a|contains: ell}\n  condition: s", {"a": "Hello"}, True),
    ("  s: {a|startswith: he}\n  condition: s", {"a": "Hello"}, True),
    ("  s: {a|endswith: lo}\n  condition: s", {"a": "Hello"}, True),
    ("  s: {a|startswith: lo}\n  condition: s", {"a": "Hello"}, False),
    ("  s: {a|contains|all: [he, lo]}\n  condition: s", {"a": "Hello"}, True),
    ("  s: {a|contains|all: [he, xx]}\n  condition: s", {"a": "Hello"}, False),
    ("  s: {a: 'h*l?o'}\n  condition: s", {"a": "hello"}, True),
    ("  s: {a: 'h\\*o'}\n  condition: s", {"a": "hello"}, False),
    ("  s: {a: 'h\\*o'}\n  condition: s", {"a": "h*o"}, True),
    ("  s: {a|cased: Hello}\n  condition: s", {"a": "hello"}, False),
    ("  s: {a|cased: Hello}\n  condition: s", {"a": "Hello"}, True),
    ("  s: {a|re: '^h.+o$'}\n  condition: s", {"a": "hello"}, True),
    ("  s: {a|re: '^H.+o$'}\n  condition: s", {"a": "hello"}, False),
    ("  s: {a|re|i: '^H.+o$'}\n  condition: s", {"a": "hello"}, True),
    ("  s: {ip|cidr: [10.0.0.0/8, '2001:db8::/32']}\n  condition: s", {"ip": "10.9.9.9"}, True),
    ("  s: {ip|cidr: [10.0.0.0/8, '2001:db8::/32']}\n  condition: s", {"ip": "2001:db8::7"}, True),
    ("  s: {ip|cidr: 10.0.0.0/8}\n  condition: s", {"ip": "11.0.0.1"}, False),
    ("  s: {ip|cidr: 10.0.0.0/8}\n  condition: s", {"ip": "not an address"}, False),
    ("  s: {a|exists: true}\n  condition: s", {"a": ""}, True),
    ("  s: {a|exists: false}\n  condition: s", {"b": 1}, True),
    ("  s: {a: null}\n  condition: s", {}, True),
    ("  s: {a: null}\n  condition: s", {"a": "x"}, False),
    ("  s: {a: ''}\n  condition: s", {"a": ""}, True),
    ("  s: {n|gt: 5}\n  condition: s", {"n": 6}, True),
    ("  s: {n|gte: 5}\n  condition: s", {"n": 5}, True),
    ("  s: {n|lt: 5}\n  condition: s", {"n": "4"}, True),
    ("  s: {n|lte: 5}\n  condition: s", {"n": "five"}, False),
    ("  s: {n: 22}\n  condition: s", {"n": 22}, True),
    ("  s: {b: true}\n  condition: s", {"b": True}, True),
    ("  s: {a|fieldref: b}\n  condition: s", {"a": "X", "b": "x"}, True),
    ("  s: {a|fieldref: b}\n  condition: s", {"a": "x", "b": "y"}, False),
    ("  k: [needle, 'pin*cushion']\n  condition: k", {"m": "a Needle in hay"}, True),
    ("  k: [needle, 'pin*cushion']\n  condition: k", {"m": "a pin or a cushion"}, True),
    ("  k: [needle]\n  condition: k", {"m": "hay"}, False),
    ("  k:\n    '|all': [needle, hay]\n  condition: k", {"m": "needle in the hay"}, True),
    ("  s: {a: one}\n  f: {b: two}\n  condition: s and not f", {"a": "one"}, True),
    ("  s: {a: one}\n  f: {b: two}\n  condition: s and not f", {"a": "one", "b": "two"}, False),
    ("  s1: {a: one}\n  s2: {b: two}\n  condition: 1 of s*", {"b": "two"}, True),
    ("  s1: {a: one}\n  s2: {b: two}\n  condition: all of s*", {"b": "two"}, False),
    ("  s: {a|windash|contains: ' -rf'}\n  condition: s", {"a": "rm /rf"}, True),
    ("  s: {a|base64offset|contains: secret}\n  condition: s", {"a": "xxc2VjcmV0"}, True),
]


@pytest.mark.parametrize(("detection", "fields", "right"), MATCHES)
def test_a_rule_matches_as_sigma_says(detection: str, fields: dict[str, Any], right: bool) -> None:
    assert fires(detection, **fields) is right


@pytest.mark.parametrize(
    ("logsource", "right"),
    [
        ("{product: linux}", True),
        ("{product: linux, service: sshd}", True),
        ("{service: sshd}", True),
        ("{category: authentication}", True),
        ("{product: linux, service: sudo}", False),
        ("{product: windows}", False),
        ("{category: network}", False),
    ],
)
def test_a_rule_sees_only_its_log_source(logsource: str, right: bool) -> None:
    text = f"title: t\nlogsource: {logsource}\ndetection: {{s: {{a: x}}, condition: s}}"
    found = Engine(load_rules([("t.yml", text)])).process(
        event(a="x", event__module="linux", event__dataset="linux.sshd", event__category=["authentication"])
    )
    assert bool(found) is right


BROKEN = """title: fine
logsource: {product: app}
detection: {s: {a: x}, condition: s}
---
title: unknown modifier
logsource: {product: app}
detection:
  s:
    a|bogus: 1
  condition: s
---
title: bad condition
logsource: {product: app}
detection: {s: {a: 1}, condition: s and}
---
title: [not closed
---
- a list
---
title: bad regex
logsource: {product: app}
detection: {s: {a|re: '('}, condition: s}
---
title: c1
correlation: {type: event_count, rules: [nobody], group-by: [a], timespan: 1m, condition: {gte: 2}}
---
title: c2
correlation: {type: event_count, rules: [fine], group-by: [a], timespan: 1m, condition: {lt: 2}}
---
title: c3
correlation: {type: value_sum, rules: [fine], group-by: [a], timespan: 1m, condition: {gte: 2, field: b}}
"""


def test_a_broken_rule_is_named_by_file_and_line_and_the_others_go_on() -> None:
    rules = load_rules(
        [("rules.yml", BROKEN), ("other.yml", BROKEN[: BROKEN.index("---")].replace("fine", "also"))]
    )
    assert [rule.info.name for rule in rules.rules] == ["fine", "also"]
    assert [error.place for error in rules.errors] == [
        "rules.yml:9",
        "rules.yml:14",
        "rules.yml:16",
        "rules.yml:18",
        "rules.yml:22",
        "rules.yml:25",
        "rules.yml:28",
        "rules.yml:31",
    ]
    assert Engine(rules).process(event(a="x"))


def test_the_same_id_twice_is_refused() -> None:
    text = "title: t\nid: 7d0b3f5e-6a0b-4f0e-9f57-3d3e6a2c1a99\nlogsource: {product: a}\ndetection: {s: {a: x}, condition: s}"
    rules = load_rules([("a.yml", text), ("b.yml", text)])
    assert len(rules.rules) == 1
    assert [error.place for error in rules.errors] == ["b.yml:1"]


@given(st.text(max_size=200))
def test_any_text_as_a_rule_file_gives_rules_or_errors(text: str) -> None:
    rules = load_rules([("x.yml", text)])
    assert all(error.place.startswith("x.yml:") for error in rules.errors)


_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["x", "s", "and", "*", "a|re", "(", "gte", "5m"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["s", "condition", "a|cidr", "type", "rules", "group-by", "gte"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["title", "id", "logsource", "detection", "correlation", "level", "weicheng"]), _JUNK
    )
)
def test_any_content_of_a_rule_gives_a_rule_or_an_error_and_the_next_one_goes_on(
    content: dict[str, Any],
) -> None:
    good = "title: good\nlogsource: {product: app}\ndetection: {s: {a: x}, condition: s}\n"
    rules = load_rules([("x.yml", yaml.safe_dump(content) + "---\n" + good)])
    assert "good" in [rule.info.name for rule in rules.rules]


def test_an_alias_of_a_rule_that_is_not_there_is_named() -> None:
    rules = load_rules(
        [("x.yml", BROKEN[: BROKEN.index("---")] + """---
title: c
correlation:
  type: temporal
  rules: [fine]
  group-by: [who]
  timespan: 1m
  aliases: {who: {gone: a}}
""")]
    )  # fmt: skip
    assert ["gone" in error.text("en") for error in rules.errors] == [True]


def correlation(kind: str, count: int = 0, rules: tuple[str, ...] = ("r",), seconds: int = 60) -> Correlation:
    info = Info("c", "c", {"en": "c", "zh_CN": "c"}, "high", (), "t:1")
    return Correlation(info, kind, rules, ("g",), seconds, "gte", count, "v", {})


def feed(rule: Correlation, entries: list[tuple[int, str, str]], lateness: int = 600_000) -> list[list[str]]:
    window = Window()
    return [
        [found.event for found in window.add(rule, Entry(second * 1000, f"e{n}", kind, value), lateness)]
        for n, (second, kind, value) in enumerate(entries)
    ]


def test_a_window_slides_and_its_edges_belong_to_it() -> None:
    rule = correlation("event_count", 3)
    assert feed(rule, [(0, "r", ""), (30, "r", ""), (60, "r", "")])[-1] == ["e0", "e1", "e2"]
    assert feed(rule, [(0, "r", ""), (30, "r", ""), (61, "r", "")])[-1] == []


def test_every_event_is_told_once() -> None:
    told = feed(correlation("event_count", 2), [(n, "r", "") for n in range(6)])
    assert [name for found in told for name in found] == [f"e{n}" for n in range(6)]


def test_a_late_event_completes_the_window_it_belongs_to() -> None:
    rule = correlation("event_count", 3)
    assert feed(rule, [(0, "r", ""), (50, "r", ""), (200, "r", ""), (20, "r", "")])[-1] == ["e0", "e3", "e1"]


def test_an_event_later_than_allowed_is_left_out() -> None:
    rule = correlation("event_count", 2)
    assert feed(rule, [(0, "r", ""), (5000, "r", ""), (1, "r", "")], lateness=60_000)[-1] == []


def test_value_count_counts_different_values() -> None:
    rule = correlation("value_count", 3)
    assert feed(rule, [(0, "r", "a"), (1, "r", "a"), (2, "r", "b"), (3, "r", "")])[-1] == []
    assert feed(rule, [(0, "r", "a"), (1, "r", "b"), (2, "r", "c")])[-1] == ["e0", "e1", "e2"]


@pytest.mark.parametrize(("kind", "right"), [("temporal", True), ("temporal_ordered", False)])
def test_order_counts_only_where_it_is_asked(kind: str, right: bool) -> None:
    rule = correlation(kind, rules=("first", "second"))
    assert bool(feed(rule, [(0, "second", ""), (1, "first", "")])[-1]) is right
    assert feed(rule, [(0, "first", ""), (1, "second", "")])[-1] == ["e0", "e1"]


@given(st.lists(st.integers(0, 300), max_size=30), st.integers(1, 6), st.randoms(use_true_random=False))
def test_event_count_fires_exactly_when_some_window_is_full(
    seconds: list[int], count: int, random: Any
) -> None:
    """Against the plain definition, in whatever order the events come."""
    rule = correlation("event_count", count)
    ordered = sorted(seconds)
    right = any(sum(start <= s <= start + 60 for s in ordered) >= count for start in ordered)
    random.shuffle(seconds)
    told = feed(rule, [(second, "r", "") for second in seconds])
    assert any(told) is right


def test_memory_survives_a_restart() -> None:
    text = (RULES / "access.yml").read_text("utf-8")
    rules = load_rules([("access.yml", text)])

    def refused(n: int) -> dict[str, Any]:
        return event(
            f"e{n}", n, event__action="login", event__outcome="failure", source__ip="10.0.0.1",
            event__category=["authentication"], user__name="root",
        )  # fmt: skip

    before, after = Engine(rules), Engine(rules)
    assert not any(before.process(refused(n)) for n in range(9))
    after.restore(before.changed())
    [found] = after.process(refused(9))
    assert found.info.name == "brute-force"
    assert len(found.events) == 10


def test_every_shipped_rule_is_whole_and_proven_by_its_examples() -> None:
    folder = RuleFolder(RULES)
    rules = load_rules(folder.files())
    assert rules.errors == ()
    results = run_examples(rules, folder.examples())
    assert [f"{r.place} {r.kind}: {r.fired}" for r in results if not r.ok] == []
    alerting = {rule.info.name for rule in rules.rules if rule.alerts} | {
        c.info.name for c in rules.correlations
    }
    assert alerting == {result.rule for result in results}


def test_every_shipped_rule_speaks_chinese_and_english() -> None:
    rules = load_rules(RuleFolder(RULES).files())
    for info in (*(r.info for r in rules.rules), *(c.info for c in rules.correlations)):
        assert info.titles["zh_CN"] != info.titles["en"], info.name


@pytest.fixture
def corpus() -> Callable[[str], Path]:
    folder = os.environ.get("WEICHENG_CORPORA")
    if not folder:
        pytest.skip("WEICHENG_CORPORA names no folder of corpora")
    return lambda name: Path(folder) / "siem" / name


def test_correlation_cases_of_the_corpus(corpus: Callable[[str], Path]) -> None:
    wrong = []
    for case in json.loads(corpus("correlation/cases.json").read_text("utf-8")):
        engine, groups = Engine(load_rules([("case.yml", case["rule"])])), set()
        for n, raw in enumerate(case["events"]):
            moment = iso(datetime.fromtimestamp(raw["@timestamp"], UTC))
            own = {
                "@timestamp": moment,
                "event.id": f"e{n}",
                "event.module": "windows",
                "event.dataset": "windows.security",
            }
            for found in engine.process({**raw, **own}):
                groups |= {value for _, value in found.group}
        if sorted(groups) != sorted(case["expect_groups"]):
            wrong.append((case["name"], groups))
    assert wrong == []


def test_public_rules_of_the_corpus_compile(corpus: Callable[[str], Path]) -> None:
    import tarfile

    with tarfile.open(corpus("sigma_rules.tar.gz")) as archive:
        members = [m for m in archive.getmembers() if m.name.endswith(".yml") and "/linux/" in m.name]
        files = [(m.name, archive.extractfile(m).read().decode()) for m in members[:150]]  # type: ignore[union-attr]
    rules = load_rules(files)
    assert len(rules.rules) >= len(files) * 0.98, [str(error) for error in rules.errors]
