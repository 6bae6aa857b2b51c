"""Sections on the pages of profiles' versions."""

from collections.abc import Mapping
from typing import Any

from ca.profiles.comparison import called, shown
from ca.resources.profiles import ProfileVersionRecord
from console.compose.app import App
from kernel.identity.model import Principal


def changes(app: App, principal: Principal, record: ProfileVersionRecord) -> Mapping[str, Any]:
    """What the version has otherwise than the one in force or, for that one, the one before it."""
    found = app.ca.profile_changes.differences(principal, record.key)
    return {
        "first": bool(found) and all(change.before is None for change in found),
        "rows": [
            (change.path, called(change.path), _side(change.before), _side(change.after)) for change in found
        ],
    }


def _side(value: Any) -> str | None:
    return None if value is None else shown(value)
