"""Vendors' messages as data: what a shape of message means in ECS.

A Shape is a regular expression whose groups are ECS names with ``__`` for the dot (``source__ip``), and the fields that every
message of that shape has. A Vendor is how its lines are recognised, how they are taken apart, and its shapes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from siem.ecs import Document
from siem.parsing.syslog import Header

# parts that many shapes share, written ``<ip>`` in a pattern
PARTS = {
    "ip": r"[0-9a-fA-F:.]{2,45}",
    "port": r"\d{1,5}",
    "user": r"[^\s,;()'\"]{1,128}",
    "word": r"\S{1,256}",
    "int": r"\d{1,18}",
    "any": r".{0,4000}",
}

LOGIN = {"event.category": ["authentication"], "event.type": ["start"], "event.action": "login"}
LOGIN_OK = LOGIN | {"event.outcome": "success"}
LOGIN_FAILED = LOGIN | {"event.outcome": "failure"}
LOGOUT = {"event.category": ["authentication"], "event.type": ["end"], "event.action": "logout"}
CONFIGURED = {
    "event.category": ["configuration"],
    "event.type": ["change"],
    "event.action": "configuration-changed",
}
COMMAND = {"event.category": ["configuration"], "event.type": ["change"], "event.action": "command-executed"}
DENIED = {
    "event.category": ["network"],
    "event.type": ["connection", "denied"],
    "event.action": "deny",
    "event.outcome": "failure",
}
ALLOWED = {
    "event.category": ["network"],
    "event.type": ["connection", "allowed"],
    "event.action": "permit",
    "event.outcome": "success",
}
LOG_CLEARED = {"event.category": ["configuration"], "event.type": ["deletion"], "event.action": "log-cleared"}
LOG_STOPPED = {
    "event.category": ["configuration"],
    "event.type": ["change"],
    "event.action": "logging-stopped",
}
VIRUS = {
    "event.kind": "alert",
    "event.category": ["malware"],
    "event.type": ["info"],
    "event.action": "virus-found",
}
ATTACK = {"event.kind": "alert", "event.category": ["intrusion_detection"], "event.type": ["info"]}


@dataclass(frozen=True)
class Shape:
    """One form of message. ``code`` limits it to messages of that event code (a regular expression)."""

    pattern: re.Pattern[str]
    fields: Mapping[str, Any]
    code: re.Pattern[str] | None = None

    def read(self, code: str, body: str) -> Document | None:
        """The fields of a message of this form; None for any other."""
        if self.code is not None and not self.code.fullmatch(code):
            return None
        found = self.pattern.search(body)
        if found is None:
            return None
        taken = {name.replace("__", "."): value for name, value in found.groupdict().items() if value}
        return {**self.fields, **taken}


def shape(pattern: str, *fields: Mapping[str, Any], code: str | None = None) -> Shape:
    """A Shape from a pattern with ``<part>`` in it: ``(?P<source__ip><ip>)``."""
    for name, part in PARTS.items():
        pattern = pattern.replace(f")<{name}>", f"){part}").replace(f"><{name}>", f">{part}")
    merged: dict[str, Any] = {}
    for constants in fields:
        merged.update(constants)
    return Shape(re.compile(pattern), merged, re.compile(code) if code else None)


def read_first(shapes: Iterable[Shape], code: str, body: str) -> Document:
    """The fields of the first shape that fits; empty when none does."""
    for candidate in shapes:
        found = candidate.read(code, body)
        if found is not None:
            return found
    return {}


Decode = Callable[[Header], Document]


@dataclass(frozen=True)
class Vendor:
    """A kind of source: ``recognise`` looks at program, body; ``decode`` gives its fields."""

    dataset: str  # module.name: Sigma's product and service
    recognise: Callable[[Header], bool]
    decode: Decode
    observer: Mapping[str, str] = field(default_factory=dict)


def pairs(text: str, pattern: re.Pattern[str]) -> dict[str, str]:
    """All key-value pairs that ``pattern`` (groups key, value) finds, quotes taken off; the first of a key counts."""
    found: dict[str, str] = {}
    for key, value in pattern.findall(text):
        found.setdefault(key, value.strip().strip('"').strip())
    return found


def mapped(found: Mapping[str, str], names: Mapping[str, str]) -> Document:
    """Pairs under their ECS names; empty and masked values are left out."""
    return {
        names[key]: value
        for key, value in found.items()
        if key in names and value not in ("", "**", "--", "-")
    }
