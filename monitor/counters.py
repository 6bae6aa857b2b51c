"""From two readings of counters to rates that neither a wrap nor a restart spoils (RFC 2863 section 3.1.6)."""

from dataclasses import replace

from monitor.model import Counters, Interface


def with_rates(new: Interface, old: Interface | None) -> Interface:
    """The interface with its rates, or without any when the two readings can not be compared."""
    if new.counters is None or old is None or old.counters is None:
        return new
    seconds = _seconds(new.counters, old.counters)
    if seconds is None:
        return new
    now, then = new.counters, old.counters
    octets = [
        _delta(getattr(now, name), getattr(then, name), now.bits, new.speed / 8 * seconds)
        for name in ("in_octets", "out_octets")
    ]
    errors = [_delta(getattr(now, name), getattr(then, name), 32, 0) for name in ("in_errors", "out_errors")]
    return replace(
        new,
        in_rate=_per_second(octets[0], seconds, 8),
        out_rate=_per_second(octets[1], seconds, 8),
        error_rate=_per_second(_sum(errors), seconds, 1),
    )


def _seconds(now: Counters, then: Counters) -> float | None:
    """Time between the readings by the agent's own clock; None after a restart or a discontinuity of the counters."""
    if now.bits != then.bits or now.discontinuity != then.discontinuity:
        return None
    passed = now.uptime - then.uptime
    if passed < 0 and then.uptime - now.uptime > 2**31:
        passed += 2**32  # sysUpTime itself wraps after 497 days
    by_our_clock = (now.at - then.at).total_seconds()
    if passed <= 0 or by_our_clock <= 0 or abs(passed / 100 - by_our_clock) > max(10.0, by_our_clock / 2):
        return None
    return passed / 100


def _delta(now: int, then: int, bits: int, possible: float) -> int | None:
    """How much was counted; a smaller value is a wrap of a 32-bit counter when the interface is fast enough for it."""
    if now >= then:
        return now - then
    wrapped = now - then + 2**bits
    return wrapped if bits == 32 and possible and wrapped <= possible * 1.1 else None


def _per_second(delta: int | None, seconds: float, factor: int) -> float | None:
    return None if delta is None else delta * factor / seconds


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
