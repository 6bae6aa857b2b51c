"""Packet-filter rules of four dialects as boxes: protocol, source, destination, destination ports.

A rule that cannot be read completely (object groups, odd wildcards) has no box: it counts as not understood and takes
part in no conclusion. Rules of ``ipaddress`` networks; ports 0-65535 stand for "any port".
"""

import ipaddress
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from netops.config.facts import Fact, Facts
from netops.config.tree import Line
from netops.vendors import Vendor

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ANY4: Network = ipaddress.ip_network("0.0.0.0/0")
ANY6: Network = ipaddress.ip_network("::/0")
ALL_PORTS = (0, 65535)
PORT_NAMES: Mapping[str, int] = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "dns": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69, "www": 80, "http": 80, "pop3": 110, "sunrpc": 111, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138,
    "netbios-ssn": 139, "imap4": 143, "snmp": 161, "snmptrap": 162, "bgp": 179, "ldap": 389, "https": 443, "isakmp": 500,
    "exec": 512, "login": 513, "cmd": 514, "syslog": 514, "ldaps": 636, "sqlnet": 1521, "radius": 1645,
    "radius-acct": 1646,
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    """What a rule matches. ``protocol`` "ip" is every protocol."""

    protocol: str
    source: Network
    destination: Network
    ports: tuple[int, int] = ALL_PORTS
    source_ports: tuple[int, int] = ALL_PORTS
    narrowed: bool = False  # by a further condition (established, icmp type, time range, …)

    def covers(self, other: "Box") -> bool:
        """Whether every packet that matches ``other`` matches this one too."""
        return (
            not self.narrowed
            and self.protocol in ("ip", other.protocol)
            and _inside(other.source, self.source)
            and _inside(other.destination, self.destination)
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
            and self.source_ports[0] <= other.source_ports[0]
            and other.source_ports[1] <= self.source_ports[1]
        )

    @property
    def is_everything(self) -> bool:
        unbounded = self.source.prefixlen == 0 and self.destination.prefixlen == 0
        ports = self.ports == ALL_PORTS and self.source_ports == ALL_PORTS
        return self.protocol == "ip" and unbounded and ports and not self.narrowed


@dataclass(frozen=True)
class AclRule:
    """One rule of one list, in its order. ``standard`` lists look at the source alone."""

    acl: str
    permits: bool
    box: Box | None
    line: Line
    standard: bool = False


class _Unread(Exception):
    """The rule uses something this reader does not know."""


def rules_of(facts: Facts, vendor: Vendor) -> list[AclRule]:
    """The rules of all lists in file order; remarks are left out."""
    reader = _READERS.get(vendor.acl_style)
    return list(_rules(facts, reader)) if reader else []


def _rules(facts: Facts, reader: "Callable[[str, list[str]], tuple[Box, bool]]") -> Iterator[AclRule]:
    for fact in facts.of("acl"):
        words = fact.values["rule"].split()
        kind = words.pop(0) if words[0] in ("extended", "standard", "webtype", "ethertype") else ""
        if not words or words[0] not in ("permit", "deny", "accept"):
            continue
        if "inactive" in words:  # ASA keeps such a rule without applying it
            continue
        acl, permits = _list_of(fact), words[0] != "deny"
        try:
            box, standard = reader(kind or _list_kind(fact), words[1:])
        except (_Unread, ValueError, IndexError):
            yield AclRule(acl, permits, None, fact.line)
        else:
            yield AclRule(acl, permits, box, fact.line, standard)


def _list_of(fact: Fact) -> str:
    return fact.values.get("list") or (fact.line.path[-1] if fact.line.path else "")


def _list_kind(fact: Fact) -> str:
    """Standard or extended, by keyword or number (IOS 1-99, 1300-1999; VRP and Comware 2000-2999)."""
    name = _list_of(fact)
    if " standard " in f" {name} " or " basic " in f" {name} ":
        return "standard"
    number = next((int(word) for word in name.split() if word.isdigit()), 0)
    return "standard" if 1 <= number <= 99 or 1300 <= number <= 2999 else ""


def _cisco(wildcard: bool) -> "Callable[[str, list[str]], tuple[Box, bool]]":
    def read(kind: str, words: list[str]) -> tuple[Box, bool]:
        if kind in ("webtype", "ethertype"):
            raise _Unread
        if kind == "standard":
            source = _cisco_network(words, wildcard, bare_host=True)
            return Box("ip", source, ANY4, narrowed=bool(_without_log(words))), True
        protocol = _protocol(words.pop(0))
        source = _cisco_network(words, wildcard)
        source_ports = _cisco_ports(words)
        destination = _cisco_network(words, wildcard)
        ports = _cisco_ports(words)
        return Box(protocol, source, destination, ports, source_ports, bool(_without_log(words))), False

    return read


