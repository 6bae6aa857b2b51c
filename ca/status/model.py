"""Revocation lists as they are recorded, how each stands, what is urgent, and what relying parties saw. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ca.model import Freshness, Reason
from ca.scopes import ListKind, Scope

# relying parties are told of these at once, however long the list is; a hold is laid on suspicion
URGENT = frozenset(
    {Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE, Reason.AA_COMPROMISE, Reason.CERTIFICATE_HOLD}
)
AT_ONCE = 20_000  # entries of a list that is signed within the act that changes it
VALIDITY = {ListKind.FULL: timedelta(days=7), ListKind.DELTA: timedelta(days=1)}
# how long before its end a list is renewed: a day's full list is always fresh, a week's outage of the CA breaks nobody
AHEAD = {ListKind.FULL: timedelta(days=6), ListKind.DELTA: timedelta(hours=12)}
OFFLINE_AHEAD = timedelta(days=30)  # for a list that has to be carried to its key


@dataclass(frozen=True)
class RevocationList:
    """A signed list as it is recorded.

    ``base`` is the number of the full list that a delta completes. ``version`` counts the CA's changes that it tells of, and
    ``since`` is the moment whose ended certificates it no longer names (RFC 5280 section 3.3).
    """

    authority: str
    shard: int
    kind: ListKind
    number: int
    base: int | None
    version: int
    since: datetime
    this_update: datetime
    next_update: datetime
    entries: int
    size: int
    digest: str

    @property
    def scope(self) -> Scope:
        return Scope(self.authority, self.shard)


@dataclass(frozen=True)
class ListStatus:
    """The newest list of a scope and how it stands; without number and times before the first one."""

    id: str
    authority: str
    name: str
    kind: ListKind
    shard: int
    state: Freshness
    url: str
    number: int | None = None
    base: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    entries: int = 0
    size: int = 0


class ProofState(StrEnum):
    """Whether a change is seen by relying parties: not everywhere yet, everywhere, or not within the promised time."""

    WAITING = "waiting"
    VISIBLE = "visible"
    LATE = "late"


@dataclass(frozen=True)
class Proof:
    """What a relying party saw of a change of status. ``revoked`` is what it must see; the times are when it first did."""

    serial: str
    version: int
    authority: str
    revoked: bool
    changed_at: datetime
    due_at: datetime
    next_at: datetime | None
    attempts: int
    state: ProofState
    crl_seen: datetime | None
    delta_seen: datetime | None
    ocsp_seen: datetime | None
    fault: str

    @property
    def seconds(self) -> int | None:
        """How long it took until it was seen everywhere; None as long as it is not."""
        seen = [one for one in (self.crl_seen, self.delta_seen, self.ocsp_seen) if one is not None]
        if self.next_at is not None or self.fault or not seen:
            return None
        return int((max(seen) - self.changed_at).total_seconds())
