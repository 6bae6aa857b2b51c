"""Rates stay right through wraps and restarts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.counters import with_rates
from monitor.model import Counters, Interface

START = datetime(2026, 11, 23, tzinfo=UTC)


def interface(seconds: float, octets: int, *, uptime: int | None = None, bits: int = 64, speed: int = 10**9,
              discontinuity: int = 0, errors: int = 0) -> Interface:  # fmt: skip
    ticks = 100_000 + int(seconds * 100) if uptime is None else uptime
    counters = Counters(
        START + timedelta(seconds=seconds), ticks, octets, 2 * octets, errors, 0, bits, discontinuity
    )
    return Interface("GE0/0/1", 1, speed=speed, counters=counters)


def test_rates_are_bits_a_second() -> None:
    rated = with_rates(interface(60, 7_500_000, errors=6), interface(0, 0))
    assert (rated.in_rate, rated.out_rate, rated.error_rate) == (1_000_000, 2_000_000, 0.1)


def test_a_32_bit_counter_that_wrapped_once_is_counted_on() -> None:
    before, after = interface(0, 2**32 - 1000, bits=32), interface(30, 2_000, bits=32)
    assert with_rates(after, before).in_rate == 3000 * 8 / 30


@pytest.mark.parametrize(
    "after",
    [
        interface(60, 5, uptime=3_000),  # restarted
        interface(60, 5),  # a 64-bit counter does not wrap in our time
        interface(60, 500_000, discontinuity=99),  # counters were cleared
        interface(60, 500_000, bits=32),  # other counters than before
        interface(0, 500_000),  # no time has passed
        interface(60, 500_000, uptime=100_000 + 6_000_000),  # the agent's clock jumped
    ],
)  # fmt: skip
def test_readings_that_can_not_be_compared_give_no_rate(after: Interface) -> None:
    assert with_rates(after, interface(0, 1000)).in_rate is None


def test_a_reset_32_bit_counter_of_a_slow_interface_is_no_wrap() -> None:
    rated = with_rates(
        interface(60, 10, bits=32, speed=2_000_000), interface(0, 4_000_000, bits=32, speed=2_000_000)
    )
    assert rated.in_rate is None


def test_the_clock_of_the_agent_may_wrap_after_497_days() -> None:
    before, after = interface(0, 0, uptime=2**32 - 3_000), interface(60, 7_500_000, uptime=3_000)
    assert with_rates(after, before).in_rate == 1_000_000


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.sampled_from([32, 64])
)
def test_no_reading_gives_a_negative_or_impossible_rate(now: int, then: int, uptime: int, bits: int) -> None:
    width = 2**bits
    after = interface(60, now % width, uptime=uptime, bits=bits)
    rated = with_rates(after, interface(0, then % width, bits=bits))
    assert rated.in_rate is None or rated.in_rate >= 0
