"""Receipts: what the primary says it stored, numbered and chained, so that a replica that lags or was set back shows. Pure.

No engine's own check sees that a replica is old: an old repository is a perfect repository. The receipt is made at the
primary after each run and reaches the verifier by another way than the data.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from backup.model import Finding, FindingKind, StoredSet
from kernel.canonical import canonical_json, sha256_hex

GENESIS = "0" * 64


@dataclass(frozen=True)
class Receipt:
    """One run's receipt. ``inventory`` is the blob with all files of the repository after the run, ``root`` its Merkle root."""

    plan: str
    seq: int
    run: str
    at: datetime
    engine: str
    sets: tuple[StoredSet, ...]
    files: int
    bytes: int
    inventory: str
    root: str
    removed: tuple[str, ...]  # files that retention took away at the primary since the receipt before
    previous: str
    digest: str = ""

    @property
    def snapshots(self) -> frozenset[str]:
        return frozenset(stored.snapshot for stored in self.sets)


def body(receipt: Receipt) -> bytes:
    """The bytes that the digest covers."""
    return canonical_json({**asdict(receipt), "digest": ""})


def sealed(receipt: Receipt) -> Receipt:
    """The receipt with its digest filled in."""
    return Receipt(**{**vars(receipt), "digest": sha256_hex(body(receipt))})


def chain_faults(receipts: Sequence[Receipt]) -> list[int]:
    """Numbers of receipts that were changed, removed or put out of order; ``receipts`` as stored, oldest first."""
    faults, previous, expected = [], GENESIS, 1
    for receipt in receipts:
        sound = receipt.digest == sha256_hex(body(receipt))
        if not sound or receipt.previous != previous or receipt.seq != expected:
            faults.append(receipt.seq)
        previous, expected = receipt.digest, receipt.seq + 1
    return faults


def proved(receipts: Sequence[Receipt], present: Collection[str]) -> int:
    """Number of the newest receipt all of whose snapshots are at the site; 0 when there is none."""
    held = frozenset(present)
    return max((receipt.seq for receipt in receipts if receipt.snapshots <= held), default=0)


def freshness_findings(site: str, newest: int, at_site: int, before: int) -> list[Finding]:
    """Stale: the newest receipt is not proved. Rolled back: the site proved more before (``before``) than now."""
    if at_site < before:
        return [Finding(FindingKind.ROLLED_BACK, site, "", str(max(newest, before)), str(at_site))]
    if at_site < newest:
        return [Finding(FindingKind.STALE, site, "", str(newest), str(at_site))]
    return []
