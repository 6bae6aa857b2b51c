"""The hour as a list of lines: deterministic for a seed and an end time."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import yaml

from tests.range.plan import Host, Plan

SPAN = timedelta(hours=1)
LOCAL = timezone(timedelta(hours=8))  # the devices' clocks show Beijing time
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class LogLine:
    """One message as it goes over the wire, without framing; ``planted`` belongs to the attack."""

    time: datetime
    host: Host
    text: str
    planted: bool = False


def log_lines(plan: Plan, seed: int, end: datetime) -> list[LogLine]:
    """Every device's lines of the hour before ``end``, in the order of time."""
    lines: list[LogLine] = []
    for host in plan.hosts:
        if host.syslog:
            lines += _Writer(host, seed, end).lines()
    return sorted(lines, key=lambda line: (line.time, line.host.name))


class _Writer:
    """One device's hour. ``logs.yaml``: header, lines (how many), values (choices by name), messages, attack (optional)."""

    def __init__(self, host: Host, seed: int, end: datetime) -> None:
        self._host = host
        self._end = end.astimezone(UTC)
        self._random = random.Random(f"{seed}/{host.name}")
        self._data: Mapping[str, Any] = yaml.safe_load(host.text("logs.yaml"))
        self._sequence = self._random.randrange(2000, 9000)

    def lines(self) -> list[LogLine]:
        return [*self._ordinary(), *self._attack()]

    def _ordinary(self) -> Iterator[LogLine]:
        """Messages by weight; those marked ``once`` come exactly once, spread over the hour."""
        usual = [message for message in self._data["messages"] if not message.get("once")]
        weights = [message.get("weight", 1) for message in usual]
        chosen = self._random.choices(usual, weights, k=self._data["lines"])
        chosen += [message for message in self._data["messages"] if message.get("once")]
        self._random.shuffle(chosen)
        moments = sorted(self._random.uniform(0, SPAN.total_seconds() - 10) for _ in chosen)
        for offset, message in zip(moments, chosen, strict=True):
            moment = self._end - SPAN + timedelta(seconds=offset)
            yield from self._told(moment, message, self._values())

    def _told(
        self, moment: datetime, message: Mapping[str, Any], values: Mapping[str, Any]
    ) -> Iterator[LogLine]:
        """A message, or the several that belong to one act, half a second apart."""
        texts = message["text"] if isinstance(message["text"], list) else [message["text"]]
        for number, text in enumerate(texts):
            yield self._line(moment + timedelta(seconds=number / 2), message, text.format(**values))

    def _attack(self) -> Iterator[LogLine]:
        attack = self._data.get("attack")
        if not attack:
            return
        begin = self._end - timedelta(minutes=attack["minutes_before_end"])
        for number in range(attack["times"]):
            moment = begin + timedelta(seconds=number * attack["every_seconds"])
            values = self._values() | {
                "attacker": attack["source"], "user": attack["users"][number % len(attack["users"])]
            }  # fmt: skip
            for line in self._told(moment, attack, values):
                yield LogLine(line.time, line.host, line.text, planted=True)

    def _values(self) -> dict[str, Any]:
        chosen = {
            name: self._random.choice(choices) for name, choices in self._data.get("values", {}).items()
        }
        return chosen | {
            "port": self._random.randrange(32768, 60999),
            "pid": self._random.randrange(1200, 31000),
            "number": self._random.randrange(100000, 999999),
            "bytes": self._random.randrange(600, 900000),
            "small": self._random.randrange(2, 30),
        }

    def _line(self, moment: datetime, message: Mapping[str, Any], text: str) -> LogLine:
        self._sequence += 1
        local = moment.astimezone(LOCAL)
        head = self._data["header"].format(
            pri=message.get("pri", self._data["pri"]),
            sequence=self._sequence,
            name=self._host.name,
            month=MONTHS[local.month - 1],
            time=local,
            ms=f"{local.microsecond // 1000:03d}",
            iso=local.isoformat(timespec="milliseconds"),
            program=message.get("program", self._data.get("program", "")),
        )
        return LogLine(moment, self._host, head + text)
