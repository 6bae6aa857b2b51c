"""A validation report as people read it: its times in their zone, reasons of revocation and digests by their names.

The report itself holds codes and UTC; that is what programs get and what evidence keeps.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from ca.resources.labels import REASON_LABELS
from kernel.clock import written
from kernel.i18n import translate

_DIGESTS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sm3": "SM3"}


def readable(report: Mapping[str, Any], zone: tzinfo = UTC) -> dict[str, Any]:
    """The same report; every value that is no code of ours stays as it is."""
    found: dict[str, Any] = {name: _readable(name, value, zone) for name, value in report.items()}
    return found


def _readable(name: str, value: Any, zone: tzinfo) -> Any:
    if isinstance(value, Mapping):
        plain = readable(value, zone)
        return (
            plain | {"reason": _reason(value["reason"])} if name == "params" and "reason" in value else plain
        )
    if isinstance(value, list):
        return [_readable(name, one, zone) for one in value]
    if name in ("at", "claimed_at") and isinstance(value, str):
        return _time(value, zone)
    return _DIGESTS.get(value, value) if name == "digest" and isinstance(value, str) else value


def _time(text: str, zone: tzinfo) -> str:
    try:
        return written(datetime.fromisoformat(text), zone)
    except ValueError:  # a time-stamp that says none
        return text


def _reason(code: str) -> str:
    label = REASON_LABELS.get(code)
    return translate(label.text) if label else code
