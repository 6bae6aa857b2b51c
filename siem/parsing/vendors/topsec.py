"""Topsec TOS firewalls: ``id=tos time="..." key=value``, empty values, Chinese without quotes."""

import re

from siem.ecs import Document
from siem.parsing.shapes import (
    ALLOWED,
    ATTACK,
    CONFIGURED,
    DENIED,
    LOG_CLEARED,
    LOG_STOPPED,
    LOGIN_FAILED,
    LOGIN_OK,
    LOGOUT,
    VIRUS,
    Vendor,
    mapped,
    pairs,
)
from siem.parsing.syslog import Header

_PAIR = re.compile(r'(?:^|\s)([a-z_]{1,20})=("[^"]*"|\S*)')

KEYS = {
    "src": "source.ip",
    "dst": "destination.ip",
    "sport": "source.port",
    "dport": "destination.port",
    "smac": "source.mac",
    "dmac": "destination.mac",
    "proto": "network.transport",
    "indev": "observer.ingress.interface.name",
    "outdev": "observer.egress.interface.name",
    "user": "user.name",
    "usr": "user.name",
    "rule": "event.action",
    "policyid": "rule.id",
    "policyname": "rule.name",
    "recorder": "event.provider",
    "type": "event.code",
    "fw": "observer.name",
    "virus": "threat.indicator.name",
}
_DENYING = frozenset({"deny", "drop", "reject", "block", "discard"})
_CLEARING = re.compile(
    r"(?i)\blog\b.*\b(?:clean|clear|delete)\b|\b(?:clean|clear|delete)\b.*\blog\b|清[空除]日志|日志.{0,4}清[空除]"
)
_STOPPING = re.compile(r"(?i)\blog\b.*\b(?:off|stop|disable)\b|停止.{0,4}日志|日志.{0,6}(?:停止|关闭)")


def decode(header: Header) -> Document:
    raw = pairs(header.body, _PAIR)
    named = mapped(raw, KEYS)
    result = raw.get("result", "")
    fields = {**_meaning(raw), **named}
    if "event.action" in named:
        fields["event.action"] = named["event.action"].lower()
    if raw.get("op"):
        fields["process.command_line"] = raw["op"]
    if result.lstrip("-").isdigit():
        fields["event.outcome"] = "success" if result == "0" else "failure"
    if _CLEARING.search(raw.get("msg", "")) and fields.get("event.outcome") != "failure":
        fields |= LOG_CLEARED
    elif _STOPPING.search(raw.get("msg", "")) and fields.get("event.outcome") != "failure":
        fields |= LOG_STOPPED
    if raw.get("pri", "").isascii() and raw.get("pri", "").isdigit() and len(raw["pri"]) == 1:
        fields["event.severity"] = int(raw["pri"])
    return fields | {"message": raw.get("msg") or header.body, "_time": raw.get("time", "")}


def _meaning(raw: dict[str, str]) -> Document:
    """What the record's type says it is."""
    kind, action, recorder = raw.get("type", ""), raw.get("rule", "").lower(), raw.get("recorder", "").lower()
    failed = raw.get("result", "0") not in ("0", "")
    operation = raw.get("op", "").lower()
    if "logout" in operation:
        return dict(LOGOUT)
    if "login" in operation or recorder == "auth":
        return dict(LOGIN_FAILED if failed else LOGIN_OK)
    if kind in ("av", "virus"):
        return dict(VIRUS)
    if kind in ("ips", "ids", "attack", "ddos"):
        return {**ATTACK, "event.action": "attack"}
    if kind == "mgmt" or recorder == "config":
        return dict(CONFIGURED)
    if kind in ("ac", "fw", "pf", "conn"):
        return dict(DENIED if action in _DENYING else ALLOWED)
    return {}


VENDORS = (
    Vendor(
        "topsec.tos",
        lambda header: "id=tos" in header.body[:200],
        decode,
        {"observer.vendor": "Topsec", "observer.product": "TOS", "observer.type": "firewall"},
    ),
)
