"""The practice network enters the register, and its credential the sealed store, as a network administrator would do it."""

import json
from pathlib import Path

from console.compose.floor import Floor
from console.demo.model import RANGE
from kernel.assets.importing import ImportReport
from kernel.credentials import Credential
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal


def register_network(floor: Floor, network_admin: Principal, state: Path) -> int:
    """Import zones, devices and links and store the credential; returns how many entries the register has."""
    register = floor.register
    reports = (
        register.import_zones(network_admin, RANGE / "zones.csv", all_or_nothing=True),
        register.import_table(network_admin, RANGE / "register.csv", all_or_nothing=True),
        register.import_links(network_admin, RANGE / "links.csv", all_or_nothing=True),
    )
    for report in reports:
        _refuse_bad_rows(report)
    credential = json.loads(state.read_text())["credential"]
    floor.credentials.put(network_admin, "range", Credential(**credential))
    return len(register.assets())


def _refuse_bad_rows(report: ImportReport) -> None:
    if report.rows_bad:
        first = report.rows_bad[0]
        raise Invalid(
            N_(
                "The practice network's table has %(count)s bad rows; the first: row %(row)s, column %(column)s."
            ),
            count=len(report.rows_bad),
            row=first.row,
            column=first.column,
        )
