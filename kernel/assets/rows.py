"""From table rows to entries of the register: the columns, and what each cell must be."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.assets.model import PORT_ATTRIBUTES, Asset, AssetKind, Link, Network, Zone
from kernel.assets.tables import Columns, TableRow
from kernel.errors import Invalid
from kernel.i18n import N_

ASSET_COLUMNS = Columns(
    {
        "name": ("name", "名称", "资产名称"),
        "kind": ("kind", "类型", "资产类型"),
        "unit": ("unit", "单位", "所属单位"),
        "zone": ("zone", "安全域", "区域"),
        "address": ("address", "管理地址", "IP地址", "地址"),
        "platform": ("platform", "平台", "设备平台"),
        "level": ("level", "保护等级", "等级"),
        "ssh_port": ("ssh_port", "SSH端口"),
        "snmp_port": ("snmp_port", "SNMP端口"),
        "tls_port": ("tls_port", "TLS端口"),
        "server_name": ("server_name", "服务域名"),
        "credential": ("credential", "凭据", "凭据名称"),
        "site": ("site", "位置", "机房"),
        "serial": ("serial", "序列号"),
        "owner": ("owner", "责任人"),
        "remark": ("remark", "备注"),
    },
    required=("name", "kind", "unit"),
    free=True,
)
ZONE_COLUMNS = Columns(
    {
        "id": ("id", "编号"),
        "name": ("name", "名称"),
        "network": ("network", "网络"),
        "prefixes": ("prefixes", "网段"),
        "level": ("level", "保护等级", "等级"),
    },
    required=("id", "name", "network"),
)
LINK_COLUMNS = Columns(
    {
        "a": ("a", "甲端"),
        "a_port": ("a_port", "甲端端口"),
        "b": ("b", "乙端"),
        "b_port": ("b_port", "乙端端口"),
    },
    required=("a", "a_port", "b", "b_port"),
)

_KINDS = {
    "设备": AssetKind.DEVICE,
    "系统": AssetKind.SYSTEM,
    "信息系统": AssetKind.SYSTEM,
    "人员": AssetKind.PERSON,
    "网关": AssetKind.GATEWAY,
    "隔离网关": AssetKind.GATEWAY,
    "服务": AssetKind.SERVICE,
} | {str(kind): kind for kind in AssetKind}
_NETWORKS = {
    "内网": Network.INTRANET,
    "外网": Network.EXTRANET,
    "出口": Network.EXIT,
    "互联网出口": Network.EXIT,
    "互联网": Network.INTERNET,
} | {str(network): network for network in Network}
KNOWN_ATTRIBUTES = (
    "ssh_port",
    "snmp_port",
    "tls_port",
    "server_name",
    "credential",
    "site",
    "serial",
    "owner",
    "remark",
)


@dataclass(frozen=True)
class Known:
    """What rows may refer to: ids and names of units, zones and entries, each to its id."""

    units: Mapping[str, str]
    zones: Mapping[str, str]
    assets: Mapping[str, str]


def asset_of(row: TableRow, known: Known) -> Asset:
    """The entry a row describes (id "" and version 0); Invalid whose place is the wrong field."""
    cells = row.cells
    attributes: dict[str, Any] = {name: cells[name] for name in KNOWN_ATTRIBUTES if name in cells}
    attributes |= {
        name.removeprefix("attr:"): value for name, value in cells.items() if name.startswith("attr:")
    }
    for name in PORT_ATTRIBUTES:
        if name in attributes:
            attributes[name] = _number(attributes[name], name)
    return Asset(
        id="",
        kind=_choice(cells, "kind", _KINDS),
        name=_needed(cells, "name"),
        unit=_reference(cells, "unit", known.units, N_("There is no unit %(value)s.")),
        zone=_reference(cells, "zone", known.zones, N_("There is no zone %(value)s."))
        if "zone" in cells
        else "",
        address=cells.get("address", ""),
        platform=cells.get("platform", ""),
        level=_number(cells.get("level", "0"), "level"),
        attributes=attributes,
    )


def attributes_of(pairs: Iterable[str]) -> dict[str, Any]:
    """Attributes from lines ``name=value``, ports as numbers; an empty value is kept and means "without it"."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Invalid(N_("An attribute is written as name=value."), place=pair[:60])
        name, value = name.strip(), value.strip()
        found[name] = _number(value, name) if name in PORT_ATTRIBUTES and value else value
    return found


def zone_row(row: TableRow, _known: Known) -> Zone:
    """The zone a row describes; prefixes are separated by blanks, commas or semicolons."""
    cells = row.cells
    text = cells.get("prefixes", "")
    for separator in ",;，；、":
        text = text.replace(separator, " ")
    return Zone(
        _needed(cells, "id"),
        _needed(cells, "name"),
        _choice(cells, "network", _NETWORKS),
        tuple(text.split()),
        _number(cells.get("level", "0"), "level"),
    )


def link_of(row: TableRow, known: Known) -> Link:
    """The link a row describes, its ends named by name or id."""
    message = N_("There is no entry %(value)s in the register.")
    a, b = (_reference(row.cells, column, known.assets, message) for column in ("a", "b"))
    return Link(a, _needed(row.cells, "a_port"), b, _needed(row.cells, "b_port"))


def _needed(cells: Mapping[str, str], column: str) -> str:
    if column not in cells:
        raise Invalid(N_("The cell is empty."), mend=N_("Fill it in."), place=column)
    return cells[column]


def _choice(cells: Mapping[str, str], column: str, choices: Mapping[str, Any]) -> Any:
    value = _needed(cells, column)
    if value.casefold() not in choices:
        raise Invalid(
            N_("%(value)s is none of the choices."),
            mend=N_("Choices: %(choices)s."),
            place=column,
            value=value[:60],
            choices=", ".join(choices),
        )
    return choices[value.casefold()]


def _reference(cells: Mapping[str, str], column: str, known: Mapping[str, str], message: str) -> str:
    value = _needed(cells, column)
    if value not in known:
        raise Invalid(
            message, mend=N_("Correct the spelling, or register it first."), place=column, value=value[:60]
        )
    return known[value]


def _number(text: str, column: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(N_("%(value)s is no whole number."), place=column, value=text[:60])
    return int(text)


RowReader = Callable[[TableRow, Known], Any]
