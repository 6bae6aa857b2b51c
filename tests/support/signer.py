"""A signer in the test's own process that can be asked and steered as the process behind the socket can."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ca.signer.activation import Activation
from ca.signer.backends import Backend, Backends, Place, Secrets
from ca.signer.control import Control
from ca.signer.hardening import Protection
from ca.signer.memory import MemoryKeys, MemorySigner
from ca.signer.model import ApprovalRules
from ca.signer.signed import Signed
from kernel.clock import Clock


class ControlledSigner(MemorySigner):
    """Signer over keys in memory; officers can hold shares of it. ``record`` is its activation file."""

    def __init__(self, record: Path, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.memory = MemoryKeys()
        self.activation = Activation(record, self._opened, Secrets("given by the settings"))
        self.control = Control(
            self.activation, Protection(no_core_dump=True, memory_locked=False, no_network=False)
        )
        self._keys = self.activation

    def call(self, header: Mapping[str, Any], body: bytes = b"") -> bytes:
        """As SocketSigner.call."""
        return self.control.answer(header, body)

    def rule(self, rules: ApprovalRules) -> None:
        """Go on as a process does that was started with these rules."""
        self._rules = rules

    def forget(self) -> None:
        """Go on as a process does that was started without its record of what it signed."""
        self._signed = Signed()

    def _opened(self, _secrets: Secrets) -> Backends:
        place = Backend(self.memory, "memory", self.memory.keys, str, lambda: None)
        return Backends({Place.FILE: place}, frozenset())
