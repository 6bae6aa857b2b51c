"""Names that declarations show in place of ids."""

from collections.abc import Mapping
from typing import Any

from kernel.identity.model import Principal


def unit_names(app: Any, principal: Principal) -> Mapping[str, str]:
    """The units that the principal sees: id -> name."""
    return {unit.id: unit.name for unit in app.identity.units(principal)}
