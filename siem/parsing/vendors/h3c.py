"""H3C Comware: ``%%10MODULE/severity/MNEMONIC: Key(1003)=value;``. H3C, "Log Message Reference"."""

import re

from siem.ecs import Document
from siem.parsing.shapes import (
    ALLOWED,
    ATTACK,
    COMMAND,
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
    read_first,
    shape,
)
from siem.parsing.syslog import Header

_LINE = re.compile(r"%%10(?P<module>[A-Z0-9_]+)/(?P<severity>[0-7])/(?P<code>\w+): ?(?P<text>.*)", re.S)
_NUMBERED = re.compile(r"([A-Za-z]\w{0,40})\(\d{4}\)=([^;]*)(?:;|$)")
_LEADING = re.compile(r"-([A-Za-z]\w{0,20})=(.*?)(?=-[A-Za-z]\w{0,20}=|; |;$)")

KEYS = {
    "SrcIPAddr": "source.ip",
    "SrcIPv6Addr": "source.ip",
    "SrcPort": "source.port",
    "DstIPAddr": "destination.ip",
    "DstIPv6Addr": "destination.ip",
    "DstPort": "destination.port",
    "NATSrcIPAddr": "source.nat.ip",
    "NATSrcPort": "source.nat.port",
    "NATDstIPAddr": "destination.nat.ip",
    "NATDstPort": "destination.nat.port",
    "SrcMacAddr": "source.mac",
    "SrcZoneName": "observer.ingress.zone",
    "DstZoneName": "observer.egress.zone",
    "Protocol": "network.transport",
    "Application": "network.protocol",
    "RuleID": "rule.id",
    "ObjectPolicy": "rule.ruleset",
    "SecurityPolicy": "rule.ruleset",
    "UserName": "user.name",
    "Event": "event.action",
    "Action": "event.action",
    "AttackName": "rule.name",
    "VirusName": "threat.indicator.name",
    "IPAddr": "source.ip",
    "User": "user.name",
}

_USER_FROM = (
    r"(?P<user__name><user>) (?:\([^)]*\) )?from (?P<source__ip><ip>)(?: port (?P<source__port><port>))?"
)
SHAPES = (
    shape(rf"SSH user {_USER_FROM} passed", LOGIN_OK),
    shape(rf"SSH user {_USER_FROM} .*fail", LOGIN_FAILED),
    shape(r"(?P<user__name><user>) failed to log ?in from (?P<source__ip><ip>)", LOGIN_FAILED),
    shape(r"(?P<user__name><user>) logged in from (?P<source__ip><ip>)", LOGIN_OK),
    shape(r"(?P<user__name><user>) logged out from (?P<source__ip><ip>)", LOGOUT),
    shape(rf"Accepted \S+ for {_USER_FROM}", LOGIN_OK, code="SSHS_LOG"),
    shape(rf"Failed \S+ for {_USER_FROM}", LOGIN_FAILED, code="SSHS_LOG"),
    shape(
        r"SSH user (?P<user__name><user>) \(IP: (?P<source__ip><ip>)\) connected",
        {"event.category": ["session"]},
    ),
    shape(r"SSH user (?P<user__name><user>) \(IP: (?P<source__ip><ip>)\) disconnected", LOGOUT),
    shape(r"", LOGIN_FAILED, code=r"\w*(?:LOGIN_?FAIL(?:ED|URE)?|AUTH_FAIL(?:ED|URE)?)"),
    shape(r"", LOGIN_OK, code=r"\w*(?:LOGIN|AUTH_SUCCESS|LOGIN_SUCC)"),
    shape(r"", LOGOUT, code=r"\w*LOGOUT"),
    shape(
        r"Command is (?P<process__command_line>(?:undo info-center|info-center disable).{0,400})", LOG_STOPPED
    ),
    shape(r"Command is (?P<process__command_line>reset (?:logbuffer|logfile).{0,400})", LOG_CLEARED),
    shape(r"Command is (?P<process__command_line><any>)", COMMAND),
    shape(r"", CONFIGURED, code=r"CFGMAN_\w+|CFG_\w+|\w*CONFIG_?CHANGE\w*|CFG_SAVE\w*"),
    shape(r"", ATTACK, code=r"ATK_\w+|IPS_\w+"),
    shape(r"", VIRUS, code=r"ANTI_?VIR_\w+|AV_\w+"),
    shape(r"Event\(\d+\)=Permit", ALLOWED, code=r"FILTER_\w+|OBJP_\w+|PFILTER_\w+"),
    shape(r"Event\(\d+\)=Deny", DENIED, code=r"FILTER_\w+|OBJP_\w+|PFILTER_\w+"),
    shape(
        r"[Ii]nterface (?P<observer__ingress__interface__name>[\w/.-]+) changed to (?P<event__reason>up|down)",
        {"event.category": ["network"], "event.type": ["info"], "event.action": "link-changed"},
    ),
)


def decode(header: Header) -> Document:
    found = _LINE.search(header.body)
    if found is None:
        return {}
    text, code = found["text"], found["code"]
    named = mapped(pairs(text, _LEADING) if text.startswith("-") else {}, KEYS)
    named |= mapped(pairs(text, _NUMBERED), KEYS)
    if "event.action" in named:
        named["event.action"] = named["event.action"].lower()
    return {
        "event.code": code,
        "event.severity": int(found["severity"]),
        "event.provider": found["module"],
        "message": text,
    } | {**read_first(SHAPES, code, text), **named}


VENDORS = (
    Vendor(
        "h3c.comware",
        lambda header: "%%10" in header.body,
        decode,
        {"observer.vendor": "H3C", "observer.product": "Comware"},
    ),
)
