"""Which certificates a bulk revocation is to touch: by what they are, where they were seen, or a table of serials."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from ca.inventory.tables import endpoints
from ca.model import State
from ca.tables import certificates
from kernel.errors import Invalid, LimitExceeded
from kernel.i18n import N_

MOST = 30_000  # what SQLite takes as values of one statement
_LIVING = tuple(str(state) for state in (State.ISSUED, State.HELD, State.SUPERSEDED))
_SERIAL = re.compile(r"[0-9a-f]{1,40}")


@dataclass(frozen=True)
class Selection:
    """All that is given has to fit. ``key`` is the SHA-256 of a public key, ``hosts`` addresses of the inventory ("address" or
    "address:port"), ``serials`` hex."""

    profile: str = ""
    unit: str = ""
    authority: str = ""
    key: str = ""
    hosts: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What is given, as JSON; of long lists how many."""
        texts = {name: getattr(self, name) for name in ("profile", "unit", "authority", "key")}
        told: dict[str, Any] = {name: value for name, value in texts.items() if value}
        if self.hosts:
            told["hosts"] = list(self.hosts[:100])
        if self.serials:
            told["serials"] = len(self.serials)
        return told

    def conditions(self) -> list[ColumnElement[bool]]:
        """Of certificates that can be revoked; Invalid when nothing at all is given."""
        wanted: list[ColumnElement[bool]] = [
            certificates.c[column] == value
            for column, value in (
                ("profile", self.profile),
                ("unit", self.unit),
                ("authority", self.authority),
                ("spki_digest", self.key.lower()),
            )
            if value
        ]
        if self.hosts:
            wanted.append(certificates.c.serial.in_(_seen_at(self.hosts)))
        if self.serials:
            wanted.append(certificates.c.serial.in_(self.serials))
        if not wanted:
            raise Invalid(
                N_("Say which certificates are meant: at least one condition is needed."), place="selection"
            )
        return [certificates.c.state.in_(_LIVING), *wanted]


def _seen_at(hosts: Iterable[str]) -> Any:
    """Serials of our certificates that the inventory has seen there."""
    given = [host.strip() for host in hosts]
    there = endpoints.c.address.in_(given) | endpoints.c.id.in_(given)
    return select(endpoints.c.serial).where(there, endpoints.c.serial != "", endpoints.c.gone_at.is_(None))


def serials_in(data: bytes, name: str = "") -> tuple[str, ...]:
    """The serials in a spreadsheet: XLSX, CSV or a text with one a line; of a table the first column that holds serials."""
    rows = _xlsx(data, name) if data[:4] == b"PK\x03\x04" else _text(data, name)
    found: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        serial = next((one for cell in row if (one := _serial(cell))), None)
        if serial is not None:
            found[serial] = None
        elif number > 1 and any(row):
            raise Invalid(N_("There is no serial number in this row."), place=f"{name}:{number}")
        if len(found) > MOST:
            raise LimitExceeded(
                N_("At most %(most)s certificates are revoked at once."), place=name, most=MOST
            )
    if not found:
        raise Invalid(N_("There is no serial number in it."), place=name)
    return tuple(found)


def _serial(cell: str) -> str | None:
    text = re.sub(r"[:\s]", "", cell).lower().removeprefix("0x")
    return text.zfill(32) if _SERIAL.fullmatch(text) and len(text) >= 8 else None


def _text(data: bytes, name: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid(
            N_("The table can not be read."), mend=N_("Give XLSX, or CSV in UTF-8."), place=name
        ) from error


def _xlsx(data: bytes, name: str) -> list[list[str]]:
    from zipfile import BadZipFile

    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        cells = sheet.iter_rows(max_row=MOST + 2, max_col=20, values_only=True)
        return [["" if cell is None else str(cell) for cell in row] for row in cells]
    except (BadZipFile, KeyError, ValueError, TypeError, IndexError, OSError, SyntaxError) as error:
        raise Invalid(
            N_("The table can not be read."), mend=N_("Give XLSX, or CSV in UTF-8."), place=name
        ) from error
