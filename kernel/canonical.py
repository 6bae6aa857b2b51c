"""One byte form for every value that is hashed or signed (a subset of RFC 8785, JSON Canonicalization Scheme).

Keys sorted, no blanks, UTF-8, no floats other than finite ones; datetimes as UTC ISO 8601 with a ``Z``.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` so that equal values always give equal bytes; raises TypeError for what has no JSON form."""
    return _ENCODE(value).encode()


def sha256_hex(data: bytes) -> str:
    """SHA-256 (FIPS 180-4) as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def iso_utc(moment: datetime) -> str:
    """``2026-11-23T01:00:00.000000Z``: fixed width, so that text order is time order."""
    if moment.tzinfo is None:
        raise TypeError("a naive datetime has no canonical form")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


_ENCODE = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
).encode
