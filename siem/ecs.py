"""The Elastic Common Schema as this room uses it.

A document is flat: dotted ECS names to a scalar or a list of scalars (``{"source.ip": "10.0.0.1"}``). Dates are ISO
8601 text in UTC with milliseconds. Every document has ``event.id``, ``@timestamp`` (the device's time) and
``event.ingested`` (ours). Source of names and types: Elastic Common Schema 8.17, field reference.
"""

import ipaddress
import re
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Document = dict[str, Any]

ECS_VERSION = "8.17.0"
LONGEST_TERM = 8000  # characters; a longer value is kept in the document but can't be searched as a whole


class FieldKind(StrEnum):
    """How a field is indexed; decides which queries it takes."""

    DATE = "date"
    IP = "ip"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TEXT = "text"  # words, searched by match and match_phrase
    SOURCE = "source"  # kept, never searched: event.original is in message already
    KEYWORD = "keyword"  # whole values, case-insensitive


# First pattern that fits decides; everything else is a keyword. The Elasticsearch templates are made from this list.
PATTERNS: tuple[tuple[str, FieldKind], ...] = (
    ("event.original", FieldKind.SOURCE),
    ("message", FieldKind.TEXT),
    ("error.message", FieldKind.TEXT),
    ("@timestamp", FieldKind.DATE),
    ("event.created", FieldKind.DATE),
    ("event.ingested", FieldKind.DATE),
    ("event.start", FieldKind.DATE),
    ("event.end", FieldKind.DATE),
    ("event.risk_score", FieldKind.DOUBLE),
    ("event.duration", FieldKind.LONG),
    ("event.sequence", FieldKind.LONG),
    ("event.severity", FieldKind.LONG),
    ("http.response.status_code", FieldKind.LONG),
    ("log.syslog.priority", FieldKind.LONG),
    ("log.syslog.facility.code", FieldKind.LONG),
    ("log.syslog.severity.code", FieldKind.LONG),
    ("log.truncated", FieldKind.BOOLEAN),
    ("process.pid", FieldKind.LONG),
    ("*.bytes", FieldKind.LONG),
    ("*.packets", FieldKind.LONG),
    ("*.port", FieldKind.LONG),
    ("*.ip", FieldKind.IP),
)

_EXACT = {pattern: kind for pattern, kind in PATTERNS if "*" not in pattern}
_WILD = tuple((pattern, kind) for pattern, kind in PATTERNS if "*" in pattern)

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"[{_HAN}]|[^\W_{_HAN}]+")


@lru_cache(maxsize=4096)
def kind_of(field: str) -> FieldKind:
    """How ``field`` is indexed."""
    exact = _EXACT.get(field)
    if exact is not None:
        return exact
    return next((kind for pattern, kind in _WILD if fnmatchcase(field, pattern)), FieldKind.KEYWORD)


def words(text: str) -> list[str]:
    """Split text as every store does: each Han character a word, other runs of letters and digits a word, lower case.

    So a two-character Chinese word is found as a phrase inside a sentence without a dictionary.
    """
    return _WORD.findall(text.lower())


def values(document: Document, field: str) -> list[Any]:
    """The field's values, none, one or many."""
    value = document.get(field)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def iso(moment: datetime) -> str:
    """An aware datetime as ECS text: ``2026-11-23T01:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def millis(value: str | datetime) -> int:
    """Milliseconds since 1970 of ISO 8601 text or a datetime; ValueError when it is neither or has no zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def from_millis(value: int) -> str:
    """The inverse of ``millis`` as ECS text."""
    return iso(datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000))


def normal(field: str, value: Any) -> Any:
    """The value as it is compared: keywords and addresses lower case, dates in milliseconds; None if it can't be searched."""
    kind = kind_of(field)
    if kind is FieldKind.DATE:
        return millis(value)
    if kind in (FieldKind.LONG, FieldKind.DOUBLE):
        return value if isinstance(value, (int, float)) else None
    text = str(value).lower()
    return text if len(text) <= LONGEST_TERM else None


@lru_cache(maxsize=16_384)
def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
