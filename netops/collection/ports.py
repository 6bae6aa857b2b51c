"""What a collection needs from outside."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from netops.collection.model import Outcome, Target


class Collector(Protocol):
    """Fetches configurations from devices; one device's fault never stops another."""

    def fetch(self, targets: Sequence[Target]) -> Iterator[Outcome]:
        """All targets at once; one outcome each, in the order in which they are done.

        An outcome is the whole screen or a typed error; never an exception, never a screen cut by the session's end.
        """
