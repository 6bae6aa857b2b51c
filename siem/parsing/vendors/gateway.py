"""Isolation gateways (网闸, GB/T 20279): ``key=value`` records of transfers, sign-ins and violations."""

import re

from siem.ecs import Document
from siem.parsing.shapes import (
    ALLOWED,
    CONFIGURED,
    DENIED,
    LOGIN_FAILED,
    LOGIN_OK,
    VIRUS,
    Vendor,
    mapped,
    pairs,
)
from siem.parsing.syslog import Header

_PAIR = re.compile(r'(?:^|[\s,;|])([a-z_]{1,24})=("[^"]*"|[^\s,;|]*)')
_PROGRAM = re.compile(r"(?i)^(?:gap|gapd|netgap|isolation-?gateway|fgap)$")
_BODY = re.compile(r"(?i)\b(?:id=(?:gap|netgap)|devtype=(?:gap|\"?网闸\"?)|product=gap)\b")

KEYS = {
    "src": "source.ip",
    "sip": "source.ip",
    "src_ip": "source.ip",
    "dst": "destination.ip",
    "dip": "destination.ip",
    "dst_ip": "destination.ip",
    "sport": "source.port",
    "dport": "destination.port",
    "src_port": "source.port",
    "dst_port": "destination.port",
    "proto": "network.transport",
    "protocol": "network.transport",
    "app": "network.protocol",
    "channel": "rule.ruleset",
    "task": "rule.name",
    "policy": "rule.name",
    "rule": "rule.name",
    "user": "user.name",
    "file": "file.name",
    "filename": "file.name",
    "virus": "threat.indicator.name",
    "reason": "event.reason",
    "direction": "network.direction",
    "dir": "network.direction",
    "bytes": "network.bytes",
    "size": "network.bytes",
}
_REFUSED = frozenset({"deny", "denied", "drop", "block", "blocked", "reject", "rejected", "violation"})
_TRANSFER = {
    "event.category": ["network"],
    "event.type": ["connection", "allowed"],
    "event.action": "transfer",
}


def decode(header: Header) -> Document:
    raw = pairs(header.body, _PAIR)
    named = mapped(raw, KEYS)
    kind = (raw.get("type") or raw.get("event") or raw.get("logtype") or "").lower()
    action = (raw.get("action") or raw.get("result") or "").lower()
    fields = {**_meaning(kind, action), **named, "message": raw.get("msg") or header.body}
    if kind:
        fields["event.code"] = kind
    return fields


def _meaning(kind: str, action: str) -> Document:
    refused = action in _REFUSED or kind in ("violation", "deny")
    failed = action in ("fail", "failed", "failure")
    if kind == "virus":
        return dict(VIRUS)
    if kind in ("login", "auth"):
        return dict(LOGIN_FAILED if failed or refused else LOGIN_OK)
    if kind in ("config", "mgmt", "admin"):
        return dict(CONFIGURED)
    if refused:
        return {**DENIED, "event.action": "policy-violation"}
    if kind in ("transfer", "sync", "file", "exchange"):
        return {**_TRANSFER, "event.outcome": "failure" if failed else "success"}
    return dict(ALLOWED) if action in ("allow", "permit", "pass", "accept") else {}


VENDORS = (
    Vendor(
        "isolation_gateway.gap",
        lambda header: bool(_PROGRAM.match(header.program) or _BODY.search(header.body[:300])),
        decode,
        {"observer.product": "网闸", "observer.type": "isolation-gateway"},
    ),
)
