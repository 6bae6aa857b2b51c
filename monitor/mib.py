"""From an agent's values to a Reading: system (RFC 3418), interfaces (RFC 2863), neighbours (LLDP-MIB, IEEE 802.1AB-2005)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address

from monitor.model import Counters, Interface, Neighbour, Oid, Reading, Value
from monitor.platforms import Platform
from monitor.ports import Answer, Query

_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, SYS_NAME, SYS_LOCATION = ((*_SYSTEM, n, 0) for n in (1, 2, 3, 5, 6))

_IF = (1, 3, 6, 1, 2, 1, 2, 2, 1)
_IFX = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
IF_DESCR, IF_SPEED, IF_ADMIN, IF_OPER = ((*_IF, n) for n in (2, 5, 7, 8))
IF_IN_OCTETS, IF_IN_ERRORS, IF_OUT_OCTETS, IF_OUT_ERRORS = ((*_IF, n) for n in (10, 14, 16, 20))
IF_NAME, IF_HC_IN, IF_HC_OUT, IF_HIGH_SPEED, IF_ALIAS, IF_DISCONTINUITY = (
    (*_IFX, n) for n in (1, 6, 10, 15, 18, 19)
)

_LLDP = (1, 0, 8802, 1, 1, 2, 1)
LOCAL_CHASSIS_TYPE, LOCAL_CHASSIS = (*_LLDP, 3, 1, 0), (*_LLDP, 3, 2, 0)
LOCAL_PORT_TYPE, LOCAL_PORT, LOCAL_PORT_DESCR = ((*_LLDP, 3, 7, 1, n) for n in (2, 3, 4))
REM_CHASSIS_TYPE, REM_CHASSIS, REM_PORT_TYPE, REM_PORT, REM_PORT_DESCR, REM_NAME = (
    (*_LLDP, 4, 1, 1, n) for n in (4, 5, 6, 7, 8, 9)
)
REM_ADDRESS = (*_LLDP, 4, 2, 1, 3)
_CHASSIS_MAC, _PORT_MAC, _PORT_IF_NAME, _PORT_LOCAL = 4, 3, 5, 7

_INTERFACES = (
    (IF_NAME, IF_ALIAS, IF_HIGH_SPEED, IF_HC_IN, IF_HC_OUT, IF_DISCONTINUITY),
    (IF_DESCR, IF_SPEED, IF_ADMIN, IF_OPER, IF_IN_OCTETS, IF_IN_ERRORS, IF_OUT_OCTETS, IF_OUT_ERRORS),
)
_NEIGHBOURS = (
    (LOCAL_PORT_TYPE, LOCAL_PORT, LOCAL_PORT_DESCR),
    (REM_CHASSIS_TYPE, REM_CHASSIS, REM_PORT_TYPE, REM_PORT, REM_PORT_DESCR, REM_NAME),
    (REM_ADDRESS,),
)
_GROUPS = dict.fromkeys(_INTERFACES, "interfaces") | dict.fromkeys(_NEIGHBOURS, "neighbours")
Values = Mapping[Oid, Value]


def query_for(platform: Platform) -> Query:
    """Everything one poll asks of a device of this platform."""
    scalars = (
        SYS_DESCR,
        SYS_OBJECT_ID,
        SYS_UPTIME,
        SYS_NAME,
        SYS_LOCATION,
        LOCAL_CHASSIS_TYPE,
        LOCAL_CHASSIS,
    )
    own_tables = tuple((column,) for column in platform.columns)
    return Query(scalars + platform.scalars, _INTERFACES + _NEIGHBOURS + own_tables)


def read(answer: Answer, platform: Platform, at: datetime) -> Reading:
    """What the answer says; objects that are absent or of a wrong type are left out, never guessed."""
    values = answer.values
    uptime = _number(values.get(SYS_UPTIME)) or 0
    chassis = values.get(LOCAL_CHASSIS)
    return Reading(
        sys_name=text(values.get(SYS_NAME)),
        sys_descr=text(values.get(SYS_DESCR)),
        sys_object_id=dotted(values.get(SYS_OBJECT_ID)),
        location=text(values.get(SYS_LOCATION)),
        uptime=uptime,
        interfaces=tuple(_interfaces(values, uptime, at)),
        metrics=platform.metrics(values),
        lldp=isinstance(chassis, bytes) and bool(chassis),
        gaps=tuple(_GROUPS.get(gap, "metrics") for gap in answer.gaps),
        chassis=_identifier(chassis, _number(values.get(LOCAL_CHASSIS_TYPE)) == _CHASSIS_MAC),
        neighbours=tuple(_neighbours(values)),
    )


def column(values: Values, prefix: Oid) -> dict[Oid, Value]:
    """Index -> value of one table column, in the order of the index."""
    size = len(prefix)
    return {oid[size:]: values[oid] for oid in sorted(values) if oid[:size] == prefix}


def text(value: Value | None) -> str:
    """Octets as text without control characters, at most 255 characters."""
    if not isinstance(value, bytes):
        return ""
    shown = decoded(value)
    return clean(value.decode("latin-1") if shown is None else shown)


def decoded(value: bytes) -> str | None:
    """The text if it is one in UTF-8, or in GB 18030 (ifAlias of older Chinese devices)."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return value.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def clean(shown: str) -> str:
    return "".join(c if c.isprintable() else " " for c in shown).strip()[:255]


