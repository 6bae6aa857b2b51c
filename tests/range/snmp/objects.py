"""The objects an agent answers for: a sorted table, built from the host's snmp.yaml and the plan's links."""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from tests.range.plan import Host, Neighbour
from tests.range.snmp.ber import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    OCTETS,
    OID,
    TIME_TICKS,
    ObjectId,
    encode_value,
    parse_oid,
)

SYSTEM, IF, IFX = parse_oid("1.3.6.1.2.1.1"), parse_oid("1.3.6.1.2.1.2"), parse_oid("1.3.6.1.2.1.31.1.1.1")
IP_ADDRESSES = parse_oid("1.3.6.1.2.1.4.20.1")
LLDP = parse_oid("1.0.8802.1.1.2.1")  # IEEE 802.1AB
UP_FOR = 47 * 86400 + 11520  # seconds the devices had been up when the practice network started
TAGS = {
    "integer": INTEGER,
    "octets": OCTETS,
    "oid": OID,
    "gauge": GAUGE32,
    "counter": COUNTER32,
    "counter64": COUNTER64,
}

Reader = Callable[[], bytes]  # the value, encoded
Objects = dict[ObjectId, Reader]


class ObjectTable:
    """OIDs in order with what reads them."""

    def __init__(self, objects: Mapping[ObjectId, Reader]) -> None:
        self._objects = dict(objects)
        self._order = sorted(self._objects)

    def get(self, oid: ObjectId) -> bytes | None:
        reader = self._objects.get(oid)
        return reader() if reader else None

    def next(self, oid: ObjectId) -> tuple[ObjectId, bytes] | None:
        at = bisect_right(self._order, oid)
        return (self._order[at], self._objects[self._order[at]]()) if at < len(self._order) else None

    def has_below(self, oid: ObjectId) -> bool:
        """Whether an object (not this instance) exists: tells noSuchInstance from noSuchObject."""
        after = self.next(oid[:-1])
        return after is not None and after[0][: len(oid) - 1] == oid[:-1]

    def __len__(self) -> int:
        return len(self._order)


def uptime() -> float:
    """Seconds since the device's imagined start."""
    return UP_FOR + time.monotonic() - _LOADED


_LOADED = time.monotonic()


def build_table(host: Host, neighbours: list[Neighbour]) -> ObjectTable:
    data = yaml.safe_load(host.text("snmp.yaml"))
    objects: Objects = {}
    ports = interfaces_of(data)
    _system(objects, host, data)
    for number, port in enumerate(ports):
        _interface(objects, host, port, number)
    objects[(*IF, 1, 0)] = _fixed(INTEGER, len(ports))
    for address, index, mask in data.get("addresses", []):
        key = parse_oid(address)
        objects[(*IP_ADDRESSES, 1, *key)] = _fixed(IP_ADDRESS, address)
        objects[(*IP_ADDRESSES, 2, *key)] = _fixed(INTEGER, index)
        objects[(*IP_ADDRESSES, 3, *key)] = _fixed(IP_ADDRESS, mask)
    if data.get("lldp", True):
        _lldp(objects, host, data, ports, neighbours)
    for oid, entry in data.get("objects", {}).items():
        objects[parse_oid(oid)] = _declared(entry)
    return ObjectTable(objects)


