"""What several verbs of this room ask for."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from kernel.edges.resources import Input
from kernel.edges.shared import reason_field, texts
from kernel.i18n import N_
from kernel.identity.model import Principal
from siem.model import Verdict
from siem.resources.labels import VERDICTS


class Judge(Input):
    verdict: Verdict = Field(
        title=N_("What it turned out to be"), json_schema_extra={"labels": texts(VERDICTS)}
    )
    reason: str = reason_field()


def people_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """Who may triage in the asker's unit."""
    return {person.id: person.name for person in app.siem.triage.people(principal)}