def dotted(value: Value | None) -> str:
    return ".".join(map(str, value)) if isinstance(value, tuple) else ""


def _interfaces(values: Values, uptime: int, at: datetime) -> Iterator[Interface]:
    names, descriptions = column(values, IF_NAME), column(values, IF_DESCR)
    seen: set[str] = set()
    for index in sorted(names.keys() | descriptions.keys()):
        if len(index) != 1:
            continue
        name = text(names.get(index)) or text(descriptions.get(index)) or f"#{index[0]}"
        if name in seen:  # two interfaces of one name: tell them apart by their index
            name = f"{name}#{index[0]}"
        seen.add(name)
        yield Interface(
            name=name,
            index=index[0],
            alias=text(values.get(IF_ALIAS + index)),
            speed=_speed(values, index),
            admin_up=values.get(IF_ADMIN + index) == 1,
            oper_up=values.get(IF_OPER + index) == 1,
            counters=_counters(values, index, uptime, at),
        )


def _speed(values: Values, index: Oid) -> int:
    """Bit/s: ifHighSpeed is in Mbit/s and the only one that is right above 4.3 Gbit/s."""
    high = _number(values.get(IF_HIGH_SPEED + index))
    return high * 1_000_000 if high else _number(values.get(IF_SPEED + index)) or 0


def _counters(values: Values, index: Oid, uptime: int, at: datetime) -> Counters | None:
    wide = [_number(values.get(oid + index)) for oid in (IF_HC_IN, IF_HC_OUT)]
    narrow = [_number(values.get(oid + index)) for oid in (IF_IN_OCTETS, IF_OUT_OCTETS)]
    bits, pair = (32, narrow) if None in wide else (64, wide)
    if pair[0] is None or pair[1] is None:
        return None
    errors = [_number(values.get(oid + index)) or 0 for oid in (IF_IN_ERRORS, IF_OUT_ERRORS)]
    discontinuity = _number(values.get(IF_DISCONTINUITY + index)) or 0
    return Counters(at, uptime, pair[0], pair[1], errors[0], errors[1], bits, discontinuity)


def _neighbours(values: Values) -> Iterator[Neighbour]:
    ports = _local_ports(values)
    addresses = _addresses(values)
    for index, chassis in column(values, REM_CHASSIS).items():
        if len(index) != 3:
            continue
        _time_mark, local, _number_of = index
        port_type = _number(values.get(REM_PORT_TYPE + index))
        yield Neighbour(
            local_port=ports.get(local, f"#{local}"),
            chassis=_identifier(chassis, values.get(REM_CHASSIS_TYPE + index) == _CHASSIS_MAC),
            port=_port(port_type, values.get(REM_PORT + index), values.get(REM_PORT_DESCR + index)),
            name=text(values.get(REM_NAME + index)),
            addresses=tuple(addresses.get(index, ())),
        )


def _local_ports(values: Values) -> dict[int, str]:
    """lldpLocPortNum -> the port's name; ifName where the port is known by a number only."""
    names = {index[0]: text(name) for index, name in column(values, IF_NAME).items() if len(index) == 1}
    ports = dict(names)
    for index, value in column(values, LOCAL_PORT).items():
        if len(index) == 1:
            kind = _number(values.get(LOCAL_PORT_TYPE + index))
            ports[index[0]] = _port(kind, value, values.get(LOCAL_PORT_DESCR + index))
    return ports


def _port(kind: int | None, value: Value | None, description: Value | None) -> str:
    """A port's name: an interface name as it is; for a MAC or a bare number the description says more."""
    if kind == _PORT_IF_NAME or not text(description):
        return _identifier(value, kind == _PORT_MAC)
    plain = _identifier(value, kind == _PORT_MAC)
    return text(description) if kind in (_PORT_MAC, _PORT_LOCAL) and not _named(plain) else plain


def _named(port: str) -> bool:
    """Whether the text is a name rather than a number or a MAC."""
    return port[:1].isalpha() and ":" not in port


def _addresses(values: Values) -> dict[Oid, list[str]]:
    """lldpRemManAddrTable is indexed by time mark, port, neighbour, address family, length and the address itself."""
    found: dict[Oid, list[str]] = {}
    for index in column(values, REM_ADDRESS):
        if len(index) < 6 or len(index) != 5 + index[4] or any(part > 255 for part in index[5:]):
            continue
        if (index[3], index[4]) in ((1, 4), (2, 16)):
            found.setdefault(index[:3], []).append(str(ip_address(bytes(index[5:]))))
    return found


def _identifier(value: Value | None, is_mac: bool) -> str:
    if not isinstance(value, bytes):
        return ""
    return value.hex(":") if is_mac or (len(value) == 6 and not value.isascii()) else text(value)


def _number(value: Value | None) -> int | None:
    return value if isinstance(value, int) else None