def interfaces_of(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The interface rows with their defaults: index, name, speed (Mbit/s), up, alias, type, rate (bytes/s)."""
    defaults = {"speed": 1000, "up": True, "alias": "", "type": 6, "rate": 0}
    return [defaults | entry for entry in data["interfaces"]]


def _fixed(tag: int, value: int | str | bytes | ObjectId) -> Reader:
    encoded = encode_value(tag, value)
    return lambda: encoded


def _growing(tag: int, rate: float, offset: int) -> Reader:
    """A counter that has grown at ``rate`` a second since the device started; wraps like the real ones."""
    limit = 2**32 if tag == COUNTER32 else 2**64
    return lambda: encode_value(tag, (offset + int(rate * uptime())) % limit)


def _declared(entry: list[Any]) -> Reader:
    """``[type, value]``, or ``[type, low, high]`` for a figure that moves between the two in ten minutes."""
    kind, low, *rest = entry
    tag = TAGS[kind]
    if not rest:
        return _fixed(tag, parse_oid(low) if tag == OID else low)
    span = rest[0] - low
    return lambda: encode_value(tag, low + int(span * abs((uptime() % 600) / 300 - 1)))


def _system(objects: Objects, host: Host, data: Mapping[str, Any]) -> None:
    for arc, tag, value in (
        (1, OCTETS, data["description"]),
        (2, OID, parse_oid(data["object_id"])),
        (4, OCTETS, "network operations"),
        (5, OCTETS, host.name),
        (6, OCTETS, data["location"]),
        (7, INTEGER, data.get("services", 6)),
    ):
        objects[(*SYSTEM, arc, 0)] = _fixed(tag, value)
    objects[(*SYSTEM, 3, 0)] = lambda: encode_value(TIME_TICKS, int(uptime() * 100) % 2**32)


def _interface(objects: Objects, host: Host, port: Mapping[str, Any], number: int) -> None:
    index, rate, bits = port["index"], port["rate"], port["speed"] * 1_000_000
    offset = 7_000_000 * (number + 1) * bool(rate)
    for arc, reader in {
        1: _fixed(INTEGER, index), 2: _fixed(OCTETS, port["name"]), 3: _fixed(INTEGER, port["type"]),
        4: _fixed(INTEGER, 1500), 5: _fixed(GAUGE32, min(bits, 2**32 - 1)), 6: _fixed(OCTETS, _mac(host, number)),
        7: _fixed(INTEGER, port.get("admin", 1 if port["up"] else 2)), 8: _fixed(INTEGER, 1 if port["up"] else 2),
        9: _fixed(TIME_TICKS, 4200), 10: _growing(COUNTER32, rate, offset), 11: _growing(COUNTER32, rate / 800, 91),
        13: _fixed(COUNTER32, 0), 14: _fixed(COUNTER32, port.get("errors", 0)),
        16: _growing(COUNTER32, rate * 0.6, offset), 17: _growing(COUNTER32, rate / 900, 73),
        19: _fixed(COUNTER32, 0), 20: _fixed(COUNTER32, 0),
    }.items():  # fmt: skip
        objects[(*IF, 2, 1, arc, index)] = reader
    for arc, reader in {
        1: _fixed(OCTETS, port["name"]), 6: _growing(COUNTER64, rate, offset), 7: _growing(COUNTER64, rate / 800, 91),
        10: _growing(COUNTER64, rate * 0.6, offset), 11: _growing(COUNTER64, rate / 900, 73),
        15: _fixed(GAUGE32, port["speed"]), 17: _fixed(INTEGER, 1 if port["type"] == 6 else 2),
        18: _fixed(OCTETS, port["alias"]),
    }.items():  # fmt: skip
        objects[(*IFX, arc, index)] = reader


def _lldp(
    objects: Objects,
    host: Host,
    data: Mapping[str, Any],
    ports: list[dict[str, Any]],
    neighbours: list[Neighbour],
) -> None:
    for arc, tag, value in (
        (1, INTEGER, 4),  # chassis id is a MAC address
        (2, OCTETS, mac_bytes(host)),
        (3, OCTETS, host.name),
        (4, OCTETS, data["description"]),
    ):
        objects[(*LLDP, 3, arc, 0)] = _fixed(tag, value)
    physical = {port["name"]: port["index"] for port in ports if port["type"] == 6}
    for name, index in physical.items():
        for arc, tag, text in ((2, INTEGER, 5), (3, OCTETS, name), (4, OCTETS, name)):
            objects[(*LLDP, 3, 7, 1, arc, index)] = _fixed(tag, text)
    for number, neighbour in enumerate(neighbours, 1):
        place = (1000 + number, physical[neighbour.port], number)  # time mark, local port, index
        for arc, reader in _remote(neighbour):
            objects[(*LLDP, 4, 1, 1, arc, *place)] = reader
        address = (1, 4, *parse_oid(neighbour.host.address))
        for arc, tag, figure in ((3, INTEGER, 2), (4, INTEGER, 1)):
            objects[(*LLDP, 4, 2, 1, arc, *place, *address)] = _fixed(tag, figure)
        objects[(*LLDP, 4, 2, 1, 5, *place, *address)] = _fixed(OID, (0, 0))


def _remote(neighbour: Neighbour) -> Iterator[tuple[int, Reader]]:
    """Columns of lldpRemEntry: chassis (MAC), port (interface name), names, capability bridge and router."""
    host = neighbour.host
    yield 4, _fixed(INTEGER, 4)
    yield 5, _fixed(OCTETS, mac_bytes(host))
    yield 6, _fixed(INTEGER, 5)
    yield 7, _fixed(OCTETS, neighbour.host_port)
    yield 8, _fixed(OCTETS, neighbour.host_port)
    yield 9, _fixed(OCTETS, host.name)
    yield 10, _fixed(OCTETS, host.title["en"])
    yield 11, _fixed(OCTETS, b"\x28")
    yield 12, _fixed(OCTETS, b"\x28")


def mac_bytes(host: Host) -> bytes:
    return bytes.fromhex(host.mac.replace(":", ""))


def _mac(host: Host, number: int) -> bytes:
    return (int.from_bytes(mac_bytes(host), "big") + number).to_bytes(6, "big")
