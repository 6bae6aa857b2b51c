"""Cisco IOS and ASA. Message codes: Cisco, "System Message Guide"; "ASA Series Syslog Messages"."""

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
    Vendor,
    read_first,
    shape,
)
from siem.parsing.syslog import Header

_IOS = re.compile(
    r"%(?P<facility>[A-Z0-9_]+(?:-[A-Z0-9_]+)*)-(?P<severity>[0-7])-(?P<code>[A-Z0-9_]+): ?(?P<text>.*)", re.S
)
_ASA = re.compile(r"%(?:ASA|FTD|PIX)-(?:[a-z]+-)?(?P<severity>[0-7])-(?P<code>\d{6}):? ?(?P<text>.*)", re.S)

_ENDS = r"(?P<source__ip><ip>)\((?P<source__port><port>)\) -> (?P<destination__ip><ip>)\((?P<destination__port><port>)\)"
_ACL = r"list (?P<rule__name><word>) {verb} (?P<network__transport>[\w-]+)"

_LOGGED = r"User:\s*(?P<user__name><user>)\s+logged command:\s*"

IOS_SHAPES = (
    shape(rf"{_ACL.format(verb='denied')} {_ENDS}, (?P<source__packets><int>) packet", DENIED),
    shape(rf"{_ACL.format(verb='permitted')} {_ENDS}, (?P<source__packets><int>) packet", ALLOWED),
    shape(
        rf"{_ACL.format(verb='denied')} (?P<source__ip><ip>)(?: ->)? (?P<destination__ip><ip>)[^,]*, "
        r"(?P<source__packets><int>) packet",
        DENIED,
    ),
    shape(
        rf"{_ACL.format(verb='permitted')} (?P<source__ip><ip>)(?: ->)? (?P<destination__ip><ip>)[^,]*, "
        r"(?P<source__packets><int>) packet",
        ALLOWED,
    ),
    shape(
        r"list (?P<rule__name><word>) denied (?P<source__ip><ip>) (?P<source__packets><int>) packet", DENIED
    ),
    shape(
        r"[Ll]ogin failed \[user: (?P<user__name>[^\]]*)\] \[Source: (?P<source__ip><ip>)\]"
        r"(?: \[localport: (?P<destination__port><port>)\])?",
        LOGIN_FAILED,
    ),
    shape(
        r"Login Success \[user: (?P<user__name>[^\]]*)\] \[Source: (?P<source__ip><ip>)\]"
        r"(?: \[localport: (?P<destination__port><port>)\])?",
        LOGIN_OK,
    ),
    shape(
        r"Authentication failure for SNMP req from host (?P<source__ip><ip>)",
        LOGIN_FAILED,
        {"network.protocol": "snmp"},
    ),
    shape(
        r"SSH2? (?:User|session).*?'(?P<user__name>[^']*)'.*? from (?P<source__ip><ip>).*[Ff]ailed",
        LOGIN_FAILED,
    ),
    shape(
        r"Configured from (?:console|memory|\w+) by (?P<user__name><user>) on \S+ \((?P<source__ip><ip>)\)",
        CONFIGURED,
    ),
    shape(r"Configured from \S+ by (?P<user__name><user>)", CONFIGURED),
    shape(rf"{_LOGGED}(?P<process__command_line>(?:no logging|logging off).{{0,400}})", LOG_STOPPED),
    shape(rf"{_LOGGED}(?P<process__command_line>clear logging.{{0,400}})", LOG_CLEARED),
    shape(rf"{_LOGGED}(?P<process__command_line><any>)", COMMAND),
    shape(r"User (?P<user__name><user>) has exited tty session \S*\((?P<source__ip><ip>)\)", LOGOUT),
    shape(
        r"[Ii]nterface (?P<observer__ingress__interface__name>[^,]{1,64}), changed state to (?P<event__reason>up|down)",
        {"event.category": ["network"], "event.type": ["info"], "event.action": "link-changed"},
    ),
    shape(r"Logging to host \S+ .*(?:stopped|disabled)", LOG_STOPPED, code="LOGGINGHOST_(?:FAIL|STARTSTOP)"),
)

