"""Rules proven by example: lines as devices send them, through the real parser and engine.

A file of examples names a rule, lines on which it must fire and lines on which it must not:

    rule: brute-force
    fires:
      - {line: '<38>Nov 23 09:00:00 host sshd[1]: Failed password ...', times: 10, step: 5}
    quiet:
      - {line: '...'}

``times`` repeats a line, ``step`` is the seconds between (also between entries), ``{n}`` in it the repetition's
number; ``source`` is the sender's address. Times in the lines are replaced by the moment of sending: a line carries
``{t3164}`` or ``{t5424}``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.detection.engine import Engine
from siem.detection.rules import RuleSet
from siem.parsing.parser import BEIJING, Parser, Raw

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@dataclass(frozen=True)
class ExampleResult:
    """One half of a file of examples: which rules fired, and whether that is right."""

    rule: str
    kind: str  # fires or quiet
    fired: tuple[str, ...]
    ok: bool
    place: str


def run_examples(rules: RuleSet, files: Iterable[tuple[str, str]]) -> list[ExampleResult]:
    """Try every file of examples (name, YAML text). ``fires`` must set off its rule; ``quiet`` must set off none at all."""
    results = []
    for name, text in files:
        content = _content(name, text)
        for kind in ("fires", "quiet"):
            fired = _fired(rules, name, content[kind])
            right = content["rule"] in fired if kind == "fires" else not fired
            results.append(ExampleResult(content["rule"], kind, tuple(sorted(fired)), right, name))
    return results


def _content(name: str, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Invalid(
            N_("The file of examples is not valid YAML: %(detail)s"), place=name, detail=error
        ) from None
    if not isinstance(content, dict) or not all(content.get(key) for key in ("rule", "fires", "quiet")):
        raise Invalid(N_("A file of examples has rule, fires and quiet."), place=name)
    return content


def _fired(rules: RuleSet, name: str, entries: list[Mapping[str, Any]]) -> set[str]:
    engine, parser = Engine(rules), Parser()
    moment, fired, number = START, set[str](), 0
    for entry in entries:
        for n in range(int(entry.get("times", 1))):
            number += 1
            raw = Raw(
                f"{name}-{number}",
                moment,
                "udp",
                entry.get("source", "192.0.2.1"),
                _line(entry["line"], n, moment),
            )
            fired |= {found.info.name for found in engine.process(parser.document(raw))}
            moment += timedelta(seconds=float(entry.get("step", 1)))
    return fired


def _line(template: str, n: int, moment: datetime) -> bytes:
    local = moment.astimezone(BEIJING)
    places = {
        "{n}": str(n),
        "{t3164}": f"{local:%b} {local.day:>2} {local:%H:%M:%S}",
        "{t5424}": local.isoformat(timespec="milliseconds"),
        "{date}": f"{local:%Y-%m-%d %H:%M:%S}",
    }
    for mark, value in places.items():
        template = template.replace(mark, value)
    return template.encode()
