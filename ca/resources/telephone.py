"""Suspending a certificate while its holder is on the telephone."""

from typing import Any

from pydantic import Field

from kernel.edges.resources import Done, Input, Verb
from kernel.edges.shared import reason_field
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission


class Heard(Input):
    phrase: str = Field(
        min_length=1,
        max_length=100,
        title=N_("Pass-phrase that was heard"),
        description=N_(
            "Blanks, signs and capitals do not count. After five wrong ones it is closed for a while."
        ),
        json_schema_extra={"widget": "secret"},
    )
    reason: str = reason_field()


def _suspend(app: Any, principal: Principal, serial: str, given: Heard) -> Done:
    app.ca.telephone.suspend(principal, serial, given.phrase, given.reason)
    return Done(N_("The certificate is suspended; relying parties refuse it."), id=serial)


HOLD_BY_PHONE = Verb(
    "hold-by-phone",
    N_("Suspend by telephone"),
    Permission.CA_HOLD_BY_PHONE,
    _suspend,
    Heard,
    when=lambda record: record.state == "issued" and record.request != "",
    danger=True,
    explain=N_("The holder says the pass-phrase that was agreed on; nobody else has to approve."),
)
