"""Alarms neither flutter nor get lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.compose.monitor import load_thresholds
from kernel.errors import Invalid
from monitor.model import Sample
from monitor.thresholds import Crossing, Threshold, judge, parse_thresholds

START = datetime(2026, 11, 23, tzinfo=UTC)
CPU = Threshold("cpu-high", "cpu", 85, 70, 3, "medium", {"zh_CN": "高", "en": "high"})


def run(values: list[float], rule: Threshold = CPU) -> list[bool]:
    """Whether the threshold is crossed after each of the values."""
    known: dict[tuple[str, str, str], Crossing] = {}
    states = []
    for minute, value in enumerate(values):
        sample = Sample("dev", "", rule.metric, START + timedelta(minutes=minute), value)
        known |= {crossing.key: crossing for crossing in judge([sample], [rule], known)}
        states.append(known[("dev", "", rule.id)].crossed)
    return states


def test_one_peak_is_no_alarm_three_in_a_row_are() -> None:
    assert run([90, 90, 50, 90, 90, 90]) == [False] * 5 + [True]


def test_between_the_marks_a_crossed_threshold_stays_crossed() -> None:
    assert run([90, 90, 90, 80, 71, 69, 84, 84]) == [False, False, True, True, True, False, False, False]


def test_a_threshold_from_below() -> None:
    low = Threshold("low", "certificate", 10, 20, 1, "low", {}, below=True)
    assert run([30, 9, 15, 21], low) == [False, True, True, False]


def test_platforms_and_objects_are_kept_apart() -> None:
    rule = Threshold("full", "in_use", 90, 70, 1, "low", {}, platforms=frozenset({"huawei_vrp"}))
    samples = [Sample("dev", port, "in_use", START, value) for port, value in (("GE1", 95.0), ("GE2", 5.0))]
    assert judge(samples, [rule], {}, "cisco_ios") == []
    crossed = {crossing.object: crossing.crossed for crossing in judge(samples, [rule], {}, "huawei_vrp")}
    assert crossed == {"GE1": True, "GE2": False}


def test_the_policy_data_reads() -> None:
    assert {"cpu-high", "memory-high", "link-errors"} <= {threshold.id for threshold in load_thresholds()}


GOOD = {
    "id": "x",
    "metric": "cpu",
    "raise": 85,
    "clear": 70,
    "severity": "low",
    "title": {"zh": "一", "en": "one"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"clear": 90},
        {"metric": "luck"},
        {"severity": "huge"},
        {"samples": 0},
        {"raise": "high"},
        {"title": {}},
    ],
)
def test_a_wrong_threshold_names_file_and_entry(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"cpu\.yaml: x"):
        parse_thresholds({"cpu.yaml": [GOOD | change]})


def test_two_thresholds_of_one_id_are_refused() -> None:
    with pytest.raises(Invalid, match="two thresholds x"):
        parse_thresholds({"a.yaml": [GOOD], "b.yaml": [GOOD]})
    with pytest.raises(Invalid, match="is a list"):
        parse_thresholds({"a.yaml": GOOD})
