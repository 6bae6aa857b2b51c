"""Reading what agents say, however oddly they say it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import Invalid
from monitor import mib
from monitor.mib import query_for, read, text
from monitor.model import Oid, Value
from monitor.platforms import METRICS, load_platforms, parse_platform, platform_of
from monitor.ports import Answer
from tests.unit.monitor.conftest import neighbour, system

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def reading_of(values: dict[Oid, Value], platform: str = "generic"):  # type: ignore[no-untyped-def]
    return read(Answer(values), platform_of(platform), NOW)


def test_interfaces_prefer_wide_counters_and_fall_back_to_narrow_ones() -> None:
    values = system("sw") | {
        (*mib.IF_NAME, 1): b"GE0/0/1",
        (*mib.IF_HIGH_SPEED, 1): 10_000,
        (*mib.IF_HC_IN, 1): 2**40,
        (*mib.IF_HC_OUT, 1): 5,
        (*mib.IF_ADMIN, 1): 1,
        (*mib.IF_OPER, 1): 2,
        (*mib.IF_ALIAS, 1): "至县局".encode("gb18030"),
        (*mib.IF_DESCR, 2): b"Vlanif10",
        (*mib.IF_SPEED, 2): 100_000_000,
        (*mib.IF_IN_OCTETS, 2): 7,
        (*mib.IF_OUT_OCTETS, 2): 8,
    }
    fast, slow = reading_of(values).interfaces
    assert (fast.name, fast.alias, fast.speed, fast.admin_up, fast.oper_up) == (
        "GE0/0/1",
        "至县局",
        10**10,
        True,
        False,
    )
    assert fast.counters.bits, fast.counters.in_octets == (64, 2**40)
    assert (slow.name, slow.speed, slow.counters.bits, slow.counters.out_octets) == ("Vlanif10", 10**8, 32, 8)


def test_two_interfaces_of_one_name_are_told_apart() -> None:
    values = {(*mib.IF_DESCR, number): b"eth" for number in (1, 2)}
    assert [interface.name for interface in reading_of(values).interfaces] == ["eth", "eth#2"]


def test_a_neighbour_with_its_address_and_the_ports_names() -> None:
    values = system("sw", 1) | neighbour(7, "GigabitEthernet1/0/7", 9, "Port 8", "rogue", "10.1.2.3")
    reading = reading_of(values)
    assert (reading.lldp, reading.chassis) == (True, "00:00:00:00:01:01")
    (seen,) = reading.neighbours
    assert (seen.local_port, seen.port, seen.name) == ("GigabitEthernet1/0/7", "Port 8", "rogue")
    assert (seen.chassis, seen.addresses) == ("00:00:00:00:01:09", ("10.1.2.3",))


def test_a_port_known_by_its_mac_takes_its_description() -> None:
    values = system("sw", 1) | neighbour(7, "GE7", 9, "x")
    index = (0, 7, 1)
    values |= {
        mib.REM_PORT_TYPE + index: 3,
        mib.REM_PORT + index: b"\0\1\2\3\4\5",
        mib.REM_PORT_DESCR + index: b"eth3",
    }
    assert reading_of(values).neighbours[0].port == "eth3"
    values.pop(mib.REM_PORT_DESCR + index)
    assert reading_of(values).neighbours[0].port == "00:01:02:03:04:05"


@pytest.mark.parametrize(
    ("platform", "values", "expected"),
    [
        ("huawei_vrp", {(1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 5, 9): 17,
                        (1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 5, 10): 3,
                        (1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 11, 9): 2**31 - 1}, {"cpu": 17}),
        ("h3c_comware", {(1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 6, 1): 65535,
                         (1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 8, 1): 53}, {"memory": 53}),
        ("cisco_ios", {(1, 3, 6, 1, 4, 1, 9, 9, 48, 1, 1, 1, 5, 1): 30,
                       (1, 3, 6, 1, 4, 1, 9, 9, 48, 1, 1, 1, 6, 1): 70}, {"memory": 30}),
        ("linux", {(1, 3, 6, 1, 4, 1, 2021, 11, 11, 0): 96, (1, 3, 6, 1, 4, 1, 2021, 4, 5, 0): 1000,
                   (1, 3, 6, 1, 4, 1, 2021, 4, 6, 0): 250}, {"cpu": 4, "memory": 75}),
        ("linux", {(1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2, 1): 10, (1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2, 2): 20,
                   (1, 3, 6, 1, 4, 1, 2021, 11, 11, 0): 1}, {"cpu": 15}),
        ("a-maker-nobody-knows", {(1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2, 1): 400}, {}),
    ],
)  # fmt: skip
def test_metrics_of_each_platform(
    platform: str, values: dict[Oid, Value], expected: dict[str, float]
) -> None:
    assert dict(reading_of(values, platform).metrics) == expected


def test_every_platform_file_asks_for_something_and_a_wrong_one_is_named() -> None:
    for platform in load_platforms().values():
        assert platform.scalars + platform.columns
        assert len(query_for(platform).tables) > 4
        assert {metric.name for metric in platform.sources} <= METRICS.keys()
    for wrong in (
        [],
        {"platform": "x"},
        {"platform": "x", "metrics": {"luck": {"table": "1.3"}}},
        {"platform": "x", "metrics": {"cpu": {"tabel": "1.3"}}},
        {"platform": "x", "metrics": {"cpu": {"table": "1.3.x"}}},
    ):
        with pytest.raises(Invalid, match=r"^x\.yaml"):
            parse_platform(wrong, "x.yaml")


COLUMNS = [
    mib.IF_NAME,
    mib.IF_HC_IN,
    mib.IF_SPEED,
    mib.LOCAL_PORT,
    mib.REM_CHASSIS,
    mib.REM_PORT,
    mib.REM_ADDRESS,
]
oids = st.builds(
    lambda prefix, index: (*prefix, *index),
    st.sampled_from([*COLUMNS, mib.SYS_NAME, mib.LOCAL_CHASSIS, ()]),
    st.lists(st.integers(0, 2**32 - 1), max_size=9),
)
values = (
    st.integers(-(2**31), 2**64 - 1)
    | st.binary(max_size=40)
    | st.lists(st.integers(0, 300), max_size=8).map(tuple)
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(oids, values, max_size=12), st.sampled_from(sorted(load_platforms())))
def test_whatever_an_agent_says_gives_a_reading(answer: dict[Oid, Value], platform: str) -> None:
    reading = reading_of(answer, platform)
    assert all(interface.name for interface in reading.interfaces)
    for metric, value in reading.metrics.items():
        assert METRICS[metric][0] <= value <= METRICS[metric][1]


@given(st.binary(max_size=300))
def test_texts_are_short_and_printable(data: bytes) -> None:
    shown = text(data)
    assert len(shown) <= 255
    assert shown.isprintable()
