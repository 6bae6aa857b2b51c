"""Reading CSV (RFC 4180) and XLSX (ECMA-376) tables that other people made: limits first, every bad cell named.

A table comes out as rows of texts by field. Whatever is wrong with the file as a whole is one Invalid; what is wrong with a
row is a RowError, and the other rows go on.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from kernel.edges.plain import FORMULA_SIGNS
from kernel.errors import Invalid, LimitExceeded
from kernel.i18n import N_, translate

MAX_FILE = 10 * 2**20  # bytes
MAX_UNPACKED = 100 * 2**20  # bytes of an XLSX once unpacked
MAX_PARTS = 2000
MAX_ELEMENTS = 1_000_000  # of the XML in an XLSX: the reader may hold them all, some 250 bytes each
MAX_ROWS = 20_000
MAX_COLUMNS = 64
MAX_CELL = 1000  # characters
_TOO_LARGE = N_("The file is larger than %(limit)s bytes.")
_ARCHIVE = b"PK\x03\x04"
_OLD_WORKBOOK = bytes.fromhex("d0cf11e0a1b11ae1")  # OLE 2, which holds .xls and encrypted .xlsx
_ARITHMETIC = re.compile(r"[+-][0-9 .()-]*")


@dataclass(frozen=True)
class RowError:
    """One fault: the row's number as a spreadsheet shows it (head = 1), the column's head, what is wrong, how to mend it."""

    row: int
    column: str
    message: str
    mend: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str | None = None) -> str:
        message = translate(self.message, language, **self.params)
        return f"{message} {translate(self.mend, language, **self.params)}" if self.mend else message


@dataclass(frozen=True)
class TableRow:
    """A row's number and its texts by field; empty cells are absent."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Columns:
    """What a table may have: field -> accepted heads (any case), the first one written on export; and which must be there.

    A head ``attr:NAME`` (属性:NAME) is the free field NAME when ``free`` is set. ``longest``: characters of a cell.
    """

    heads: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    free: bool = False
    longest: int = MAX_CELL

    def field_of(self, head: str) -> str | None:
        plain = head.strip().casefold()
        for name, heads in self.heads.items():
            if plain == name or plain in (known.casefold() for known in heads):
                return name
        prefix, colon, name = plain.replace("：", ":").partition(":")
        return f"attr:{name.strip()}" if self.free and colon and prefix in ("attr", "属性") else None


@dataclass(frozen=True)
class TableFile:
    """A table as it came: its name, which messages tell, its octets, and how many rows are taken of it at most."""

    name: str
    data: bytes
    most: int = MAX_ROWS

    @classmethod
    def of(cls, file: "Path | TableFile") -> "TableFile":
        """A file on this machine read whole, if it is not too large; what was sent is one already."""
        if isinstance(file, TableFile):
            return file
        try:
            _limit(file.stat().st_size, MAX_FILE, _TOO_LARGE, file.name)
            return cls(file.name, file.read_bytes())
        except OSError as error:
            raise Invalid(
                N_("The file can not be read: %(detail)s"), place=file.name, detail=error.strerror
            ) from None


def read_table(file: TableFile, columns: Columns) -> tuple[list[TableRow], list[RowError], dict[str, str]]:
    """Rows, faulty cells, and field -> head as written. Invalid or LimitExceeded when the file as a whole will not do."""
    data, name = file.data, file.name
    _limit(len(data), MAX_FILE, _TOO_LARGE, name)
    if data.startswith(_OLD_WORKBOOK):
        raise Invalid(
            N_("The file is an old or an encrypted workbook."),
            mend=N_("Save it anew as .xlsx without a password, or as CSV."),
            place=name,
        )
    workbook = data.startswith(_ARCHIVE) or Path(name).suffix.lower() in (".xlsx", ".xlsm")
    rows = _xlsx_rows(data, name) if workbook else _csv_rows(data, name)
    return _by_field(rows, columns, name, file.most)


