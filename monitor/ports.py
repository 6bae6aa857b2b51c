"""What monitoring needs of the world, as it sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kernel.credentials import Credential
from monitor.model import EndpointReading, Oid, Problem, Trap, Value


@dataclass(frozen=True, repr=False)
class Agent:
    """An SNMP agent to ask: v3 authPriv when the credential names an SNMP user, v2c with its community otherwise."""

    name: str
    address: str
    port: int
    credential: Credential

    def __repr__(self) -> str:
        return f"Agent({self.name!r}, {self.address!r}, {self.port})"


@dataclass(frozen=True)
class Query:
    """What to ask an agent: scalars by whole OID, table columns by the OID of the column.

    Columns of one group are fetched side by side; each group ends when all of its columns do.
    """

    scalars: tuple[Oid, ...]
    tables: tuple[tuple[Oid, ...], ...] = ()


@dataclass(frozen=True)
class Answer:
    """Every value the agent gave, by OID; absent objects are absent.

    ``problem`` None means it answered. ``gaps`` names the groups of columns that could not be read to their end, since many an
    agent stumbles over one table: what was read of them is in ``values``.
    """

    values: Mapping[Oid, Value] = field(default_factory=dict)
    problem: Problem | None = None
    latency: float | None = None  # seconds, of the first request
    gaps: tuple[tuple[Oid, ...], ...] = ()

    @property
    def answered(self) -> bool:
        return self.problem is None


class SnmpClient(Protocol):
    """Asks many agents at once; never raises for one agent's sake."""

    def fetch(self, queries: Sequence[tuple[Agent, Query]]) -> dict[str, Answer]:
        """Agent name -> its answer."""
        ...


@dataclass(frozen=True)
class EndpointAddress:
    """Where a TLS endpoint is; ``server_name`` is what it is asked for (SNI, RFC 6066 section 3), "" for nothing."""

    address: str
    port: int
    server_name: str = ""


class EndpointProbe(Protocol):
    """Looks at TLS endpoints; never raises for one endpoint's sake."""

    def probe(self, endpoints: Sequence[EndpointAddress]) -> dict[EndpointAddress, EndpointReading]:
        """What was seen at each."""
        ...


class TrapSink(Protocol):
    """Takes the notifications that the receiver decoded."""

    def __call__(self, trap: Trap) -> None: ...
