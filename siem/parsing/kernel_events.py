"""The suite's own events as ECS documents: what happens in any room can be searched and correlated beside the logs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from siem.ecs import ECS_VERSION, Document, is_address, iso

TRANSPORT = "event"  # how such a line is marked in the spool
_SEVERITIES = {"info": 1, "low": 3, "medium": 5, "high": 7, "critical": 9}
_CATEGORIES = {
    "identity": ["authentication", "iam"],
    "ca": ["configuration"],
    "netops": ["configuration"],
    "monitor": ["network"],
    "backup": ["file"],
    "siem": ["intrusion_detection"],
}
_FAILING = ("failed", "denied", "locked", "damaged", "parked")


def to_line(
    *,
    event_id: str,
    kind: str,
    subject: str,
    unit: str | None,
    severity: str,
    data: Mapping[str, Any],
    occurred_at: datetime,
) -> bytes:
    """An event as the line that goes into the spool; the same event gives the same line."""
    content = {
        "id": event_id,
        "kind": kind,
        "subject": subject,
        "unit": unit,
        "severity": severity,
        "data": data,
        "at": iso(occurred_at),
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=str)


def to_document(line: bytes, ingested: datetime) -> Document:
    """The document of such a line. Its id is the event's, so an event delivered twice is stored once."""
    event = orjson.loads(line)
    room, _, action = str(event["kind"]).partition(":")
    document: Document = {
        "@timestamp": event["at"],
        "ecs.version": ECS_VERSION,
        "event.id": event["id"],
        "event.ingested": iso(ingested),
        "event.kind": "event",
        "event.module": "weicheng",
        "event.dataset": f"weicheng.{room}",
        "event.action": action.replace(":", "-"),
        "event.code": event["kind"],
        "event.category": _CATEGORIES.get(room, ["configuration"]),
        "event.outcome": "failure" if str(event["kind"]).endswith(_FAILING) else "success",
        "event.severity": _SEVERITIES.get(event["severity"], 1),
        "message": f"{event['kind']} {event['subject']}",
        "weicheng.subject": event["subject"],
    }
    if event["unit"]:
        document["organization.id"] = event["unit"]
    return document | _labels(event["data"])


def _labels(data: Mapping[str, Any]) -> Document:
    """Plain values of the event's data as labels; an address or a user under its ECS name."""
    made: Document = {}
    for name, value in data.items():
        if isinstance(value, (str, int, float, bool)):
            made[f"labels.{name}"] = str(value)
        if name in ("address", "origin", "source") and isinstance(value, str) and is_address(value):
            made["source.ip"] = value
        if name in ("user", "login") and isinstance(value, str):
            made["user.name"] = value
    return made
