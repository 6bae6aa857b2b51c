"""Syslog headers: RFC 5424, RFC 3164, and what devices send in its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.parsing.times import read_time

_PRIORITY = re.compile(r"<(\d{1,3})>")
_VERSION_1 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ")
_SD_ELEMENT = re.compile(r'\[([^ =\]"]{1,32})((?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\.)*")*)\]')
_SD_PARAMETER = re.compile(r' ([^ =\]"]{1,32})="((?:[^"\\\]]|\\.)*)"')
_BEFORE_TIME = re.compile(r"(?:(\d{1,12}): )?(?:([\w.-]{1,255}): )?[*.]?")
_HOST = re.compile(r" {0,2}([^\s:%=\[<]{1,255})(?: ?: | {1,2})")
_TAG = re.compile(r"([\w./()-]{1,64})(?:\[(\d{1,10})\])?: ?")
_NAME_BEFORE_CODE = re.compile(r"([\w.-]{1,255}) :? ?(?=%[%A-Z]|id=tos )")
_SEQUENCE = re.compile(r"(\d{1,12}): +")


class Malformed(Invalid):
    """A line that is no syslog message."""


@dataclass(frozen=True)
class Header:
    """A message taken apart. ``time`` is aware or None; ``body`` is what the program wrote."""

    body: str
    priority: int | None = None
    time: datetime | None = None
    host: str = ""
    program: str = ""
    pid: int | None = None
    message_id: str = ""
    sequence: int | None = None
    structured: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def parse_header(text: str, received: datetime, zone: tzinfo) -> Header:
    """Take a line apart; Malformed for an empty one, a priority out of range or broken RFC 5424 fields."""
    if not text.strip():
        raise Malformed(N_("The line is empty."))
    priority, start = _priority(text)
    if priority is not None and text.startswith("1 ", start):
        return _rfc5424(text[start:], priority, received, zone)
    return _rfc3164(text[start:], priority, received, zone)


def _priority(text: str) -> tuple[int | None, int]:
    found = _PRIORITY.match(text)
    if found is None:
        return None, 0
    value = int(found[1])
    if value > 191:  # facility 23, severity 7: RFC 5424 section 6.2.1
        raise Malformed(N_("The priority %(value)s is out of range."), value=value)
    return value, found.end()


def _rfc5424(text: str, priority: int, received: datetime, zone: tzinfo) -> Header:
    found = _VERSION_1.match(text + " ")
    if found is None:
        raise Malformed(N_("The RFC 5424 header is not complete."))
    stamp, host, program, pid, message_id = ("" if part == "-" else part for part in found.groups())
    time = read_time(stamp, 0, received, zone) if stamp else None
    if stamp and time is None:
        raise Malformed(N_("The time stamp %(stamp)s is not one of RFC 5424."), stamp=stamp[:64])
    structured, rest = _structured(text[found.end() :])
    return Header(
        body=rest.removeprefix("\ufeff"),
        priority=priority,
        time=time[0] if time else None,
        host=host,
        program=program,
        pid=int(pid) if pid.isascii() and pid.isdigit() and len(pid) < 11 else None,
        message_id=message_id,
        structured=structured,
    )


def _structured(text: str) -> tuple[dict[str, dict[str, str]], str]:
    if text == "-" or text.startswith("- "):
        return {}, text[2:]
    elements: dict[str, dict[str, str]] = {}
    position = 0
    while found := _SD_ELEMENT.match(text, position):
        pairs = _SD_PARAMETER.findall(found[2])
        elements[found[1]] = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in pairs}
        position = found.end()
    if not elements and text:
        raise Malformed(N_("The structured data is broken."))
    return elements, text[position:].removeprefix(" ")


def _rfc3164(text: str, priority: int | None, received: datetime, zone: tzinfo) -> Header:
    """Time, host, tag, each if it is there; of two headers on a relayed line the inner, the device's own, counts."""
    time, host, sequence, rest = None, "", None, text
    for _ in range(2):
        before = _BEFORE_TIME.match(rest)
        start = before.end() if before else 0
        found = read_time(rest, start, received, zone)
        if found is None:
            break
        time = found[0]
        if before and before[1]:
            sequence = int(before[1])
        inner = before[2] if before and before[2] else ""
        after, rest = _host(rest[found[1] :])
        host = after or inner or host
    named = _NAME_BEFORE_CODE.match(rest)
    if named:  # a relay's address first, then the device's own name
        host, rest = named[1], rest[named.end() :]
    counted = _SEQUENCE.match(rest)
    if counted:
        sequence, rest = int(counted[1]), rest[counted.end() :]
    program, pid, body = _tag(rest)
    return Header(body, priority, time, host, program, pid, sequence=sequence)


def _host(rest: str) -> tuple[str, str]:
    """The host name after a time; none when a colon, a tag or the message itself follows."""
    if rest.startswith(":"):
        return "", rest[1:].lstrip()
    found = _HOST.match(rest)
    if found is None:
        return "", rest.lstrip()
    tag = _TAG.match(rest.lstrip())
    if tag and " :" not in found[0] and not found[0].endswith("  ") and ":" in found[0]:
        return _named_like_a_host(found, rest)
    return found[1], rest[found.end() :].lstrip(" ")


def _named_like_a_host(found: re.Match[str], rest: str) -> tuple[str, str]:
    """``name: `` after the time is a host when the message itself follows, a program's tag otherwise."""
    follows = rest[found.end() :].lstrip()
    if follows.startswith(("%", "id=")):
        return found[1], follows
    return "", rest.lstrip()


def _tag(rest: str) -> tuple[str, int | None, str]:
    found = _TAG.match(rest)
    if found is None or rest.startswith("%"):
        return "", None, rest
    return found[1], int(found[2]) if found[2] else None, rest[found.end() :]
