"""SNMP v2c and v3 by pysnmp (RFC 3416, RFC 3414 with RFC 7860 and RFC 3826).

One engine a credential for a whole round: pysnmp keeps users by name, so two credentials of one user name must not share
one; an engine a device would spend most of its time starting. At most ``in_flight`` agents are asked at once, since answers
that wait for the decoder would be counted as lost.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kernel.errors import Invalid
from kernel.i18n import N_
from monitor.model import Oid, Problem, Value
from monitor.ports import Agent, Answer, Query

_SCALARS_AT_ONCE = 20
_VARBINDS_AT_ONCE = 75  # rows x columns of one GETBULK
_TOO_BIG = 1  # error-status tooBig, RFC 3416 section 3
_AUTHENTICATION = frozenset(
    {
        "WrongDigest",
        "UnknownUserName",
        "UnsupportedSecurityLevel",
        "DecryptionError",
        "AuthenticationFailure",
        "AuthenticationError",
        "UnknownCommunityName",
    }
)


class PysnmpClient:
    """The real client. ``timeout`` in seconds counts from each sending; ``retries`` come after the first try."""

    def __init__(
        self,
        *,
        in_flight: int = 20,
        timeout: float = 2.0,
        retries: int = 1,
        max_values: int = 50_000,
    ) -> None:
        self._in_flight = in_flight
        self._timeout = timeout
        self._retries = retries
        self._max_values = max_values

    def fetch(self, queries: Sequence[tuple[Agent, Query]]) -> dict[str, Answer]:
        """Ask all agents; each gets its own answer or problem."""
        return asyncio.run(self._fetch(queries))

    async def _fetch(self, queries: Sequence[tuple[Agent, Query]]) -> dict[str, Answer]:
        asyncio.get_running_loop().set_exception_handler(_note_broken_datagram)
        engines = _Engines()
        gate = asyncio.Semaphore(self._in_flight)

        async def ask(agent: Agent, query: Query) -> tuple[str, Answer]:
            async with gate:
                return agent.name, await self._ask(engines, agent, query)

        try:
            return dict(await asyncio.gather(*(ask(agent, query) for agent, query in queries)))
        finally:
            engines.close()

    async def _ask(self, engines: "_Engines", agent: Agent, query: Query) -> Answer:
        from pysnmp.error import PySnmpError

        values: dict[Oid, Value] = {}
        begun = time.monotonic()
        latency: float | None = None
        try:
            session = await engines.session(agent, self._timeout, self._retries)
            for oids in _chunks(query.scalars, _SCALARS_AT_ONCE):
                values |= await session.get(oids)
                latency = latency if latency is not None else time.monotonic() - begun
            gaps = [
                columns
                for columns in query.tables
                if not await session.walk(columns, values, self._max_values)
            ]
        except _AgentFault as fault:
            return Answer(values, fault.problem, latency)
        except (PySnmpError, OSError):
            return Answer(values, Problem.PROTOCOL, latency)
        except Invalid:
            return Answer(values, Problem.CREDENTIAL)
        return Answer(values, None, latency, tuple(gaps))


def _note_broken_datagram(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """pysnmp lets some broken datagrams through as exceptions of the loop: whoever sent one just gave no answer."""
    import structlog

    fault = context.get("exception")
    structlog.get_logger("monitor").warning("broken SNMP datagram", fault=type(fault).__name__)


class _AgentFault(Exception):
    """An agent's answer is missing or of no use."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _TooMuch(Exception):
    """The agent could not answer so much at once, or the answer was lost on its way."""


class _Engines:
    """The SNMP engines of one round, by credential."""

    def __init__(self) -> None:
        self._engines: dict[tuple[str, ...], Any] = {}

    async def session(self, agent: Agent, timeout: float, retries: int) -> "_Session":
        from pysnmp.hlapi.v3arch.asyncio import SnmpEngine, Udp6TransportTarget, UdpTransportTarget

        security = security_of(agent)
        key = (agent.credential.snmp_user, agent.credential.snmp_auth, agent.credential.snmp_priv)
        engine = self._engines.setdefault(key, None) or SnmpEngine()
        self._engines[key] = engine
        kind = Udp6TransportTarget if ":" in agent.address else UdpTransportTarget
        target = await kind.create((agent.address, agent.port), timeout=timeout, retries=retries)
        return _Session(engine, security, target)

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close_dispatcher()


def security_of(agent: Agent) -> Any:
    """pysnmp's form of the credential: v3 authPriv with SHA-256 and AES-128, or v2c; Invalid when it is neither."""
    from pysnmp.hlapi.v3arch.asyncio import (
        CommunityData,
        UsmUserData,
        usmAesCfb128Protocol,
        usmHMAC192SHA256AuthProtocol,
    )

    credential = agent.credential
    if credential.snmp_user:
        if min(len(credential.snmp_auth), len(credential.snmp_priv)) < 8:  # RFC 3414 section 11.2
            raise Invalid(
                N_("The SNMPv3 pass-phrases of this credential are shorter than 8 characters."),
                place=agent.name,
            )
        return UsmUserData(
            credential.snmp_user,
            credential.snmp_auth,
            credential.snmp_priv,
            authProtocol=usmHMAC192SHA256AuthProtocol,
            privProtocol=usmAesCfb128Protocol,
        )
    if credential.snmp_community:
        # what an old device can do; the evidence says which version was used
        return CommunityData(credential.snmp_community, mpModel=1)  # noqa: S508
    raise Invalid(N_("This credential is none for SNMP."), place=agent.name)


