"""What a configuration states: facts drawn from the line tree by the platform's patterns, and what was not understood."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netops.config.tree import ConfigTree, Line
from netops.vendors import Vendor

IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
_Pattern = tuple[str, re.Pattern[str], re.Pattern[str] | None]


@dataclass(frozen=True)
class Fact:
    """One statement: its kind, the line it stands in and the values read from it."""

    kind: str
    line: Line
    values: Mapping[str, str]


@dataclass(frozen=True)
class InterfaceAddress:
    """An address of an interface; ``active`` is False when the interface is shut down."""

    interface: str
    address: IPInterface
    line: Line
    active: bool


@dataclass(frozen=True)
class Facts:
    """All facts of one configuration; ``unread`` are lines of the kinds we read that no pattern understood."""

    facts: tuple[Fact, ...]
    unread: tuple[Line, ...]

    def of(self, kind: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.kind == kind]

    def addresses(self) -> Iterator[InterfaceAddress]:
        """Every interface address that is a valid one."""
        down = {id(fact.line.parent) for fact in self.of("shutdown")}
        for fact in self.of("address"):
            address = read_address(fact.values["address"], fact.values.get("mask"))
            if address is not None:
                parent = fact.line.parent
                name = parent.text.removeprefix("interface ") if parent else fact.values.get("name", "")
                yield InterfaceAddress(name, address, fact.line, id(parent) not in down or parent is None)


def extract(tree: ConfigTree, vendor: Vendor) -> Facts:
    """Apply the platform's patterns to every line; the first that fits wins."""
    patterns: list[_Pattern] = [
        (p.kind, re.compile(p.line), re.compile(p.under) if p.under else None) for p in vendor.facts
    ]
    scope = re.compile(vendor.scope) if vendor.scope else None
    facts: list[Fact] = []
    unread: list[Line] = []
    for line in tree.lines:
        if line.opaque:
            continue
        fact = _fact(line, patterns)
        if fact is not None and _readable(fact):
            facts.append(fact)
        elif scope is not None and scope.search(line.text):
            unread.append(line)
    return Facts(tuple(facts), tuple(unread))


def read_address(address: str, mask: str | None) -> IPInterface | None:
    """``10.0.0.1`` with ``255.255.255.0`` or ``24``, or ``2001:db8::1/64``; None when it is none."""
    try:
        return ipaddress.ip_interface(f"{address}/{mask}" if mask else address)
    except ValueError:
        return None


def _fact(line: Line, patterns: list[_Pattern]) -> Fact | None:
    for kind, regex, under in patterns:
        match = regex.search(line.text)
        if match and (under is None or any(under.search(header) for header in line.path)):
            return Fact(kind, line, {name: value for name, value in match.groupdict().items() if value})
    return None


def _readable(fact: Fact) -> bool:
    return fact.kind != "address" or read_address(fact.values["address"], fact.values.get("mask")) is not None
