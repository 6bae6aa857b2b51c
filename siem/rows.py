"""What the command line shows of events, alerts, cases, senders and rules."""

from collections.abc import Mapping
from typing import Any

from kernel.i18n import current_language
from siem.model import Alert, Case, CaseFile
from siem.sources import SourceView


def event_row(document: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "@timestamp",
        "host.name",
        "event.dataset",
        "event.action",
        "source.ip",
        "destination.ip",
        "message",
    )
    heads = ("time", "host", "dataset", "action", "source", "destination", "message")
    return {head: document.get(name) for head, name in zip(heads, names, strict=True)}


def alert_row(found: Alert) -> dict[str, Any]:
    return {
        "id": found.id,
        "risk": found.risk,
        "level": found.level,
        "title": found.titles.get(current_language(), found.rule_name),
        "state": str(found.state),
        "count": found.count,
        "group": ", ".join(f"{name}={value}" for name, value in found.group.items()),
        "last": found.last_seen,
    }


def case_row(found: Case) -> dict[str, Any]:
    return {
        "id": found.id,
        "level": found.level,
        "title": found.title,
        "state": str(found.state),
        "verdict": str(found.verdict) if found.verdict else "",
        "opened_at": found.opened_at,
    }


def case_record(file: CaseFile) -> dict[str, Any]:
    return {
        **case_row(file.case),
        "alerts": [one.id for one in file.alerts],
        "tasks": [f"{one.id} [{one.state}] {one.title}" for one in file.tasks],
        "observables": [f"{one.kind}={one.value}" for one in file.observables],
        "timeline": [f"{one.at:%Y-%m-%d %H:%M:%S} {one.actor}: {one.text}" for one in file.timeline],
    }


def source_row(sender: SourceView) -> dict[str, Any]:
    return {
        "source": sender.health.source,
        "state": str(sender.state),
        "received": sender.health.received,
        "malformed": sender.health.malformed,
        "truncated": sender.health.truncated,
        "first": sender.health.first_at,
        "last": sender.health.last_at,
    }


def rule_row(info: Any, alerting: bool) -> dict[str, Any]:
    title = info.titles.get(current_language(), info.name)
    return {"rule": info.name, "level": info.level, "title": title, "alerts": alerting, "place": info.place}
