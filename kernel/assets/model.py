"""What the register holds, and the rules an entry must keep."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any

from kernel.canonical import sha256_hex
from kernel.errors import Invalid
from kernel.i18n import N_

LEVELS = range(5)
PORT_ATTRIBUTES = ("ssh_port", "snmp_port", "tls_port")
_NAME = re.compile(r"[\w.\-()/]{1,100}")
_PLATFORM = re.compile(r"[a-z0-9_]{0,40}")
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SECRET = re.compile(r"password|passwd|secret|community|private|token")


class AssetKind(StrEnum):
    """What an entry is: ``service`` is an endpoint (address + tls_port), ``gateway`` one host of an isolation gateway."""

    DEVICE = "device"
    SYSTEM = "system"
    PERSON = "person"
    GATEWAY = "gateway"
    SERVICE = "service"


class Network(StrEnum):
    """The separated networks a zone belongs to."""

    INTRANET = "intranet"
    EXTRANET = "extranet"
    EXIT = "exit"
    INTERNET = "internet"


@dataclass(frozen=True)
class Asset:
    """One entry. ``unit`` and ``zone`` are ids ("" for no zone), ``address`` is the management IP or "".

    ``attributes`` holds what only some entries have: ssh_port, snmp_port, tls_port (numbers); server_name (asked for by SNI),
    credential (the NAME of a stored credential), site, serial, owner, remark (text). Never a secret. ``version`` 0 means
    "not stored yet".
    """

    id: str
    kind: AssetKind
    name: str
    unit: str
    zone: str = ""
    address: str = ""
    platform: str = ""
    level: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Zone:
    """A security domain: its prefixes (CIDR, IPv4 or IPv6), its network and protection level (0 to 4)."""

    id: str
    name: str
    network: Network
    prefixes: tuple[str, ...] = ()
    level: int = 0
    version: int = 0


@dataclass(frozen=True)
class Link:
    """A registered physical link between two ports, by asset ids. ``canonical`` makes both directions equal."""

    a: str
    a_port: str
    b: str
    b_port: str

    @property
    def id(self) -> str:
        """The same for the same link, whichever end is named first."""
        one = self.canonical()
        return "link_" + sha256_hex("\0".join((one.a, one.a_port, one.b, one.b_port)).encode())[:32]

    def canonical(self) -> "Link":
        """The same link with the smaller end first."""
        swap = (self.b, self.b_port) < (self.a, self.a_port)
        return Link(self.b, self.b_port, self.a, self.a_port) if swap else self


@dataclass(frozen=True)
class ListedLink:
    """A link as lists show it: its ends by id and by name."""

    id: str
    a: str
    a_name: str
    a_port: str
    b: str
    b_name: str
    b_port: str

    @property
    def link(self) -> Link:
        return Link(self.a, self.a_port, self.b, self.b_port)


def zone_of(zones: Iterable[Zone], address: str) -> Zone | None:
    """The zone with the longest prefix that holds ``address``; None when no zone does."""
    ip = ip_address(address)
    best: tuple[int, Zone] | None = None
    for zone in zones:
        for prefix in map(ip_network, zone.prefixes):
            if ip in prefix and (best is None or prefix.prefixlen > best[0]):
                best = (prefix.prefixlen, zone)
    return best[1] if best else None


def check_asset(asset: Asset, zones: Mapping[str, Zone]) -> Asset:
    """Return the entry with its address in canonical form, or raise Invalid whose ``place`` is the wrong column."""
    if not _NAME.fullmatch(asset.name):
        raise Invalid(
            N_("The name must have 1 to 100 letters, digits or . - _ ( ) / and no blank."), place="name"
        )
    if asset.level not in LEVELS:
        raise Invalid(N_("The protection level must be 0 to 4."), place="level")
    if not _PLATFORM.fullmatch(asset.platform):
        raise Invalid(
            N_("The platform must be written in small letters, digits and _."),
            mend=N_("For example: cisco_ios, huawei_vrp, h3c_comware, linux."),
            place="platform",
        )
    if asset.zone and asset.zone not in zones:
        raise Invalid(
            N_("There is no zone %(zone)s."),
            mend=N_("Register the zone first: weicheng assets zones --import."),
            place="zone",
            zone=asset.zone,
        )
    check_attributes(asset.attributes)
    return _with_address(asset, zones)


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Names in small letters, plain values, ports from 1 to 65535, and no secrets."""
    for name, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(name):
            raise Invalid(
                N_("An attribute's name has small letters, digits and _, at most 40."), place=name[:60]
            )
        if _SECRET.search(name):
            raise Invalid(
                N_("The register keeps no secrets."),
                mend=N_("Store it with weicheng credential set and write its name into credential."),
                place=name,
            )
        if not isinstance(value, (str, int, bool)) or len(str(value)) > 1000:
            raise Invalid(N_("An attribute is a text of at most 1000 characters or a number."), place=name)
        if name in PORT_ATTRIBUTES and not (type(value) is int and 0 < value < 65536):
            raise Invalid(N_("A port is a number from 1 to 65535."), place=name)


def check_zone(zone: Zone) -> Zone:
    """Return the zone with its prefixes in canonical form, or raise Invalid naming the wrong column."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", zone.id):
        raise Invalid(N_("A zone's id has small letters, digits, - and _, at most 60."), place="id")
    if not zone.name.strip() or len(zone.name) > 100:
        raise Invalid(N_("A zone's name has 1 to 100 characters."), place="name")
    if zone.level not in LEVELS:
        raise Invalid(N_("The protection level must be 0 to 4."), place="level")
    prefixes = tuple(_prefix(text) for text in zone.prefixes)
    return Zone(zone.id, zone.name.strip(), zone.network, prefixes, zone.level, zone.version)


def check_link(link: Link) -> Link:
    """Return the link in canonical form, or raise Invalid naming the wrong column."""
    for column, port in (("a_port", link.a_port), ("b_port", link.b_port)):
        if not port.strip() or len(port) > 100:
            raise Invalid(N_("A port's name has 1 to 100 characters."), place=column)
    if (link.a, link.a_port) == (link.b, link.b_port):
        raise Invalid(N_("A link has two different ends."), place="b")
    return link.canonical()


def _prefix(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        raise Invalid(
            N_("%(text)s is no network prefix."),
            mend=N_("Write it like 10.1.0.0/16, without host bits."),
            place="prefixes",
            text=text[:60],
        ) from None


def _with_address(asset: Asset, zones: Mapping[str, Zone]) -> Asset:
    if not asset.address:
        return asset
    try:
        address = ip_address(asset.address)
    except ValueError:
        raise Invalid(
            N_("%(address)s is no IP address."),
            mend=N_("Write it like 10.1.0.1 or 2001:db8::1."),
            place="address",
            address=asset.address[:60],
        ) from None
    zone = zones.get(asset.zone)
    if zone and zone.prefixes and not any(address in ip_network(prefix) for prefix in zone.prefixes):
        raise Invalid(
            N_("%(address)s lies outside zone %(zone)s (%(prefixes)s)."),
            mend=N_("Correct the address or the zone."),
            place="address",
            address=asset.address,
            zone=zone.id,
            prefixes=", ".join(zone.prefixes),
        )
    fields = {**asset.__dict__, "address": str(address)}
    return Asset(**fields)
