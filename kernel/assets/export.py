"""Writing the register as CSV, XLSX or JSON: what is written reads back in, and no cell acts as a formula (CWE-1236)."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence

from kernel.assets.model import Asset
from kernel.assets.rows import ASSET_COLUMNS
from kernel.assets.tables import Columns, formula_like

_PLAIN = ("name", "kind", "unit", "zone", "address", "platform", "level")


def table_of(assets: Sequence[Asset]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows: the known columns, then a column ``attr:NAME`` for each free attribute in use."""
    known = [name for name in ASSET_COLUMNS.heads if name not in _PLAIN]
    free = sorted({name for asset in assets for name in asset.attributes} - set(known))
    heads = [*_PLAIN, *known, *(f"attr:{name}" for name in free)]
    rows = [
        [str(getattr(asset, name)) for name in _PLAIN]
        + [str(asset.attributes.get(name, "")) for name in (*known, *free)]
        for asset in assets
    ]
    return heads, rows


def to_csv(assets: Sequence[Asset]) -> bytes:
    """UTF-8 with its mark, so that a spreadsheet program reads the Chinese right."""
    heads, rows = table_of(assets)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(heads)
    writer.writerows(_guarded(rows))
    return buffer.getvalue().encode("utf-8-sig")


def to_xlsx(assets: Sequence[Asset]) -> bytes:
    from openpyxl import Workbook

    heads, rows = table_of(assets)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("assets")
    for row in [heads, *_guarded(rows)]:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def to_json(assets: Sequence[Asset]) -> bytes:
    """A list of objects with the fields of Asset; retired_at is left out, since only entries in use are exported."""
    fields = ("id", *_PLAIN, "version")
    listed = [
        {name: getattr(asset, name) for name in fields} | {"attributes": dict(asset.attributes)}
        for asset in assets
    ]
    return json.dumps(listed, ensure_ascii=False, indent=1).encode()


def template(columns: Columns) -> bytes:
    """An empty table to fill in: the columns' Chinese names, UTF-8 with its mark."""
    heads = [heads[1] if len(heads) > 1 else heads[0] for heads in columns.heads.values()]
    return (",".join(heads) + "\r\n").encode("utf-8-sig")


FORMS: dict[str, Callable[[Sequence[Asset]], bytes]] = {"csv": to_csv, "xlsx": to_xlsx, "json": to_json}


def _guarded(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[f"'{cell}" if formula_like(cell) else cell for cell in row] for row in rows]