def formula_like(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula that does more than arithmetic (numbers, telephones)."""
    return text.startswith(FORMULA_SIGNS) and _ARITHMETIC.fullmatch(text) is None


def _by_field(
    rows: Iterator[tuple[int, Sequence[str]]], columns: Columns, file: str, most: int
) -> tuple[list[TableRow], list[RowError], dict[str, str]]:
    fields = _heads(next(rows, (1, ()))[1], columns, file)
    heads = {name: head for name, head in fields if name}
    table: list[TableRow] = []
    faults: list[RowError] = []
    for number, values in rows:
        _limit(number, most, N_("The table has more than %(limit)s rows."), file)
        if not any(value.strip() for value in values):
            continue
        faulty = list(_faulty_cells(number, values, fields, columns.longest))
        faults += faulty
        if not faulty:
            cells = {name: _plain(value) for (name, _), value in zip(fields, values, strict=False) if name}
            table.append(TableRow(number, {name: value for name, value in cells.items() if value}))
    return table, faults, heads


def _heads(values: Sequence[str], columns: Columns, file: str) -> list[tuple[str, str]]:
    """(field, head) of each column; "" for a column without a head, whose cells must be empty."""
    fields: list[tuple[str, str]] = []
    for value in values:
        head = value.strip()
        name = columns.field_of(head) if head else ""
        if name is None:
            raise Invalid(
                N_("The column %(head)s is not known."),
                mend=N_("Known columns: %(known)s."),
                place=f"{file}:1",
                head=repr(head[:60]),
                known=", ".join(known[0] for known in columns.heads.values()),
            )
        if name and name in (used for used, _ in fields):
            raise Invalid(N_("The column %(head)s is there twice."), place=f"{file}:1", head=head[:60])
        fields.append((name, head))
    missing = [columns.heads[name][0] for name in columns.required if name not in dict(fields)]
    if missing:
        raise Invalid(
            N_("The head row lacks: %(missing)s."),
            mend=N_("Write the columns' names into the first row."),
            place=f"{file}:1",
            missing=", ".join(missing),
        )
    return fields


def _faulty_cells(
    number: int, values: Sequence[str], fields: list[tuple[str, str]], longest: int
) -> Iterator[RowError]:
    for position, value in enumerate(values):
        name, head = fields[position] if position < len(fields) else ("", "")
        if not name and value.strip():
            yield RowError(number, f"#{position + 1}", N_("The cell stands in a column without a head."))
        elif len(value) > longest:
            yield RowError(
                number, head, N_("The cell has more than %(limit)s characters."), params={"limit": longest}
            )
        elif formula_like(value):
            yield RowError(
                number, head, N_("The cell is a formula."), N_("Replace it by its value (paste as text).")
            )
        elif any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
            yield RowError(number, head, N_("The cell holds control characters."), N_("Type it anew."))


def _plain(value: str) -> str:
    """The text as it was before our own export guarded it against being taken for a formula."""
    text = value.strip()
    return text[1:] if text[:1] == "'" and formula_like(text[1:]) else text


# --- CSV
def _csv_rows(data: bytes, file: str) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(_decode(data, file), newline=""), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            _limit(len(row), MAX_COLUMNS, N_("The table has more than %(limit)s columns."), file)
            yield number, row
    except csv.Error as error:
        raise Invalid(
            N_("The CSV text is broken: %(detail)s"),
            mend=N_("Check the quotation marks of this row."),
            place=f"{file}:{number + 1}",
            detail=error,
        ) from None


def _decode(data: bytes, file: str) -> str:
    """UTF-8 with or without its mark, otherwise GB 18030, as Chinese spreadsheets write it."""
    if b"\0" in data:
        raise Invalid(
            N_("The file is neither a CSV text nor a workbook."),
            mend=N_("Save it anew as .xlsx or as CSV."),
            place=file,
        )
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid(N_("The text is neither UTF-8 nor GB 18030."), mend=N_("Save it as CSV UTF-8."), place=file)


# --- XLSX
def _xlsx_rows(data: bytes, file: str) -> Iterator[tuple[int, Sequence[str]]]:
    from openpyxl import load_workbook

    _check_archive(data, file)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what the file says of its own size is not to be trusted
            yield from _sheet_rows(sheet.iter_rows(max_col=MAX_COLUMNS + 1), file)
        finally:
            book.close()
    except (Invalid, LimitExceeded):
        raise
    except Exception as error:  # noqa: BLE001 - the reader raises anything on a broken file
        raise _no_workbook(error, file) from None


def _no_workbook(error: Exception, file: str) -> Invalid:
    return Invalid(
        N_("The file is no workbook that can be read (%(detail)s)."),
        mend=N_("Save it anew as .xlsx or as CSV."),
        place=file,
        detail=type(error).__name__,
    )


def _sheet_rows(rows: Iterable[Any], file: str) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(rows, 1):
        values = [_cell_text(cell) for cell in row]
        while values and not values[-1]:
            values.pop()
        _limit(len(values), MAX_COLUMNS, N_("The table has more than %(limit)s columns."), file)
        yield number, values


def _cell_text(cell: Any) -> str:
    """A cell's value as text; a formula keeps its ``=``, by which it is refused."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return "=" + str(value).removeprefix("=")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _check_archive(data: bytes, file: str) -> None:
    """Refuse a bomb before the reader opens it; zipfile reads no more than the sizes declared here."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, RuntimeError):  # the last: a version that zipfile does not know
        raise Invalid(
            N_("The file is a broken archive."), mend=N_("Save it anew as .xlsx or as CSV."), place=file
        ) from None
    _limit(len(parts), MAX_PARTS, N_("The workbook has more than %(limit)s parts."), file)
    unpacked = sum(part.file_size for part in parts)
    _limit(unpacked, MAX_UNPACKED, N_("The workbook unpacks to more than %(limit)s bytes."), file)
    _check_elements(archive, file)


def _check_elements(archive: zipfile.ZipFile, file: str) -> None:
    """A few octets of archive can be millions of elements, and a document type can make more of them."""
    count = 0

    def started(_name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal count
        count += 1
        _limit(count, MAX_ELEMENTS, N_("The workbook has more than %(limit)s elements."), file)

    def typed(*_declaration: Any) -> None:
        raise expat.ExpatError

    for part in archive.infolist():
        if not part.filename.endswith((".xml", ".rels")):
            continue
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.StartDoctypeDeclHandler = started, typed
        try:
            with archive.open(part) as stream:
                parser.ParseFile(stream)
        except (
            expat.ExpatError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            RuntimeError,  # encrypted, or compressed in a way that zipfile does not know
        ) as error:
            raise _no_workbook(error, file) from None


def _limit(value: int, limit: int, message: str, file: str) -> None:
    if value > limit:
        raise LimitExceeded(message, mend=N_("Split it into several files."), place=file, limit=limit)
