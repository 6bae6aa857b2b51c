"""What was found in a signed file: every signature and time-stamp, and what they amount to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ca.validation.model import Verdict
from ca.validation.signatures import Signature, Stamp
from kernel.errors import Invalid
from kernel.i18n import N_

_MOST_SIGNERS = 50


@dataclass(frozen=True)
class Found:
    """What became of all signatures of a file; the worst of them decides."""

    format: str
    signatures: tuple[Signature, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def _worst(self) -> Signature | Stamp:
        order = (Verdict.INVALID, Verdict.UNKNOWN, Verdict.VALID)
        judged: list[Signature | Stamp] = [*(self.signatures or self.stamps)]
        return min(judged, key=lambda one: order.index(one.verdict))

    @property
    def verdict(self) -> Verdict:
        return self._worst.verdict

    @property
    def reason(self) -> str:
        refusal = self._worst.refusal
        return str(refusal.why) if refusal else ""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "verdict": str(self.verdict),
            "format": self.format,
            **self.facts,
            "signatures": [one.as_dict() for one in self.signatures],
            "timestamps": [one.as_dict() for one in self.stamps],
        }


def require_signatures(count: int) -> None:
    """Invalid for a file without signatures, or with more than anybody signs and a server should look at."""
    if not 1 <= count <= _MOST_SIGNERS:
        raise Invalid(
            N_("It has %(count)s signatures; 1 to %(most)s are looked at."), count=count, most=_MOST_SIGNERS
        )