_FROM_TO = (
    r"(?:(?P<observer__ingress__interface__name>[\w-]+):)?(?P<source__ip><ip>)/(?P<source__port><port>)"
    r"(?: ?\((?P<source__nat__ip><ip>)/(?P<source__nat__port><port>)\))?(?:\((?P<source__user__name>[^)]*)\))?"
    r" to (?:(?P<observer__egress__interface__name>[\w-]+):)?(?P<destination__ip><ip>)/(?P<destination__port><port>)"
    r"(?: ?\((?P<destination__nat__ip><ip>)/(?P<destination__nat__port><port>)\))?"
)
_BUILT = {
    "event.category": ["network"],
    "event.type": ["connection", "start"],
    "event.action": "connection-built",
}
_TORN = {
    "event.category": ["network"],
    "event.type": ["connection", "end"],
    "event.action": "connection-closed",
}
_DENY = r"[Dd]en(?:y|ied)"

_EXECUTED = r"User '(?P<user__name>[^']*)', running '[^']*' from IP (?P<source__ip><ip>), executed "

ASA_SHAPES = (
    shape(
        rf"Built (?P<network__direction>inbound|outbound) (?P<network__transport>\w+) connection \d+ for {_FROM_TO}",
        _BUILT,
    ),
    shape(
        rf"Teardown (?P<network__transport>\w+) connection \d+ for {_FROM_TO} duration (?P<_duration>[\d:]+) "
        r"bytes (?P<network__bytes><int>)(?: (?P<event__reason>[^(]{1,200}?))?(?: \((?P<user__name>[^)]*)\))?$",
        _TORN,
    ),
    shape(
        rf"{_DENY} (?P<network__transport>\w+) (?:reverse path check |\(no connection\) )?"
        r"src (?:(?P<observer__ingress__interface__name>[\w-]+):)?(?P<source__ip><ip>)(?:/(?P<source__port><port>))?"
        r"(?:\([^)]*\))? dst (?:(?P<observer__egress__interface__name>[\w-]+):)?(?P<destination__ip><ip>)"
        r"(?:/(?P<destination__port><port>))?(?:\([^)]*\))?(?:.*by access-group \"(?P<rule__name>[^\"]*)\")?",
        DENIED,
    ),
    shape(
        r"access-list (?P<rule__name><word>) (?:denied|est-allowed denied) (?P<network__transport>\w+) "
        r"(?:for user \S+ )?(?P<observer__ingress__interface__name>[\w-]+)/(?P<source__ip><ip>)\((?P<source__port><port>)\)"
        r"(?:\([^)]*\))? -> (?P<observer__egress__interface__name>[\w-]+)/(?P<destination__ip><ip>)"
        r"\((?P<destination__port><port>)\)",
        DENIED,
    ),
    shape(
        r"access-list (?P<rule__name><word>) (?:permitted|est-allowed) (?P<network__transport>\w+) "
        r"(?:for user \S+ )?(?P<observer__ingress__interface__name>[\w-]+)/(?P<source__ip><ip>)\((?P<source__port><port>)\)"
        r"(?:\([^)]*\))? -> (?P<observer__egress__interface__name>[\w-]+)/(?P<destination__ip><ip>)"
        r"\((?P<destination__port><port>)\)",
        ALLOWED,
    ),
    shape(
        rf"(?:Inbound |{_DENY} (?:(?P<network__direction>inbound|outbound) )?)(?P<network__transport>TCP|UDP|ICMP|\w+)"
        rf"(?: \(no connection\))?(?: connection denied)? from (?P<source__ip><ip>)/(?P<source__port><port>) "
        r"to (?P<destination__ip><ip>)/(?P<destination__port><port>)"
        r"(?:.* on interface (?P<observer__ingress__interface__name>[\w-]+))?",
        DENIED,
    ),
    shape(
        rf"{_DENY} IP (?:spoof|due to Land Attack) from \(?(?P<source__ip><ip>)\)? to (?P<destination__ip><ip>)"
        r"(?: on interface (?P<observer__ingress__interface__name>[\w-]+))?",
        DENIED,
        ATTACK,
        {"event.action": "spoofed-address"},
    ),
    shape(
        r"Login denied from (?P<source__ip><ip>)(?:/(?P<source__port><port>))?.* user \"(?P<user__name>[^\"]*)\"",
        LOGIN_FAILED,
    ),
    shape(
        r"Login permitted from (?P<source__ip><ip>)(?:/(?P<source__port><port>))?.* user \"(?P<user__name>[^\"]*)\"",
        LOGIN_OK,
    ),
    shape(
        r"user authentication Rejected.*user = '?(?P<user__name>[^':\s]+)'?(?:.*user IP = (?P<source__ip><ip>))?",
        LOGIN_FAILED,
    ),
    shape(r"user authentication Successful.*user = '?(?P<user__name>[^':\s]+)'?", LOGIN_OK),
    shape(rf"{_EXECUTED}'(?P<process__command_line>clear logging[^']*)'", LOG_CLEARED),
    shape(rf"{_EXECUTED}'(?P<process__command_line>no logging[^']*)'", LOG_STOPPED),
    shape(
        r"User '(?P<user__name>[^']*)'(?:, running '[^']*' from IP (?P<source__ip><ip>),)? executed (?:the )?"
        r"'?(?P<process__command_line>[^']*)'?",
        COMMAND,
    ),
    shape(r"Begin configuration: (?P<source__ip><ip>) (?:writing|reading)", CONFIGURED),
    shape(r"(?P<source__ip><ip>) end configuration: (?P<event__reason>\w+)", CONFIGURED),
    shape(
        r"Built (?:dynamic|static) (?P<network__transport>\w+) translation from "
        r"(?P<observer__ingress__interface__name>[\w-]+):(?P<source__ip><ip>)/(?P<source__port><port>)(?:\([^)]*\))? to "
        r"(?P<observer__egress__interface__name>[\w-]+):(?P<source__nat__ip><ip>)/(?P<source__nat__port><port>)",
        {"event.category": ["network"], "event.type": ["info"], "event.action": "translation-built"},
    ),
    shape(
        r"(?:Built|Teardown) (?:(?P<network__direction>inbound|outbound) )?(?P<network__transport>ICMP) connection for "
        r"faddr (?P<destination__ip><ip>)/\d+(?:\([^)]*\))? gaddr \S+/\d+ laddr (?P<source__ip><ip>)/\d+",
        _BUILT,
    ),
    shape(
        r"\[\s*(?:Scanning|(?P<source__ip><ip>))\s*\].*drop rate|is scanning|Host (?P<_h><ip>) is attacking",
        ATTACK,
        {"event.action": "scan"},
    ),
    shape(
        rf"\b(?P<network__transport>TCP|UDP|FTP)\b.*? {_FROM_TO.replace(' to ', ' .*?to ', 1)}",
        {"event.category": ["network"]},
    ),
    shape(
        r"(?:local-host|to) (?P<observer__ingress__interface__name>[\w-]+):(?P<source__ip><ip>)",
        {"event.category": ["network"]},
    ),
    shape(r"Username = (?P<user__name>[^,\s]+), IP = (?P<source__ip><ip>)", LOGOUT, code="113019"),
    shape(r"User <(?P<user__name>[^>]+)> IP <(?P<source__ip><ip>)>", LOGIN_OK, {"event.action": "vpn_login"}),
)


