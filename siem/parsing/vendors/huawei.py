"""Huawei VRP: ``%%01MODULE/severity/MNEMONIC(l)[n]:text``, keys in three styles. Huawei, "Log Reference"."""

import re
from datetime import UTC, datetime

from siem.ecs import Document, iso
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

_LINE = re.compile(
    r"%%01(?P<module>[A-Z0-9_-]+)/(?P<severity>[0-7])/(?P<code>\w+)\((?P<kind>\w+)\)(?:\[\d+\])?: ?(?P<text>.*)",
    re.S,
)
_PAIR = re.compile(r'(?:^|[\s,;(])([A-Za-z][\w-]{0,40})=("[^"]*"|[^,;()]*)')

# every style of key, lower case without dashes
KEYS = {
    "srcip": "source.ip",
    "sourceip": "source.ip",
    "ipaddress": "source.ip",
    "ip": "source.ip",
    "ipaddr": "source.ip",
    "userip": "source.ip",
    "useraddress": "source.ip",
    "dstip": "destination.ip",
    "destinationip": "destination.ip",
    "srcport": "source.port",
    "sourceport": "source.port",
    "dstport": "destination.port",
    "destinationport": "destination.port",
    "sourcenatip": "source.nat.ip",
    "sourcenatport": "source.nat.port",
    "destinationnatip": "destination.nat.ip",
    "destinationnatport": "destination.nat.port",
    "srczone": "observer.ingress.zone",
    "sourcezone": "observer.ingress.zone",
    "dstzone": "observer.egress.zone",
    "destinationzone": "observer.egress.zone",
    "protocol": "network.transport",
    "application": "network.protocol",
    "policy": "rule.name",
    "policyname": "rule.name",
    "rulename": "rule.name",
    "user": "user.name",
    "username": "user.name",
    "command": "process.command_line",
    "host": "url.domain",
    "closereason": "event.reason",
    "reason": "event.reason",
    "action": "event.action",
    "sendbytes": "source.bytes",
    "rcvbytes": "destination.bytes",
    "sendpkts": "source.packets",
    "rcvpkts": "destination.packets",
    "virusname": "threat.indicator.name",
    "filename": "file.name",
}

_LOGGED = r"(?:login|logged in|log in)"
SHAPES = (
    shape(r"User (?P<user__name><user>)\(IP:(?P<source__ip><ip>)[^)]*\) login failed", LOGIN_FAILED),
    shape(
        r"",
        LOGIN_FAILED,
        code=r"SSH_(?:FAIL|PASSWORD_FAIL)|\w*LOGIN_?FAIL(?:ED)?|AUTHFAIL|\w+_AUTH_FAIL(?:ED)?",
    ),
    shape(r"(?i)failed to (?:log ?in|login)|log ?in failed|authentication failed", LOGIN_FAILED),
    shape(
        r"(?i)(?:succeeded in|success(?:fully)? )\w* ?(?:logging|logged|log|login)|login succeeded", LOGIN_OK
    ),
    shape(r"", LOGIN_OK, code=r"SSH_SUCCESS|\w*LOGIN(?:_?SUCC(?:ESS)?)?|\w+_AUTH_SUCC(?:ESS)?"),
    shape(r"", LOGOUT, code=r"\w*LOGOUT"),
    shape(r"blocked due to authentication failure", LOGIN_FAILED, {"event.action": "client-blocked"}),
    shape(r"(?i)command=\"?(?:undo info-center|info-center disable)", LOG_STOPPED),
    shape(r"(?i)command=\"?reset (?:logbuffer|info-center)", LOG_CLEARED),
    shape(r"", COMMAND, code=r"CMDRECORD|CMD_RECORD|CMDRECORDFAILED"),
    shape(r"", CONFIGURED, code=r"\w*CFG_?(?:CHANGE|MGR)\w*|CONFIG_?CHANGE\w*|SAVE|HWCM\w*"),
    shape(
        r"", {"event.category": ["network"], "event.type": ["connection", "end"]}, code=r"SESSION_TEARDOWN"
    ),
    shape(r"", ALLOWED, code=r"POLICYPERMIT"),
    shape(r"", DENIED, code=r"POLICYDENY"),
    shape(r"", VIRUS, code=r"(?:AV|VIRUS)\w*"),
    shape(r"", ATTACK, {"event.action": "attack"}, code=r"(?:ATCKDF|ATTACK|IPS|DETECT)\w*"),
    shape(
        r"(?i)interface (?P<observer__ingress__interface__name>[\w/.-]+) .*(?P<event__reason>up|down) state|"
        r"ifName=(?P<_if>[\w/.-]+)",
        {"event.category": ["network"], "event.type": ["info"], "event.action": "link-changed"},
        code=r"(?:IF|LINK)\w*|linkDown|linkUp",
    ),
)
TEXT_SHAPES = (
    shape(r"(?i)user\s?name(?: is |=|:)\s*(?P<user__name><user>)", {}),
    shape(r"(?i)\buser (?P<user__name>(?!name\b)<user>) (?:failed|succeeded|logged|login)", {}),
    shape(r"(?i)user\(?s?\)? ?(?P<user__name>[\w.@-]+)\(IP:", {}),
)
_ADDRESS_SHAPES = (
    shape(r"(?i)(?:from|ip address(?: is)?|ip[:=]) ?\(?(?P<source__ip>\d{1,3}(?:\.\d{1,3}){3})", {}),
)
_MASKED = frozenset({"unknown", "none", "null", "_public_", "*"})


def decode(header: Header) -> Document:
    found = _LINE.search(header.body)
    if found is None:
        return {}
    text, code = found["text"], found["code"]
    raw = {key.lower().replace("-", ""): value for key, value in pairs(text, _PAIR).items()}
    named = {
        name: value.removesuffix(".")
        for name, value in mapped(raw, KEYS).items()
        if value.lower() not in _MASKED
    }
    fields = read_first(SHAPES, code, text)
    fields = {
        **read_first(TEXT_SHAPES, code, text),
        **read_first(_ADDRESS_SHAPES, code, text),
        **fields,
        **named,
    }
    if "event.action" in named:
        fields["event.action"] = named["event.action"].lower()
    return (
        _session(raw)
        | {
            "event.code": code,
            "event.severity": int(found["severity"]),
            "event.provider": found["module"],
            "message": text,
        }
        | fields
    )


def _session(raw: dict[str, str]) -> Document:
    """A session's begin, end (Unix seconds) and bytes of both directions."""
    made: Document = {}
    for key, name in (("begintime", "event.start"), ("endtime", "event.end")):
        if raw.get(key, "").isascii() and raw.get(key, "").isdigit() and len(raw[key]) == 10:
            made[name] = iso(datetime.fromtimestamp(int(raw[key]), UTC))
    counts = [raw.get("sendbytes", ""), raw.get("rcvbytes", "")]
    if all(count.isascii() and count.isdigit() and len(count) < 16 for count in counts):
        made["network.bytes"] = sum(map(int, counts))
    return made


VENDORS = (
    Vendor(
        "huawei.vrp",
        lambda header: "%%01" in header.body,
        decode,
        {"observer.vendor": "Huawei", "observer.product": "VRP"},
    ),
)
