"""The results as CSV and XLSX, in Chinese, for people with a spreadsheet; both the same bytes each time."""

import csv
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO, StringIO

from kernel.edges.cells import guarded
from kernel.i18n import N_, translate
from policies.assessment.model import OUTCOME_TEXTS, Result, ResultState
from policies.catalogue.model import Automation, Catalogue
from policies.wording import explain

HEADS = (
    N_("assessment unit"),
    N_("control item"),
    N_("control class"),
    N_("control point"),
    N_("requirement"),
    N_("object"),
    N_("result"),
    N_("state"),
    N_("automation"),
    N_("reasons"),
    N_("evidence"),
    N_("note"),
    N_("confirmed by"),
)
STATE_TEXTS = {
    ResultState.OPEN: N_("waits for evidence"),
    ResultState.PROPOSED: N_("proposed, to be confirmed"),
    ResultState.DECIDED: N_("decided by evidence"),
    ResultState.CONFIRMED: N_("confirmed by a person"),
}
AUTOMATION_TEXTS = {
    Automation.FULL: N_("automatic"),
    Automation.PARTIAL: N_("supported"),
    Automation.MANUAL: N_("by people"),
}
_LANGUAGE = "zh_CN"


def rows(results: Sequence[Result], catalogue: Catalogue) -> list[list[str]]:
    """One row a result under HEADS, in Chinese."""
    listed = []
    for result in results:
        place = catalogue.place(result.item)
        listed.append(
            [
                result.unit_id,
                result.item,
                place.group.title.zh,
                place.point.title.zh,
                place.item.text.zh,
                result.object_name,
                translate(OUTCOME_TEXTS[result.outcome], _LANGUAGE),
                translate(STATE_TEXTS[result.state], _LANGUAGE),
                translate(AUTOMATION_TEXTS[place.item.automation], _LANGUAGE),
                "; ".join(reasons(result)),
                " ".join(result.evidence),
                result.note,
                result.confirmed_by,
            ]
        )
    return listed


def reasons(result: Result) -> list[str]:
    """Why, in Chinese."""
    return [explain(reason, _LANGUAGE) for reason in result.reasons]


def as_csv(listed: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with byte order mark, as spreadsheets expect; cells that look like formulas are quoted."""
    target = StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([translate(head, _LANGUAGE) for head in HEADS])
    writer.writerows([[guarded(cell) for cell in row] for row in listed])
    return b"\xef\xbb\xbf" + target.getvalue().encode()


def as_xlsx(listed: Sequence[Sequence[str]], made_at: datetime) -> bytes:
    """One sheet with frozen head and filter; its inner dates are ``made_at``."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = translate(N_("control items"), _LANGUAGE)
    sheet.append([translate(head, _LANGUAGE) for head in HEADS])
    for row in listed:
        sheet.append([guarded(_printable(cell)) for cell in row])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for letter, width in zip(
        "ABCDEFGHIJKLM", (14, 15, 16, 16, 44, 18, 11, 16, 10, 44, 40, 30, 14), strict=True
    ):
        sheet.column_dimensions[letter].width = width
    for line in sheet.iter_rows(min_row=2):
        for cell in line:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    target = BytesIO()
    book.save(target)
    return _without_times(target.getvalue(), made_at)


def _without_times(data: bytes, made_at: datetime) -> bytes:
    """openpyxl writes the hour of saving into the file and its entries; here it is the hour of the package."""
    stamp = made_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    target = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in sorted(source.namelist()):
            inner = source.read(name)
            if name == "docProps/core.xml":
                inner = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, inner)
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            copy.writestr(entry, inner)
    return target.getvalue()


def _printable(cell: str) -> str:
    """Without the control characters that XML 1.0 can not hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", cell)
