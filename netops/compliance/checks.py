"""Checks that need more than one line's text: each is a function named in rule files under ``check``.

A check gets the subject (tree, facts, packet-filter rules, circumstances) and the rule's options, and yields the lines at
fault (None: the device as a whole) with values for the mending commands.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netops.config.acl import AclRule, Network
from netops.config.facts import Facts
from netops.config.tree import ConfigTree, Line

Found = Iterator[tuple[Line | None, dict[str, str]]]


@dataclass(frozen=True)
class Circumstances:
    """What the configuration itself does not say: the device's own network, all registered prefixes, how it was reached.

    ``prefixes`` are (network name such as "intranet", prefix). ``gateway`` devices may join two networks.
    """

    network: str = ""
    prefixes: tuple[tuple[str, Network], ...] = ()
    gateway: bool = False
    legacy_ssh: bool = False


@dataclass(frozen=True)
class Subject:
    """One configuration as a check sees it."""

    tree: ConfigTree
    facts: Facts
    acl: tuple[AclRule, ...]
    circumstances: Circumstances


def any_any_permit(subject: Subject, options: Mapping[str, Any]) -> Found:
    """A rule that lets every protocol through from everywhere to everywhere."""
    for rule in subject.acl:
        if rule.permits and rule.box is not None and rule.box.is_everything and not rule.standard:
            yield rule.line, _values(rule)


def exposed_port(subject: Subject, options: Mapping[str, Any]) -> Found:
    """A rule that opens one of the ``ports`` (management, file sharing, databases) to every source address."""
    ports = set(options["ports"])
    for rule in subject.acl:
        box = rule.box
        if (
            not rule.permits
            or box is None
            or rule.standard
            or box.source.prefixlen
            or box.protocol not in ("tcp", "udp")
        ):
            continue
        low, high = box.ports
        if (low, high) != (0, 65535) and any(low <= port <= high for port in ports):
            yield rule.line, _values(rule)


def shadowed_rule(subject: Subject, options: Mapping[str, Any]) -> Found:
    """A rule that can never match because one earlier rule of its list with the opposite effect takes all its packets."""
    lists: dict[str, list[AclRule]] = {}
    for rule in subject.acl:
        earlier = lists.setdefault(rule.acl, [])
        box = rule.box
        if box is not None and _shadowing(rule, earlier) is not None:
            yield rule.line, _values(rule)
        earlier.append(rule)


def gateway_bypass(subject: Subject, options: Mapping[str, Any]) -> Found:
    """An interface address of the other network on a device that is no isolation gateway."""
    here = subject.circumstances
    if here.gateway or not here.network:
        return
    apart = {frozenset(pair) for pair in options["apart"]}
    for held in subject.facts.addresses():
        other = _network_of(held.address.ip, here.prefixes)
        if held.active and other and frozenset((other, here.network)) in apart:
            yield held.line, {"interface": held.interface, "address": str(held.address), "network": other}


def legacy_ssh(subject: Subject, options: Mapping[str, Any]) -> Found:
    """The device is only reached with algorithms that the register had to allow for it."""
    if subject.circumstances.legacy_ssh:
        yield None, {}


CHECKS: Mapping[str, Callable[[Subject, Mapping[str, Any]], Found]] = {
    "any_any_permit": any_any_permit,
    "exposed_port": exposed_port,
    "shadowed_rule": shadowed_rule,
    "gateway_bypass": gateway_bypass,
    "legacy_ssh": legacy_ssh,
}


def _shadowing(rule: AclRule, earlier: list[AclRule]) -> AclRule | None:
    """The rule above that hides this one. A last "deny everything" behind "permit everything" is the latter's fault."""
    assert rule.box is not None
    if rule.box.is_everything:
        return None
    covering = (
        e for e in earlier if e.box is not None and e.permits != rule.permits and e.box.covers(rule.box)
    )
    return next(covering, None)


def _network_of(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefixes: tuple[tuple[str, Network], ...]
) -> str:
    matching = [(prefix.prefixlen, name) for name, prefix in prefixes if address in prefix]
    return max(matching)[1] if matching else ""


def _values(rule: AclRule) -> dict[str, str]:
    """For mending commands: the list, the view in which one entry of it is taken out, the entry and its number.

    On IOS ``no access-list 101 …`` would delete the whole list, so numbered lists are entered like named ones.
    """
    line, words = rule.line, rule.line.text.split()
    if words[0] == "access-list":
        kind = "standard" if rule.standard else "extended"
        return {
            "acl": rule.acl,
            "view": f"ip access-list {kind} {rule.acl}",
            "entry": " ".join(words[2:]),
            "number": "",
        }
    number = words[1] if words[0] == "rule" else ""
    return {"acl": rule.acl, "view": line.path[-1] if line.path else "", "entry": line.text, "number": number}
