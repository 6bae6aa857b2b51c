"""What monitoring has seen of certificates, for the certificate authority's inventory: the two rooms do not know each other."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ca.inventory.model import Elsewhere, Facts, Target
from kernel.identity.model import Principal
from kernel.store.listing import every

if TYPE_CHECKING:
    from monitor.service import MonitorService
    from monitor.standing import EndpointStanding


def seen_by(monitor: "MonitorService") -> Iterator[Elsewhere]:
    """Every endpoint of the register whose certificate was read at its last check."""
    for one in every(partial(monitor.endpoints.page, Principal.system("ca"))):
        if one.facts and one.checked_at is not None:
            yield Elsewhere(_target(one), _facts(dict(one.facts)), one.checked_at)


def _target(one: "EndpointStanding") -> Target:
    address, _, port = one.endpoint.rpartition(":")
    return Target(address.strip("[]"), int(port), "", one.unit)


def _facts(told: dict[str, Any]) -> Facts:
    """Monitoring keeps no key: what it does not know is empty."""
    algorithm, _, bits = str(told["key"]).partition(" ")
    return Facts(
        fingerprint=told["fingerprint"],
        subject=told["subject"],
        issuer=told["issuer"],
        serial=told["serial"],
        names=tuple(told["names"]),
        not_before=_time(told["not_before"]),
        not_after=_time(told["not_after"]),
        key=told["key"],
        bits=int(bits) if algorithm.lower() == "rsa" and bits.isdigit() else 0,
        curve="",
        signature=told["signature"],
        key_digest="",
        self_signed=told["subject"] == told["issuer"],
    )


def _time(told: Any) -> datetime:
    return told if isinstance(told, datetime) else datetime.fromisoformat(told)