def _decode_ios(header: Header) -> Document:
    found = _IOS.search(header.body)
    if found is None:
        return {}
    code = found["code"]
    fields = read_first(IOS_SHAPES, code, found["text"])
    return {
        "event.code": code,
        "event.severity": int(found["severity"]),
        "event.provider": found["facility"],
        "message": found["text"],
    } | fields


def _decode_asa(header: Header) -> Document:
    found = _ASA.search(header.body)
    if found is None:
        return {}
    fields = read_first(ASA_SHAPES, found["code"], found["text"])
    # ASA names the outer side first; of an outbound connection the inner side is the source (messages 302013, 302015)
    if fields.get("network.direction") == "outbound" and fields.get("event.action") == "connection-built":
        fields = _swapped(fields)
    return {
        "event.code": found["code"],
        "event.severity": int(found["severity"]),
        "message": found["text"],
    } | fields


def _swapped(fields: Document) -> Document:
    other = {"source": "destination", "destination": "source"}
    sides = {"ingress": "egress", "egress": "ingress"}
    swapped = {}
    for name, value in fields.items():
        first, dot, rest = name.partition(".")
        if first in other:
            name = f"{other[first]}{dot}{rest}"
        elif first == "observer":
            side, _, tail = rest.partition(".")
            name = f"observer.{sides.get(side, side)}.{tail}"
        swapped[name] = value
    return swapped


VENDORS = (
    Vendor(
        "cisco.asa",
        lambda header: bool(_ASA.search(header.body)),
        _decode_asa,
        {"observer.vendor": "Cisco", "observer.product": "ASA", "observer.type": "firewall"},
    ),
    Vendor(
        "cisco.ios",
        lambda header: "%%" not in header.body[:200] and bool(_IOS.search(header.body[:400])),
        _decode_ios,
        {"observer.vendor": "Cisco", "observer.product": "IOS", "observer.type": "router"},
    ),
)
