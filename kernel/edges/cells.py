"""Values as texts of tables: for terminals, CSV and pages."""

import json
from enum import Enum
from typing import Any

from kernel.canonical import iso_utc
from kernel.edges.plain import FORMULA_SIGNS, plain


def guarded(text: str) -> str:
    """The cell, with a mark before it if a spreadsheet would take it for a formula (CSV injection)."""
    return plain(f"'{text}" if text.startswith(FORMULA_SIGNS) and not _number(text) else text)


def cell_text(value: Any) -> str:
    """A value in one cell: lists with commas, mappings as JSON, times in UTC, octets in hex."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(cell_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=plain_value)
    return str(plain_value(value)) if not isinstance(value, (str, int, float, bool)) else str(value)


def plain_value(value: Any) -> Any:
    """What JSON can't hold, as what it can."""
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "tzinfo"):
        return iso_utc(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
