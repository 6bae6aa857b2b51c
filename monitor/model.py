"""What monitoring knows: devices and their states, interfaces and rates, neighbours, endpoints, traps, findings.

Pure values and the tables of what may follow what; nothing here reads or writes anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kernel.assets import AssetKind
from kernel.errors import Conflict
from kernel.i18n import N_

Oid = tuple[int, ...]
Value = int | bytes | Oid
"""An SNMP value: numbers, counters and time ticks as int, octets and addresses as bytes, object identifiers as Oid."""


class Problem(StrEnum):
    """Why an agent gave no (whole) answer."""

    TIMEOUT = "timeout"
    AUTHENTICATION = "authentication"
    CREDENTIAL = "credential"
    PROTOCOL = "protocol"


# --- devices
class DeviceState(StrEnum):
    """``unknown``: never polled, or it answers but does not accept our credential; ``degraded``: a threshold is crossed."""

    UNKNOWN = "unknown"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


DOWN_AFTER = 2  # polls in a row without an answer
POLLED_KINDS = (AssetKind.DEVICE, AssetKind.GATEWAY)


def next_state(state: DeviceState, *, problem: Problem | None, failures: int, crossed: bool) -> DeviceState:
    """The state after a poll, whichever it was; ``failures`` counts polls in a row without an answer, this one included.

    One lost answer changes nothing, so that a single lost datagram raises no alarm.
    """
    if problem in (Problem.AUTHENTICATION, Problem.CREDENTIAL):
        return DeviceState.UNKNOWN
    if problem is not None:
        return DeviceState.DOWN if failures >= DOWN_AFTER else state
    return DeviceState.DEGRADED if crossed else DeviceState.UP


@dataclass(frozen=True)
class Device:
    """A monitored device as stored. ``facts``: sys_name, sys_descr, sys_object_id, location, chassis, uptime (s), gaps."""

    asset: str
    state: DeviceState = DeviceState.UNKNOWN
    since: datetime | None = None
    polled_at: datetime | None = None
    answered_at: datetime | None = None
    failures: int = 0
    problem: Problem | None = None
    latency: float | None = None  # seconds
    lldp: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Counters:
    """An interface's counters at one moment. ``bits`` is their width; ``uptime`` and ``discontinuity`` in 1/100 s."""

    at: datetime
    uptime: int
    in_octets: int
    out_octets: int
    in_errors: int = 0
    out_errors: int = 0
    bits: int = 64
    discontinuity: int = 0


@dataclass(frozen=True)
class Interface:
    """One interface; keyed by ``name``, since ifIndex may change at a restart. ``speed`` in bit/s, 0 unknown."""

    name: str
    index: int
    alias: str = ""
    speed: int = 0
    admin_up: bool = True
    oper_up: bool = True
    counters: Counters | None = None
    in_rate: float | None = None  # bit/s
    out_rate: float | None = None
    error_rate: float | None = None  # errors/s


@dataclass(frozen=True)
class Neighbour:
    """What an agent's LLDP table says of one neighbour (IEEE 802.1AB); texts are as announced, so not to be trusted."""

    local_port: str
    chassis: str  # "00:11:22:33:44:55" for a MAC, otherwise text
    port: str
    name: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What one poll of one device brought. ``metrics``: cpu, memory (percent), temperature (°C)."""

    sys_name: str = ""
    sys_descr: str = ""
    sys_object_id: str = ""
    location: str = ""
    uptime: int = 0  # 1/100 s
    interfaces: tuple[Interface, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    lldp: bool = False  # whether the agent speaks LLDP at all
    chassis: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    gaps: tuple[str, ...] = ()  # interfaces, neighbours, metrics: what the agent did not tell to the end


@dataclass(frozen=True)
class Sample:
    """One measured value. ``object`` is "" for the device itself or an interface's name."""

    asset: str
    object: str
    metric: str
    at: datetime
    value: float


# --- findings
class FindingKind(StrEnum):
    """What active checks and the comparison of the network with the register can find."""

    UNREGISTERED_DEVICE = "unregistered-device"
    GATEWAY_BYPASS = "gateway-bypass"
    UNREGISTERED_LINK = "unregistered-link"
    MOVED_LINK = "moved-link"
    MISSING_LINK = "missing-link"
    EXPIRED_CERTIFICATE = "expired-certificate"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    EXPIRING_CERTIFICATE = "expiring-certificate"
    UNREACHABLE_SERVICE = "unreachable-service"


