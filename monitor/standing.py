"""How things stand, as lists show them: what was measured with the names that the register gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitor.model import Device, Finding, TrapRecord
from monitor.thresholds import Crossing


@dataclass(frozen=True)
class Status:
    """An entry of the register as it stands: its polled state, the thresholds it has crossed, and its availability.

    ``availability`` is the share of the last day's polls that it answered, 0 to 1; None when it was not polled.
    """

    id: str
    name: str
    unit: str
    zone: str
    zone_name: str
    address: str
    platform: str
    device: Device
    crossed: tuple[Crossing, ...] = ()
    availability: float | None = None


@dataclass(frozen=True)
class NamedFinding:
    """A finding and the name of its device in the register."""

    finding: Finding
    device: str


class EndpointState(StrEnum):
    """How an endpoint stood at its last check; ``none``: reachable, but without a certificate that can be read."""

    NEVER = "never"
    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    UNREACHABLE = "unreachable"
    NONE = "none"


@dataclass(frozen=True)
class EndpointStanding:
    """A TLS endpoint of the register and what it presented last. ``facts`` are those of CertificateFacts; latency in s."""

    id: str
    name: str
    unit: str
    endpoint: str
    state: EndpointState
    tls: str
    problem: str
    latency: float | None
    facts: Mapping[str, Any]
    not_after: datetime | None
    checked_at: datetime | None


@dataclass(frozen=True)
class NamedTrap:
    """A notification and the name of the device that sent it; "" when the register does not know the sender."""

    trap: TrapRecord
    device: str
