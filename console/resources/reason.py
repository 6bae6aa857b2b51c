"""The reason that acts ask for."""

from pydantic import Field

from kernel.edges.resources import Input
from kernel.i18n import N_


class Reason(Input):
    """Why; it goes into the audit trail."""

    reason: str = Field(
        title=N_("Reason"), description=N_("Goes into the audit trail."), min_length=1, max_length=1000
    )
