"""A package as kept: what was asked for, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class PackageState(StrEnum):
    """MAKING: the worker has it; READY to be taken away; FAILED, with the reason beside it."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class PackageRow:
    """One package that somebody (``made_by``, an account's id) asked for. ``sha256`` and ``size`` (octets) once READY.

    ``filters`` are those of ``package.model.Filters`` with ``masking``, the profile's name.
    """

    id: str
    assessment: str
    sha256: str
    size: int
    filters: Mapping[str, Any]
    made_at: datetime
    made_by: str
    unit: str
    state: PackageState
    error: str
