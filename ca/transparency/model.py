"""What the log holds and what is signed of it: entries, signed heads, proofs. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ca.encoding import merkle
from ca.encoding.log import EntryType, TreeHead
from ca.model import ProposalState


class Fault(StrEnum):
    """Why no tree head is signed any more, until an officer starts the log anew."""

    NONE = ""
    ROLLED_BACK = (
        "rolled_back"  # the database knows less, or other things, than the newest head that was signed
    )
    DAMAGED = "damaged"  # entries, tree and heads do not belong together
    AHEAD = "ahead"  # the newest head bears a time to come: it was signed with a clock that was ahead


@dataclass(frozen=True)
class Entry:
    """A leaf at its place in the log; ``leaf`` are the octets that are hashed."""

    number: int
    type: EntryType
    serial: str
    at: datetime
    leaf: bytes

    @property
    def hash(self) -> bytes:
        return merkle.leaf_hash(self.leaf)


@dataclass(frozen=True)
class SignedHead:
    """A tree head with its signature; ``text`` are the signed octets, ``certificate`` the SHA-256 of the log's certificate."""

    number: int
    head: TreeHead
    text: bytes
    signature: bytes
    certificate: str


@dataclass(frozen=True)
class Inclusion:
    """An entry with the proof that it is in the tree of a signed head."""

    entry: Entry
    head: SignedHead
    path: tuple[bytes, ...]

    @property
    def steps(self) -> list[merkle.Step]:
        """From the leaf to the root; empty for a tree of one leaf, and for a path that does not fit."""
        return merkle.climb(self.entry.hash, self.entry.number, self.head.head.size, self.path) or []

    @property
    def holds(self) -> bool:
        wanted = bytes.fromhex(self.head.head.root)
        return merkle.included(self.entry.hash, self.entry.number, self.head.head.size, self.path, wanted)


@dataclass(frozen=True)
class LogState:
    """The log as it stands: its id, its entries so far, and whether something is wrong with it."""

    log: str
    size: int
    fault: Fault
    fault_at: datetime | None = None


@dataclass(frozen=True)
class Restart:
    """That ``log`` ends after a fault, and another goes on over what is there: ``entries`` whose tree has ``root`` (hex).

    ``signed`` is the size of the largest head that is known, in the database or beside it: entries beyond those that are there
    are lost. ``begun`` is the log that goes on, "" until then.
    """

    id: str
    log: str
    fault: Fault
    entries: int
    root: str
    signed: int
    note: str
    state: ProposalState
    approval: str
    proposed_by: str
    proposed_at: datetime
    decided_at: datetime | None = None
    begun: str = ""
    proposer: str = ""

    @property
    def lost(self) -> int:
        """Entries at the end that were signed once and are there no more."""
        return max(0, self.signed - self.entries)
