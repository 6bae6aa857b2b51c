"""What the room asks of the suite that it stands in."""

from collections.abc import Mapping
from typing import Any, Protocol


class SuiteFacts(Protocol):
    """Facts of the suite itself that controls ask for; values as the kinds' summaries need them (EvidenceKind)."""

    def identity_policy(self) -> Mapping[str, Any]: ...
    def log_retention(self) -> Mapping[str, Any]: ...
