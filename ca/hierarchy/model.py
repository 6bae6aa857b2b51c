"""How key ceremonies stand. Pure."""

from dataclasses import dataclass
from datetime import datetime

from ca.hierarchy.plan import CeremonyPlan


@dataclass(frozen=True)
class Ceremony:
    """A key ceremony, proposed or performed."""

    id: str
    plan: CeremonyPlan
    approval: str
    proposed_by: str
    proposed_at: datetime
    performed_at: datetime | None
    proposer: str = ""  # the name of ``proposed_by``, where it has an account

    @property
    def state(self) -> str:
        """``proposed`` or ``performed``."""
        return "proposed" if self.performed_at is None else "performed"