def _cisco_network(words: list[str], wildcard: bool, *, bare_host: bool = False) -> Network:
    word = words.pop(0)
    if word in ("any", "any4"):
        return ANY4
    if word == "any6":
        return ANY6
    if word == "host":
        return ipaddress.ip_network(words.pop(0))
    if "/" in word:
        return ipaddress.ip_network(word, strict=False)
    address = ipaddress.IPv4Address(word)
    if bare_host and (not words or not words[0][0].isdigit()):
        return ipaddress.ip_network(address)
    return _masked(address, words.pop(0), wildcard)


def _masked(address: ipaddress.IPv4Address, mask: str, wildcard: bool) -> Network:
    bits = int(ipaddress.IPv4Address(mask))
    if wildcard:
        bits ^= 0xFFFFFFFF
    prefix = bin(bits).count("1")
    if bits != (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF:
        raise _Unread  # a wildcard with holes is no prefix
    return ipaddress.ip_network((int(address) & bits, prefix))


def _cisco_ports(words: list[str]) -> tuple[int, int]:
    if not words or words[0] not in ("eq", "gt", "lt", "neq", "range"):
        return ALL_PORTS
    operator = words.pop(0)
    if operator == "neq":
        raise _Unread
    first = _port(words.pop(0))
    if operator == "range":
        return first, _port(words.pop(0))
    if operator == "eq" and words and (words[0].isdigit() or words[0] in PORT_NAMES):
        raise _Unread  # several ports behind one eq are several boxes
    return {"eq": (first, first), "gt": (first + 1, 65535), "lt": (0, first - 1)}[operator]


def _rule_style(kind: str, words: list[str]) -> tuple[Box, bool]:
    """VRP and Comware: ``rule 5 permit tcp source A W destination B W destination-port eq 22``; what is absent is any."""
    protocol = "ip"
    if words and not words[0].startswith(("source", "destination", "logging", "counting")):
        protocol = _protocol(words.pop(0))
    source, destination, ports, source_ports, narrowed = ANY4, ANY4, ALL_PORTS, ALL_PORTS, False
    while words:
        word = words.pop(0)
        if word == "source":
            source = _rule_network(words)
        elif word == "destination":
            destination = _rule_network(words)
        elif word == "destination-port":
            ports = _cisco_ports(words)
        elif word == "source-port":
            source_ports = _cisco_ports(words)
        elif word not in ("logging", "counting", "log"):
            narrowed = True
    return Box(protocol, source, destination, ports, source_ports, narrowed), kind == "standard"


def _rule_network(words: list[str]) -> Network:
    word = words.pop(0)
    if word == "any":
        return ANY4
    if "/" in word:
        return ipaddress.ip_network(word, strict=False)
    mask = words.pop(0)
    return _masked(ipaddress.IPv4Address(word), "0.0.0.0" if mask == "0" else mask, wildcard=True)  # noqa: S104


def _topsec(kind: str, words: list[str]) -> tuple[Box, bool]:
    """``firewall policy add action accept [src …] [dst …] [service …]``; named objects other than any stay unread."""
    words = shlex.split(" ".join(words))
    named = [words[words.index(word) + 1].strip() for word in ("src", "dst", "service") if word in words]
    if any(name.lower() not in ("any", "all") for name in named):
        raise _Unread
    return Box("ip", ANY4, ANY4), False


def _protocol(word: str) -> str:
    if word in ("object", "object-group", "icmp6") or not word.replace("-", "").isalnum():
        raise _Unread
    return {"ipv6": "ip", "0": "ip", "6": "tcp", "17": "udp", "1": "icmp"}.get(word, word)


def _port(word: str) -> int:
    return int(word) if word.isdigit() else PORT_NAMES[word] if word in PORT_NAMES else _unknown_port()


def _unknown_port() -> int:
    raise _Unread


def _without_log(words: list[str]) -> list[str]:
    """What is left of a rule once logging (and its level and interval) is taken off."""
    if words and words[0] in ("log", "log-input"):
        return []
    return words


def _inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


_READERS: Mapping[str, "Callable[[str, list[str]], tuple[Box, bool]]"] = {
    "cisco_wildcard": _cisco(wildcard=True),
    "cisco_netmask": _cisco(wildcard=False),
    "rule": _rule_style,
    "topsec": _topsec,
}
