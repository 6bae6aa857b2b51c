"""Spreadsheets of batches: the columns of each profile, a row as an application, tables to be taken away. Pure."""

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ca.profiles import Profile
from ca.registration.filing import Application
from kernel.assets.tables import Columns, RowError, TableRow
from kernel.edges.cells import guarded
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_

MOST = 5000  # rows of a batch
LONGEST_CELL = 8000  # characters: a CSR with an RSA key of 4096 bits in Base64 has some 2,300
_HEADS = {  # fields of a table and what they are called in one
    "C": "国家",
    "ST": "省份",
    "L": "市县",
    "O": "组织",
    "OU": "部门",
    "CN": "通用名称",
    "serialNumber": "设备编号",
    "UID": "人员编号",
    "dns": "域名",
    "ip": "IP地址",
    "email": "电子邮件",
    "uri": "服务地址",
    "unit": "单位",
    "evidence": "身份核验情况",
    "csr": "签名请求",
}
_KINDS = ("dns", "ip", "email", "uri")
_BETWEEN = re.compile(r"[\s,;，；、]+")


@dataclass(frozen=True)
class Defaults:
    """What holds for rows that do not say otherwise; ``units`` maps ids and names of the registrar's units to ids."""

    unit: str
    evidence: str
    units: Mapping[str, str]


def columns_of(profile: Profile) -> Columns:
    """The columns of a profile's table: what it asks for, the unit, how identity was checked, the CSR if it takes one."""
    asked = list(profile.asked)
    fields = [*asked, *(kind for kind in _KINDS if kind in profile.names.kinds), "unit", "evidence"]
    needed = [key for key in asked if profile.asked[key].required]
    if "csr" in profile.own_key:
        fields.append("csr")
        needed += [] if "generated" in profile.own_key else ["csr"]
    heads = {field: (field, _HEADS.get(field, field)) for field in fields}
    return Columns(heads, tuple(needed), longest=LONGEST_CELL)


def application_of(row: TableRow, profile: Profile, defaults: Defaults) -> Application:
    """The application that a row describes; Invalid whose place is the wrong field."""
    cells = row.cells
    names = [f"{kind}:{value}" for kind in _KINDS for value in _BETWEEN.split(cells.get(kind, "")) if value]
    return Application(
        profile=profile.id,
        subject={key: cells[key] for key in profile.asked if key in cells},
        names=names,
        unit=_unit(cells, defaults),
        evidence=cells.get("evidence", defaults.evidence),
        csr=_csr(cells["csr"]) if "csr" in cells else None,
    )


def as_content(asked: Application) -> dict[str, Any]:
    """An application as JSON."""
    csr = base64.b64encode(asked.csr).decode() if asked.csr is not None else None
    values = {"subject": dict(asked.subject), "names": list(asked.names), "unit": asked.unit}
    return {**values, "evidence": asked.evidence, "csr": csr}


def from_content(profile: str, content: Mapping[str, Any]) -> Application:
    """What ``as_content`` wrote down."""
    csr = base64.b64decode(content["csr"]) if content["csr"] else None
    return Application(
        profile, content["subject"], content["names"], content["unit"], content["evidence"], csr
    )


def fault_of(number: int, error: WeichengError, heads: Mapping[str, str]) -> RowError:
    """A row's error with the head of the column in which it is."""
    kind = error.place.partition(":")[0]
    field = kind if kind in _KINDS else _PLACES.get(error.place, error.place)
    return RowError(number, heads.get(field, field), error.message, error.mend, error.params)


# places that errors name -> the field of the table
_PLACES = {"CSR": "csr", "CSR signature": "csr", "CSR names": "csr", "public key": "csr", "names": "dns"}


def _unit(cells: Mapping[str, str], defaults: Defaults) -> str:
    named = cells.get("unit", defaults.unit)
    if named not in defaults.units:
        raise Invalid(
            N_("There is no unit %(value)s among yours."),
            mend=N_("Correct the spelling, or leave the cell empty."),
            place="unit",
            value=named[:60],
        )
    return defaults.units[named]


def _csr(text: str) -> bytes:
    """DER out of Base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(
            N_("The cell holds no CSR in Base64."),
            mend=N_("Paste the lines of the PEM text in one, without those of BEGIN and END."),
            place="csr",
        ) from None


# --- tables to be taken away
def to_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """UTF-8 with its mark, so that a spreadsheet program reads the Chinese right; no cell acts as a formula (CWE-1236)."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([guarded(str(cell)) for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def to_xlsx(rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook of one sheet, every cell a text."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append([guarded(str(cell)) for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def template_rows(profile: Profile) -> list[list[str]]:
    """The head row of an empty table to fill in."""
    return [[heads[1] for heads in columns_of(profile).heads.values()]]


FORMS = {"csv": to_csv, "xlsx": to_xlsx}


def written(form: str, rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as ``csv`` or ``xlsx``; Invalid for another form."""
    if form not in FORMS:
        raise Invalid(N_("A table is written as csv or xlsx."), place=form[:20])
    return FORMS[form](rows)
