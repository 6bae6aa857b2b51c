"""Issuing at once from CSRs, for profiles that need no approval: what devices' managers and programs use."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Base64Bytes, Field

from ca.overview import title
from ca.profiles import Usage
from ca.registration.automatic import Answer, Order, Outcome, split_csrs
from ca.resources.labels import evidence_field
from kernel.edges.resources import Done, Input, On, Verb
from kernel.edges.shared import unit_names
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import respelled
from kernel.pki.pem import certificate_pem


class IssueAtOnce(Input):
    profile: str = Field(min_length=1, max_length=60, title=N_("Certificate profile"))
    unit: str = Field(min_length=1, max_length=80, title=N_("Unit"))
    evidence: str = evidence_field()
    csr: Base64Bytes = Field(
        title=N_("Signing requests (PKCS#10)"),
        description=N_("One in DER, or up to 200 in PEM, one after another; names are taken from them."),
        json_schema_extra={"widget": "file"},
    )


def automatic_profiles(app: Any, _principal: Principal) -> Mapping[str, str]:
    """The profiles that need no approval: id -> name."""
    offered = [one for one in app.ca.profiles.all() if one.usage is Usage.SUBJECT and not one.approvals]
    return {one.id: title(one) for one in offered}


def _issue(app: Any, principal: Principal, _id: str, given: IssueAtOnce) -> Done:
    return _gathered(app, [(principal, given)])[0]()


def _gathered(app: Any, asked: Sequence[tuple[Principal, IssueAtOnce]]) -> list[Callable[[], Done]]:
    """What is asked together is one piece of work, whoever asks for whatever."""
    answers: dict[int, Answer] = {}
    orders: dict[int, Order] = {}
    for place, (principal, given) in enumerate(asked):
        try:
            csrs = split_csrs(given.csr)
        except WeichengError as error:
            answers[place] = error
        else:
            orders[place] = Order(principal, given.profile, given.unit, given.evidence, csrs)
    answers |= zip(orders, app.ca.registration.issue_together(list(orders.values())), strict=True)
    return [partial(_told, answers[place]) for place in range(len(asked))]


def _told(outcomes: Answer) -> Done:
    if isinstance(outcomes, WeichengError):
        raise outcomes
    issued = sum(not isinstance(one, WeichengError) for one in outcomes)
    return Done(
        N_("%(issued)s of %(count)s certificates are issued."),
        {"issued": issued, "count": len(outcomes)},
        rows=[_row(one) for one in outcomes],
    )


def _row(found: Outcome) -> Mapping[str, str]:
    if isinstance(found, WeichengError):
        return {N_("serial"): "", N_("subject"): "", N_("fault"): found.text(), N_("certificate"): ""}
    pem = certificate_pem(found.der).decode()
    return {"serial": found.serial, "subject": respelled(found.subject), "fault": "", "certificate": pem}


ISSUE = Verb(
    "issue",
    N_("Issue at once"),
    Permission.CA_REQUEST_FILE,
    _issue,
    IssueAtOnce,
    On.LIST,
    gathered=_gathered,
    explain=N_("For profiles that need no approval. One that is refused stops no other."),
    choices={"profile": automatic_profiles, "unit": unit_names},
)
