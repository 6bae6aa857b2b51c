"""Revocation lists as data: which there are, where each is found, what is urgent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ca.model import Freshness, Reason

# relying parties are told of these at once, however long the list is; a hold is laid on suspicion
URGENT = frozenset(
    {Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE, Reason.AA_COMPROMISE, Reason.CERTIFICATE_HOLD}
)
PROMISED = timedelta(minutes=5)  # within which an urgent change is on every list
AT_ONCE = 20_000  # entries of a list that is signed within the act that changes it


class ListKind(StrEnum):
    """A complete list of its scope, or what changed since one (RFC 5280 section 5.2.4)."""

    FULL = "full"
    DELTA = "delta"


VALIDITY = {ListKind.FULL: timedelta(days=7), ListKind.DELTA: timedelta(days=1)}
# how long before its end a list is renewed: a day's full list is always fresh, a week's outage of the CA breaks nobody
AHEAD = {ListKind.FULL: timedelta(days=6), ListKind.DELTA: timedelta(hours=12)}

OFFLINE_AHEAD = timedelta(days=30)  # for a list that has to be carried to its key


@dataclass(frozen=True, order=True)
class Scope:
    """What a list tells of: all certificates of a CA (shard 0), or those that name this shard's distribution point."""

    authority: str
    shard: int = 0

    def path(self, kind: ListKind) -> str:
        """Where the status service has the newest list."""
        part = f"/{self.shard}" if self.shard else ""
        return f"/crl/{self.authority}{part}{'/delta' if kind is ListKind.DELTA else ''}.crl"

    def name(self, kind: ListKind) -> str:
        """What the list is called among people and in addresses: ``issuing``, ``issuing:delta``, ``issuing:3:delta``."""
        parts = [self.authority, *([str(self.shard)] if self.shard else [])]
        return ":".join([*parts, *(["delta"] if kind is ListKind.DELTA else [])])


def named(name: str) -> tuple[Scope, ListKind] | None:
    """Scope and kind of what ``Scope.name`` made; None for any other text."""
    authority, *rest = name.split(":")
    kind = ListKind.DELTA if rest and rest[-1] == "delta" else ListKind.FULL
    shards = rest[:-1] if kind is ListKind.DELTA else rest
    if not authority or len(shards) > 1 or not all(one.isdigit() and len(one) < 5 for one in shards):
        return None
    scope = Scope(authority, int(shards[0]) if shards else 0)
    return (scope, kind) if scope.name(kind) == name else None


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
class ListRules:
    """How lists are made here: their public address, shards by CA, how often a long full list follows ordinary changes,
    how many old ones are kept."""

    public_url: str
    shards: Mapping[str, int] = field(default_factory=dict)
    full_every: timedelta = timedelta(minutes=10)
    history: int = 10

    def promised(self, *, urgent: bool) -> timedelta:
        """Within which time relying parties see a change everywhere."""
        return PROMISED if urgent else self.full_every + PROMISED

    def url(self, scope: Scope, kind: ListKind) -> str:
        return self.public_url.rstrip("/") + scope.path(kind)

    def shard_of(self, authority: str, serial: int) -> int:
        """The shard that a new certificate is told of in; 0 for a CA without shards."""
        count = self.shards.get(authority, 0)
        return serial % count + 1 if count else 0


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