SEVERITY: Mapping[FindingKind, str] = {
    FindingKind.UNREGISTERED_DEVICE: "high",
    FindingKind.GATEWAY_BYPASS: "critical",
    FindingKind.UNREGISTERED_LINK: "medium",
    FindingKind.MOVED_LINK: "medium",
    FindingKind.MISSING_LINK: "medium",
    FindingKind.EXPIRED_CERTIFICATE: "high",
    FindingKind.CERTIFICATE_NOT_YET_VALID: "medium",
    FindingKind.EXPIRING_CERTIFICATE: "low",
    FindingKind.UNREACHABLE_SERVICE: "medium",
}
SEVERITIES = ("info", "low", "medium", "high", "critical")

TOPOLOGY_KINDS = frozenset(
    {
        FindingKind.UNREGISTERED_DEVICE,
        FindingKind.GATEWAY_BYPASS,
        FindingKind.UNREGISTERED_LINK,
        FindingKind.MOVED_LINK,
        FindingKind.MISSING_LINK,
    }
)
ENDPOINT_KINDS = frozenset(FindingKind) - TOPOLOGY_KINDS


class FindingState(StrEnum):
    """``fixed``: said to be mended, or no longer seen once; ``verified``: a check after that did not see it either."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXCEPTED = "excepted"
    FIXED = "fixed"
    VERIFIED = "verified"


STANDING = (FindingState.OPEN, FindingState.ACKNOWLEDGED, FindingState.EXCEPTED)
_F = FindingState
FINDING_TRANSITIONS: Mapping[FindingState, frozenset[FindingState]] = {
    _F.OPEN: frozenset({_F.ACKNOWLEDGED, _F.EXCEPTED, _F.FIXED}),
    _F.ACKNOWLEDGED: frozenset({_F.OPEN, _F.EXCEPTED, _F.FIXED}),
    _F.EXCEPTED: frozenset({_F.OPEN, _F.FIXED}),
    _F.FIXED: frozenset({_F.OPEN, _F.VERIFIED}),
    _F.VERIFIED: frozenset({_F.OPEN}),
}


class IllegalMove(Conflict):
    """A finding can not go from its state to that one."""

    def __init__(self, finding: str, state: FindingState, to: FindingState) -> None:
        super().__init__(
            N_("Finding %(id)s is %(state)s and can not become %(to)s."), id=finding, state=state, to=to
        )


@dataclass(frozen=True)
class Observation:
    """A fault as a check sees it now. ``subject`` tells it from others of its kind on the same asset."""

    kind: FindingKind
    asset: str
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return (str(self.kind), self.asset, self.subject)


@dataclass(frozen=True)
class Finding:
    """A fault over time."""

    id: str
    kind: FindingKind
    asset: str
    subject: str
    details: Mapping[str, Any]
    state: FindingState
    severity: str
    unit: str
    first_seen: datetime
    last_seen: datetime
    excepted_until: datetime | None = None
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (str(self.kind), self.asset, self.subject)

    def require_move(self, to: FindingState) -> None:
        if to not in FINDING_TRANSITIONS[self.state]:
            raise IllegalMove(self.id, self.state, to)


def state_when_seen(finding: Finding, now: datetime) -> FindingState:
    """What a finding is after a check that saw it: an exception holds until its date, everything mended opens again."""
    if finding.state is _F.EXCEPTED and finding.excepted_until is not None and now < finding.excepted_until:
        return _F.EXCEPTED
    return _F.ACKNOWLEDGED if finding.state is _F.ACKNOWLEDGED else _F.OPEN


def state_when_gone(finding: Finding) -> FindingState:
    """What a finding is after a check that looked and did not see it."""
    return _F.VERIFIED if finding.state in (_F.FIXED, _F.VERIFIED) else _F.FIXED


# --- endpoints
@dataclass(frozen=True)
class EndpointReading:
    """What an active check of one TLS endpoint brought; ``certificate`` is the leaf as DER."""

    reachable: bool
    latency: float | None = None  # seconds until the TCP connection stood
    tls: str = ""  # negotiated version, "" when the handshake failed
    certificate: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class CertificateFacts:
    """What a leaf certificate says (RFC 5280); fingerprint is SHA-256 of the DER."""

    fingerprint: str
    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    signature: str


# --- traps
@dataclass(frozen=True)
class Trap:
    """A notification (RFC 3416 section 4.2.6): who sent it, what it is, what it carries."""

    source: str
    version: str  # "v1", "v2c" or "v3"
    user: str  # security name; never the community
    inform: bool
    oid: Oid
    uptime: int
    varbinds: tuple[tuple[Oid, Value], ...] = ()


@dataclass(frozen=True)
class TrapRecord:
    """A notification as stored; the same one within REPEAT_WINDOW only counts up."""

    id: str
    asset: str
    source: str
    name: str
    version: str
    severity: str
    first_at: datetime
    last_at: datetime
    count: int
    varbinds: Mapping[str, Any]


REPEAT_WINDOW = timedelta(seconds=60)
