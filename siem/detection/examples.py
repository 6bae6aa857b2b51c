"""Rules proven by example: lines as devices send them, through the real parser and engine.

A file of examples names a rule, lines on which it must fire and lines on which it must not:

    rule: brute-force
    fires:
      - {line: '<38>Nov 23 09:00:00 host sshd[1]: Failed password ...', times: 10, step: 5}
    quiet:
      - {line: '...'}

``times`` repeats a line, ``step`` is the seconds between (also between entries), ``{n}`` in it the repetition's
number; ``source`` is the sender's address. Times in the lines are replaced by the moment of sending: a line carries
``{t3164}`` or ``{t5424}``. In place of a line an event of the suite: ``event`` is its kind, with subject, severity and data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from kernel.errors import Invalid
from kernel.events import EventKind
from kernel.i18n import N_
from siem.detection.engine import Engine
from siem.detection.rules import RuleSet
from siem.parsing import kernel_events
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
            mark = f"{name}-{number}"
            document = (
                kernel_events.to_document(_event(entry, mark, moment), moment)
                if "event" in entry
                else parser.document(_raw(entry, mark, n, moment))
            )
            fired |= {found.info.name for found in engine.process(document)}
            moment += timedelta(seconds=float(entry.get("step", 1)))
    return fired


def _raw(entry: Mapping[str, Any], mark: str, n: int, moment: datetime) -> Raw:
    source = entry.get("source", "192.0.2.1")
    return Raw(mark, moment, "udp", source, _line(entry["line"], n, moment))


def _event(entry: Mapping[str, Any], mark: str, moment: datetime) -> bytes:
    if entry["event"] not in set(EventKind):
        raise Invalid(N_("The suite tells no event %(kind)s."), place=mark, kind=str(entry["event"])[:80])
    return kernel_events.to_line(
        event_id=mark,
        kind=entry["event"],
        subject=str(entry.get("subject", "")),
        unit=None,
        severity=entry.get("severity", "info"),
        data=entry.get("data", {}),
        occurred_at=moment,
    )


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
