"""Names and weights of the notifications that need no MIB file, and of what they carry.

SNMPv2-MIB (RFC 3418), IF-MIB (RFC 2863), ENTITY-MIB (RFC 6933), LLDP-MIB (IEEE 802.1AB-2005), BRIDGE-MIB (RFC 4188).
"""

from collections.abc import Mapping
from typing import Any

from monitor.mib import clean, decoded
from monitor.model import Oid, Trap, Value

_SNMP_TRAPS = (1, 3, 6, 1, 6, 3, 1, 1, 5)
# notification -> (name, severity)
NOTIFICATIONS: Mapping[Oid, tuple[str, str]] = {
    (*_SNMP_TRAPS, 1): ("coldStart", "medium"),
    (*_SNMP_TRAPS, 2): ("warmStart", "low"),
    (*_SNMP_TRAPS, 3): ("linkDown", "medium"),
    (*_SNMP_TRAPS, 4): ("linkUp", "info"),
    (*_SNMP_TRAPS, 5): ("authenticationFailure", "medium"),
    (*_SNMP_TRAPS, 6): ("egpNeighborLoss", "low"),
    (1, 3, 6, 1, 2, 1, 47, 2, 0, 1): ("entConfigChange", "low"),
    (1, 3, 6, 1, 2, 1, 17, 0, 1): ("newRoot", "medium"),
    (1, 3, 6, 1, 2, 1, 17, 0, 2): ("topologyChange", "low"),
    (1, 0, 8802, 1, 1, 2, 0, 0, 1): ("lldpRemTablesChange", "low"),
}
# column or scalar -> name
OBJECTS: Mapping[Oid, str] = {
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 1): "ifIndex",
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 2): "ifDescr",
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 3): "ifType",
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 7): "ifAdminStatus",
    (1, 3, 6, 1, 2, 1, 2, 2, 1, 8): "ifOperStatus",
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1): "ifName",
    (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18): "ifAlias",
    (1, 3, 6, 1, 2, 1, 1, 5): "sysName",
    (1, 3, 6, 1, 6, 3, 18, 1, 3): "snmpTrapAddress",
    (1, 3, 6, 1, 6, 3, 1, 1, 4, 3): "snmpTrapEnterprise",
}
_HIDDEN = frozenset({(1, 3, 6, 1, 6, 3, 18, 1, 4, 0)})  # snmpTrapCommunity: a secret
_STATUS = {1: "up", 2: "down", 3: "testing"}
_VARBINDS = 50


def name_of(trap: Trap) -> tuple[str, str]:
    """(name, severity); an unknown notification has its OID for a name."""
    return NOTIFICATIONS.get(trap.oid, (".".join(map(str, trap.oid)), "info"))


def varbinds_of(trap: Trap) -> dict[str, Any]:
    """What it carries as JSON values: known objects by name, texts as text, other octets as hex."""
    found: dict[str, Any] = {}
    for oid, value in trap.varbinds[:_VARBINDS]:
        if oid in _HIDDEN:
            continue
        base = next((base for base in OBJECTS if oid[: len(base)] == base), None)
        name = OBJECTS[base] if base else ".".join(map(str, oid))
        found[name] = _json_value(name, value)
    return found


def _json_value(name: str, value: Value) -> Any:
    if isinstance(value, tuple):
        return ".".join(map(str, value))
    if isinstance(value, int):
        return _STATUS.get(value, value) if name in ("ifAdminStatus", "ifOperStatus") else value
    if name == "snmpTrapAddress" and len(value) == 4:
        return ".".join(map(str, value))
    plain = value.rstrip(b"\0\r\n")
    shown = None if any(byte < 32 for byte in plain) else decoded(plain)
    return value[:255].hex(" ") if shown is None else clean(shown)
