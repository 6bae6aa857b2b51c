"""What the room asks of the suite that it stands in."""

from collections.abc import Mapping
from typing import Any, Protocol


class SuiteFacts(Protocol):
    """Facts of the suite itself that controls ask for and that no room knows."""

    def identity_policy(self) -> Mapping[str, Any]:
        """The summary of IDENTITY_POLICY evidence (kernel.evidence.model.EvidenceKind)."""

    def ca_status(self) -> Mapping[str, Any] | None:
        """The summary of CA_STATUS evidence; None before a CA has been founded."""
