"""Lines as devices send them become ECS documents; a line nobody understands becomes one too."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from siem.ecs import is_address, millis
from siem.parsing.parser import Parser, Raw, SourceSettings
from siem.parsing.syslog import Malformed, parse_header
from siem.parsing.times import parse_time
from siem.parsing.vendors import VENDORS

DATA = Path(__file__).parents[2] / "data" / "siem"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BEIJING = timezone(timedelta(hours=8))


def document(
    line: str | bytes, at: datetime = NOW, source: str = "192.0.2.1", **settings: Any
) -> dict[str, Any]:
    data = line.encode() if isinstance(line, str) else line
    return Parser(SourceSettings(**settings)).document(Raw("id-1", at, "udp", source, data))


CASES = [
    pytest.param(case, id=case["name"]) for case in yaml.safe_load((DATA / "lines.yaml").read_text("utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_a_line_of_each_kind(case: dict[str, Any]) -> None:
    found = document(case["line"])
    wrong = {name: found.get(name) for name, value in case["fields"].items() if found.get(name) != value}
    assert wrong == {}
    assert found["event.original"] == case["line"]
    assert "error.message" not in found


TIMES = [
    ("Nov 23 09:00:00", "2026-11-23T01:00:00+00:00"),
    ("Nov  3 09:00:00.25", "2026-11-03T01:00:00.250000+00:00"),
    ("Nov 23 2025 09:00:00", "2025-11-23T01:00:00+00:00"),
    ("Nov 23 09:00:00 2025", "2025-11-23T01:00:00+00:00"),
    ("2026-11-23 09:00:00", "2026-11-23T01:00:00+00:00"),
    ("2026/11/23 09:00:00", "2026-11-23T01:00:00+00:00"),
    ("2026-11-23T09:00:00.123456Z", "2026-11-23T09:00:00.123456+00:00"),
    ("2026-11-23T09:00:00-03:30", "2026-11-23T12:30:00+00:00"),
    ("Nov 23 2026 09:00:00+03:00 DST", "2026-11-23T06:00:00+00:00"),
    ("Nov 23 09:00:00 UTC", "2026-11-23T09:00:00+00:00"),
    ("Nov 23 2026 09:00:00.001 CST", "2026-11-23T01:00:00.001000+00:00"),
    ("Nov 23 09:00:00 MET-DST", "2026-11-23T07:00:00+00:00"),
    ("Dec 31 23:59:59", "2026-12-31T15:59:59+00:00"),
]


@pytest.mark.parametrize(("text", "right"), TIMES)
def test_times_as_devices_write_them(text: str, right: str) -> None:
    assert parse_time(text, NOW, BEIJING) == datetime.fromisoformat(right)


def test_december_lines_that_come_in_january_keep_their_year() -> None:
    new_year = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
    assert (
        document("<13>Dec 31 23:59:59 host app: late", new_year)["@timestamp"] == "2026-12-31T15:59:59.000Z"
    )
    assert document("<13>Jan  1 08:00:01 host app: fast", NOW)["@timestamp"] == "2027-01-01T00:00:01.000Z"


@pytest.mark.parametrize(
    "text", ["Feb 30 09:00:00", "Foo 12 09:00:00", "2026-13-01 09:00:00", "yesterday", ""]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text, NOW, BEIJING) is None


def test_gb18030_is_read_without_being_told() -> None:
    line = '<134>Nov 23 09:00:00 gap-in gapd[1]: type=virus msg="发现病毒"'
    assert document(line.encode("gb18030"))["message"] == "发现病毒"


def test_a_source_has_its_own_charset_and_zone() -> None:
    found = document("<13>Nov 23 09:00:00 host app: é".encode("latin-1"), charset="latin-1", zone=UTC)
    assert (found["message"], found["@timestamp"]) == ("é", "2026-11-23T09:00:00.000Z")


def test_bytes_of_no_charset_stop_nothing() -> None:
    found = document(b"<13>Nov 23 09:00:00 host app: \xff\xfe\x81 end")
    assert found["message"].endswith("end")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<999>Nov 23 09:00:00 host app: x", "priority 999"),
        ("<13>1 2026-11-23T09:00:00Z host", "not complete"),
        ("<13>1 whenever host app 1 - - x", "whenever"),
        ("<13>1 - host app 1 - [broken x", "structured data"),
        ("   ", "empty"),
    ],
)
def test_a_malformed_line_is_stored_with_the_reason(line: str, reason: str) -> None:
    found = document(line)
    assert reason in found["error.message"]
    assert found["event.kind"] == "pipeline_error"
    assert found["@timestamp"] == "2026-11-23T01:00:00.000Z"
    assert found["event.original"] == line.rstrip()


def test_a_relayed_line_keeps_the_devices_own_time_and_name() -> None:
    found = document(
        "<134>Nov 23 10:56:41 10.1.1.1 2026-11-23 09:05:11 FW-01 %%01SECLOG/6/SESSION_TEARDOWN(l):IPVer=4,Protocol=udp."
    )
    assert (found["host.name"], found["@timestamp"]) == ("FW-01", "2026-11-23T01:05:11.000Z")


def test_masked_values_are_no_addresses() -> None:
    found = document(
        "<190>Nov 23 09:00:00 2026 sw %%10SHELL/6/SHELL_CMD: -Line=aux0-IPAddr=**-User=**; Command is save"
    )
    assert "source.ip" not in found
    assert found["process.command_line"] == "save"


@given(st.binary(max_size=300))
def test_any_bytes_become_a_document(data: bytes) -> None:
    found = document(data)
    assert found["event.id"] == "id-1"
    assert millis(found["@timestamp"]) is not None
    assert all(is_address(found[name]) for name in ("source.ip", "destination.ip") if name in found)


_MIX = (
    "%ASA-6-302013: %%01SHELL/5/CMDRECORD(s): %%10FILTER/6/X: id=tos src=10.0.0.1 src=a.b SrcIp=1.2.3.4, Ip=(x "
    "sshd[1]: Failed password for root from 10.0.0.1 port 99999 <13> 1 - Nov 23 09:00:00 2026 ::ffff:1 ( ) [ ] ="
)
_WORDS = st.sampled_from(_MIX.split())


@given(st.lists(_WORDS, max_size=30).map(" ".join))
def test_any_mix_of_device_words_becomes_a_document(line: str) -> None:
    found = document(line)
    assert found.get("source.port", 0) <= 65535


@given(st.text(max_size=300))
def test_a_header_is_read_or_refused(text: str) -> None:
    with suppress(Malformed):
        assert parse_header(text, NOW, BEIJING).body is not None


def test_a_hostile_line_takes_no_long_time() -> None:
    import time

    begun = time.process_time()
    for line in ("(" * 60_000, "%ASA-6-302013: Built " * 3000, "a=" * 30_000, "Ip=" + "x" * 60_000, "[x y=" * 10_000,
                 "sudo: x : " + "; " * 30_000, "id=tos " + "k=v " * 15_000, "%%10A/1/B: " + "-K=" * 20_000):  # fmt: skip
        document("<13>Nov 23 09:00:00 host " + line)
    assert time.process_time() - begun < 8


def test_every_vendor_is_named_like_a_sigma_log_source() -> None:
    assert all(vendor.dataset.count(".") == 1 for vendor in VENDORS)


def corpus(name: str) -> Path:
    folder = os.environ.get("WEICHENG_CORPORA")
    if not folder:
        pytest.skip("WEICHENG_CORPORA names no folder of corpora")
    return Path(folder) / name


def test_score_on_lines_of_chinese_firewalls() -> None:
    wrong = []
    for text in (corpus("siem/cn_vendors/cn_firewalls.jsonl")).read_text("utf-8").splitlines():
        case = json.loads(text)
        found = document(case["raw"], datetime(2022, 6, 1, tzinfo=UTC))
        for name, value in case["expected"].items():
            same = millis(found[name]) == millis(value) if name == "@timestamp" else found.get(name) == value
            if not same:
                wrong.append((case["vendor"], name, value, found.get(name)))
    assert wrong == []


def test_a_year_long_past_is_a_time_all_the_same() -> None:
    found = document("<13>0500-01-01 00:00:00 host app: x")
    assert found["@timestamp"] == "0499-12-31T16:00:00.000Z"
    assert millis(found["@timestamp"]) < 0
