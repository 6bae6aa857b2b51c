"""Tables of batches as files: the empty one of a profile, and what became of each row."""

from typing import Any

from ca.registration import sheets
from ca.resources.labels import REQUEST_STATES
from kernel.edges.resources import Download, File
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission

_MEDIA = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def result_rows(app: Any, principal: Principal, batch_id: str) -> list[list[str]]:
    """What became of each row, under a head in the reader's language."""
    heads = (N_("row"), N_("common name"), N_("request"), N_("State"), N_("Serial number"), N_("Valid until"))
    rows = [[translate(head) for head in (*heads, N_("fault"))]]
    for one in app.ca.registration.batches.results(principal, batch_id):
        state = translate(REQUEST_STATES[one.state].text) if one.state else ""
        end = one.not_after.isoformat() if one.not_after else ""
        rows.append([str(one.number), one.common_name, one.request, state, one.serial, end, one.fault])
    return rows


def _results(form: str) -> Any:
    def get(app: Any, principal: Principal, batch_id: str) -> File:
        data = sheets.written(form, result_rows(app, principal, batch_id))
        return File(f"{batch_id}.{form}", _MEDIA[form], data)

    return get


def _template(form: str) -> Any:
    """The empty table of a profile, as a download of its page."""

    def get(app: Any, principal: Principal, profile_id: str) -> File:
        data = app.ca.registration.batches.template(principal, profile_id, form)
        return File(f"{profile_id}.{form}", _MEDIA[form], data)

    return get


TEMPLATES = tuple(
    Download(
        f"table-{form}",
        label,
        Permission.CA_REQUEST_FILE,
        _template(form),
        when=lambda record: record.usage == "subject",
    )
    for form, label in (
        ("xlsx", N_("Empty table for a batch (XLSX)")),
        ("csv", N_("Empty table for a batch (CSV)")),
    )
)
RESULTS = (
    Download("results-xlsx", N_("Results of all rows (XLSX)"), Permission.CA_READ, _results("xlsx")),
    Download("results-csv", N_("Results of all rows (CSV)"), Permission.CA_READ, _results("csv")),
)
