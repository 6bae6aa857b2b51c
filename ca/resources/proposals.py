"""What the second officer does with a proposal of the first."""

from collections.abc import Callable
from typing import Any

from ca.model import ProposalState
from kernel.edges.resources import Done, Verb
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission

Act = Callable[[Any, Principal, str, Any], Done]
Preview = Callable[[Any, Principal, str], list[str]]


def by_second_officer(perform: Act, reject: Act, preview: Preview, explain: str) -> tuple[Verb, Verb]:
    """To perform it, which who proposed it can not, and to turn it down with a reason; both while it waits."""
    return (
        Verb(
            "perform",
            N_("Perform as the second officer"),
            Permission.CA_CEREMONY_APPROVE,
            perform,
            when=_waits,
            not_by="proposed_by",
            danger=True,
            preview=preview,
            explain=explain,
        ),
        Verb(
            "reject",
            N_("Turn down"),
            Permission.CA_CEREMONY_APPROVE,
            reject,
            Reason,
            when=_waits,
            key="x",
        ),
    )


def _waits(record: Any) -> bool:
    return str(record.state) == ProposalState.PROPOSED
