"""Traps that a device sends: version 2c, or version 3 with the sender as the authoritative engine (RFC 3414 section 1.5.1)."""

import secrets
import socket
from dataclasses import dataclass

import yaml

from tests.range.plan import Host
from tests.range.snmp import usm
from tests.range.snmp.ber import (
    INTEGER,
    OCTETS,
    OID,
    TIME_TICKS,
    ObjectId,
    encode,
    encode_number,
    encode_oid,
    encode_sequence,
    encode_value,
    parse_oid,
)
from tests.range.snmp.objects import IF, IFX, interfaces_of, uptime

TRAP_V2 = 0xA7
Binding = tuple[ObjectId, int, int | str | ObjectId]
SYS_UPTIME, TRAP_OID = parse_oid("1.3.6.1.2.1.1.3.0"), parse_oid("1.3.6.1.6.3.1.1.4.1.0")
KINDS = {
    "cold-start": parse_oid("1.3.6.1.6.3.1.1.5.1"),
    "link-down": parse_oid("1.3.6.1.6.3.1.1.5.3"),
    "link-up": parse_oid("1.3.6.1.6.3.1.1.5.4"),
    "authentication-failure": parse_oid("1.3.6.1.6.3.1.1.5.5"),
}


@dataclass(frozen=True)
class Trap:
    """What happened: a kind of KINDS, and for links the port's name."""

    kind: str
    port: str = ""


def trap_pdu(host: Host, trap: Trap) -> bytes:
    """KeyError when the kind or the port does not exist."""
    bindings: list[Binding] = [
        (SYS_UPTIME, TIME_TICKS, int(uptime() * 100) % 2**32),
        (TRAP_OID, OID, KINDS[trap.kind]),
    ]
    if trap.kind.startswith("link-"):
        bindings += _link_bindings(host, trap)
    encoded = [encode_sequence(encode_oid(oid), encode_value(tag, value)) for oid, tag, value in bindings]
    return usm.pdu(TRAP_V2, secrets.randbelow(2**31), 0, 0, encoded)


def _link_bindings(host: Host, trap: Trap) -> list[Binding]:
    ports = {port["name"]: port for port in interfaces_of(yaml.safe_load(host.text("snmp.yaml")))}
    index, state = ports[trap.port]["index"], 2 if trap.kind == "link-down" else 1
    return [
        ((*IF, 2, 1, 1, index), INTEGER, index),
        ((*IF, 2, 1, 7, index), INTEGER, 1),
        ((*IF, 2, 1, 8, index), INTEGER, state),
        ((*IFX, 1, index), OCTETS, trap.port),
    ]


def version2_message(host: Host, trap: Trap, community: str) -> bytes:
    return encode_sequence(encode_number(1), encode(OCTETS, community.encode()), trap_pdu(host, trap))


def version3_message(host: Host, trap: Trap, engine: usm.Engine, user: usm.User) -> bytes:
    scoped = usm.scoped(engine, b"", trap_pdu(host, trap))
    return usm.protect(engine, user, usm.AUTH | usm.PRIV, secrets.randbelow(2**31), scoped)


def send(host: Host, message: bytes, receiver: tuple[str, int]) -> None:
    """One datagram from the device's own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((host.address, 0))
        sender.sendto(message, receiver)
