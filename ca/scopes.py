"""Which revocation lists a CA has and where each is found: certificates name them before they are made. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

PROMISED = timedelta(minutes=5)  # within which an urgent change is on every list


class ListKind(StrEnum):
    """A complete list of its scope, or what changed since one (RFC 5280 section 5.2.4)."""

    FULL = "full"
    DELTA = "delta"


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