class _Session:
    """One agent's conversation."""

    def __init__(self, engine: Any, security: Any, target: Any) -> None:
        self._engine = engine
        self._security = security
        self._target = target

    async def get(self, oids: Sequence[Oid]) -> dict[Oid, Value]:
        from pysnmp.hlapi.v3arch.asyncio import get_cmd

        indication, status, _index, pairs = await get_cmd(
            self._engine, self._security, self._target, _context(), *map(_object, oids), lookupMib=False
        )
        if indication:
            raise _AgentFault(_problem(indication))
        if int(status):
            raise _AgentFault(Problem.PROTOCOL)
        return dict(_present(pairs))

    async def walk(self, columns: Sequence[Oid], values: dict[Oid, Value], limit: int) -> bool:
        """Read everything below the columns into ``values``; False when the agent does not bring it to an end.

        Asks for fewer rows at once when an answer is too big or does not come. Ends at ``limit`` values, lest an agent that
        never ends holds us for ever.
        """
        last: dict[Oid, Oid] = {column: column for column in columns}
        repetitions = max(1, _VARBINDS_AT_ONCE // len(columns))
        while last:
            try:
                values |= _take_rows(await self._bulk(list(last.values()), repetitions), last)
            except _TooMuch:
                if repetitions == 1:
                    return False
                repetitions = max(1, repetitions // 5)
            except _AgentFault as fault:
                if fault.problem is not Problem.PROTOCOL:
                    raise
                return False
            if len(values) > limit:
                return False
        return True

    async def _bulk(self, oids: Sequence[Oid], repetitions: int) -> Sequence[Any]:
        from pysnmp.hlapi.v3arch.asyncio import bulk_cmd

        indication, status, _index, pairs = await bulk_cmd(
            self._engine,
            self._security,
            self._target,
            _context(),
            0,
            repetitions,
            *map(_object, oids),
            lookupMib=False,
        )
        problem = _problem(indication) if indication else None
        if int(status) == _TOO_BIG or problem is Problem.TIMEOUT:
            raise _TooMuch
        if problem or int(status) or not pairs:
            raise _AgentFault(problem or Problem.PROTOCOL)
        found: Sequence[Any] = pairs
        return found


def _take_rows(pairs: Sequence[Any], last: dict[Oid, Oid]) -> dict[Oid, Value]:
    """Sort an answer's varbinds into their columns; ``last`` moves on, and loses the columns that ended."""
    columns = list(last)
    found: dict[Oid, Value] = {}
    for position, (name, value) in enumerate(pairs):
        column = columns[position % len(columns)]
        if column not in last:
            continue
        oid = tuple(name)
        plain = plain_value(value)
        if plain is None or oid[: len(column)] != column:
            del last[column]
        elif oid <= last[column]:  # an agent that turns in circles
            raise _AgentFault(Problem.PROTOCOL)
        else:
            found[oid] = plain
            last[column] = oid
    return found


def _present(pairs: Iterable[Any]) -> Iterator[tuple[Oid, Value]]:
    for name, value in pairs:
        plain = plain_value(value)
        if plain is not None:
            yield tuple(name), plain


def plain_value(value: Any) -> Value | None:
    """A pysnmp value as int, bytes or tuple; None for noSuchObject, noSuchInstance, endOfMibView and null."""
    from pyasn1.type.univ import Null, ObjectIdentifier
    from pysnmp.proto import rfc1905

    if isinstance(value, (rfc1905.NoSuchObject, rfc1905.NoSuchInstance, rfc1905.EndOfMibView, Null)):
        return None
    if isinstance(value, ObjectIdentifier):
        return tuple(value)
    if hasattr(value, "asOctets"):
        return bytes(value.asOctets())
    return int(value)


def _problem(indication: Any) -> Problem:
    name = type(indication).__name__
    if name == "RequestTimedOut":
        return Problem.TIMEOUT
    return Problem.AUTHENTICATION if name in _AUTHENTICATION else Problem.PROTOCOL


def _object(oid: Oid) -> Any:
    from pysnmp.hlapi.v3arch.asyncio import ObjectIdentity, ObjectType

    return ObjectType(ObjectIdentity(oid))


def _context() -> Any:
    from pysnmp.hlapi.v3arch.asyncio import ContextData

    return ContextData()


def _chunks(oids: Sequence[Oid], size: int) -> Iterator[Sequence[Oid]]:
    rest = iter(oids)
    while chunk := tuple(islice(rest, size)):
        yield chunk


class MemoryAgents:
    """Agents in memory, for tests and drills: name -> its values, or the problem it has."""

    def __init__(self, agents: Mapping[str, Mapping[Oid, Value] | Problem]) -> None:
        self.agents = dict(agents)
        self.gaps: dict[str, tuple[tuple[Oid, ...], ...]] = {}

    def fetch(self, queries: Sequence[tuple[Agent, Query]]) -> dict[str, Answer]:
        return {agent.name: self._answer(agent, query) for agent, query in queries}

    def _answer(self, agent: Agent, query: Query) -> Answer:
        known = self.agents.get(agent.name, Problem.TIMEOUT)
        if isinstance(known, Problem):
            return Answer({}, known)
        columns = [column for group in query.tables for column in group]
        values = {oid: known[oid] for oid in query.scalars if oid in known}
        for column in columns:
            values |= {oid: value for oid, value in known.items() if oid[: len(column)] == column != oid}
        return Answer(values, None, 0.001, self.gaps.get(agent.name, ()))
