"""The inventory of certificates in the network (CA-12): where each was seen, and what is wrong with it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from kernel.errors import Conflict, Invalid
from kernel.i18n import N_

MOST_ADDRESSES = 4096  # of one range
MOST_PORTS = 16
# RFC 1918, RFC 4193: not loopback, link-local or what else is called private, where this very machine and its cloud answer
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
Net = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Range:
    """Addresses that are looked at on each of these ports; whoever answers is of ``unit``. ``network`` is CIDR."""

    id: str
    name: str
    network: str
    ports: tuple[int, ...]
    unit: str
    enabled: bool = True
    changed_by: str = ""
    changed_at: datetime | None = None
    unit_name: str = ""


def network_of(text: str, declared: Iterable[str]) -> Net:
    """The network of a range: private (RFC 1918, RFC 4193) or within a zone of the register, and not too wide."""
    try:
        network = ip_network(text.strip(), strict=True)
    except ValueError:
        raise Invalid(
            N_("%(text)s is no network."),
            mend=N_("Write it as 10.1.2.0/24."),
            place="network",
            text=text[:60],
        ) from None
    if network.num_addresses > MOST_ADDRESSES:
        raise Invalid(
            N_("A range has at most %(most)s addresses."),
            mend=N_("Part it into several."),
            place="network",
            most=MOST_ADDRESSES,
        )
    if not any(_within(network, one) for one in (*PRIVATE, *map(ip_network, declared))):
        raise Invalid(
            N_("%(text)s is neither private nor part of a zone of the register."),
            mend=N_("Enter the zone's prefix first: only what is ours is looked at."),
            place="network",
            text=str(network),
        )
    return network


def _within(inner: Net, outer: Net) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def ports_of(ports: Sequence[int]) -> tuple[int, ...]:
    """Distinct ports in order; Invalid for none, too many, or what is no port."""
    found = tuple(sorted(set(ports)))
    if not found or len(found) > MOST_PORTS or not all(0 < port < 65536 for port in found):
        raise Invalid(N_("Give 1 to %(most)s ports between 1 and 65535."), place="ports", most=MOST_PORTS)
    return found


class KeyKind(StrEnum):
    """Kinds of keys that servers have certificates for side by side (RFC 8446 section 4.4.2.2)."""

    RSA = "rsa"
    ECDSA = "ecdsa"


@dataclass(frozen=True, order=True)
class Target:
    """Where to knock: an address and port, and the name to ask for (SNI), where one is known."""

    address: str
    port: int
    server_name: str = ""
    unit: str = ""
    range: str = ""

    @property
    def id(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def id_of(self, kind: KeyKind | None) -> str:
        """Of the certificate that the place shows: its own, or the other one for keys of this kind."""
        return f"{self.id}~{kind}" if kind else self.id

    @property
    def ids(self) -> tuple[str, ...]:
        """All under which something may be known of it."""
        return tuple(self.id_of(kind) for kind in (None, *KeyKind))


@dataclass(frozen=True)
class Presented:
    """What an endpoint presented: the chain as it was sent (DER, leaf first), and the TLS version. ``kind`` is None for what
    everybody is shown; otherwise it is shown only to who takes keys of this kind alone."""

    chain: tuple[bytes, ...]
    tls: str
    kind: KeyKind | None = None


@dataclass(frozen=True)
class Facts:
    """What a leaf certificate says. ``key`` and ``signature`` are for people ("ecdsa 256", "sha256"); ``bits`` 0: not known."""

    fingerprint: str
    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str
    bits: int
    curve: str
    signature: str
    key_digest: str
    self_signed: bool


class Origin(StrEnum):
    """Who vouches for a certificate, as our register and our trust anchors tell."""

    OURS = "ours"
    TRUSTED = "trusted"  # another CA's that officers trust
    FOREIGN = "foreign"
    SELF_SIGNED = "self_signed"
    UNKNOWN = "unknown"  # bears the name of a CA of ours, and is not in the register


class Fault(StrEnum):
    """What may be wrong with a certificate where it is used."""

    EXPIRED = "expired"
    EXPIRES_SOON = "expires_soon"
    NOT_YET_VALID = "not_yet_valid"
    WEAK_KEY = "weak_key"
    WEAK_SIGNATURE = "weak_signature"
    WEAK_CURVE = "weak_curve"
    SELF_SIGNED = "self_signed"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"
    NAME_MISMATCH = "name_mismatch"
    SHARED_KEY = "shared_key"
    INCOMPLETE_CHAIN = "incomplete_chain"  # the leaf alone, which no root has issued (RFC 5246 section 7.4.2)
    OLD_PROTOCOL = "old_protocol"  # nothing newer than TLS 1.1 (RFC 8996)
    REVOKED = "revoked"


SEVERITY: Mapping[Fault, str] = {
    Fault.UNKNOWN: "critical",
    Fault.REVOKED: "critical",
    Fault.EXPIRED: "high",
    Fault.WEAK_KEY: "high",
    Fault.WEAK_SIGNATURE: "high",
    Fault.NOT_YET_VALID: "medium",
    Fault.WEAK_CURVE: "medium",
    Fault.FOREIGN: "medium",
    Fault.SHARED_KEY: "medium",
    Fault.NAME_MISMATCH: "medium",
    Fault.INCOMPLETE_CHAIN: "medium",
    Fault.OLD_PROTOCOL: "medium",
    Fault.SELF_SIGNED: "medium",
    Fault.EXPIRES_SOON: "low",
}
WEIGHT: Mapping[str, int] = {"critical": 4, "high": 3, "medium": 2, "low": 1}


@dataclass(frozen=True)
class Endpoint:
    """A place where a certificate was seen. ``source`` is "scan" or "monitor"; ``gone_at``: since when it answers no more."""

    id: str
    address: str
    port: int
    server_name: str
    unit: str
    source: str
    tls: str
    facts: Facts
    origin: Origin
    faults: tuple[Fault, ...]
    serial: str  # of our register, when the certificate is there
    first_seen: datetime
    last_seen: datetime
    chain: tuple[bytes, ...] = ()
    gone_at: datetime | None = None
    unit_name: str = ""


class FindingState(StrEnum):
    """Opened by a scan; a person takes it on; gone when a scan sees it no more (and open again if it comes back)."""

    OPEN = "open"
    TAKEN = "taken"
    GONE = "gone"


MOVES: Mapping[FindingState, frozenset[FindingState]] = {
    FindingState.OPEN: frozenset({FindingState.TAKEN, FindingState.GONE}),
    FindingState.TAKEN: frozenset({FindingState.OPEN, FindingState.GONE}),
    FindingState.GONE: frozenset({FindingState.OPEN}),
}


@dataclass(frozen=True)
class Finding:
    """A fault at an endpoint over time."""

    id: str
    endpoint: str
    fault: Fault
    severity: str
    state: FindingState
    subject: str
    unit: str
    first_seen: datetime
    last_seen: datetime
    note: str = ""
    unit_name: str = ""


def move(finding: Finding, wanted: FindingState) -> FindingState:
    """``wanted`` if the table allows it; Conflict otherwise."""
    if wanted not in MOVES[finding.state]:
        raise Conflict(
            N_("The finding is %(current)s and can not become %(wanted)s."),
            place=finding.id,
            current=finding.state,
            wanted=wanted,
        )
    return wanted


@dataclass(frozen=True)
class Elsewhere:
    """A certificate that another part of the suite has seen at an endpoint; what it does not know is empty."""

    target: Target
    facts: Facts
    at: datetime


@dataclass(frozen=True)
class Figures:
    """How the certificates in use stand: numbers by who vouches for them, by issuer (the most frequent), by days to the end."""

    origins: Mapping[str, int] = field(default_factory=dict)
    issuers: Mapping[str, int] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)
