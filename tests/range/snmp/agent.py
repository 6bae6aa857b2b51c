"""The agent: one datagram in, one (or none) out; and its UDP endpoint."""

import asyncio
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from tests.range.snmp import usm
from tests.range.snmp.ber import (
    COUNTER32,
    END_OF_MIB_VIEW,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    OCTETS,
    SEQUENCE,
    Element,
    Malformed,
    ObjectId,
    encode,
    encode_number,
    encode_oid,
    encode_sequence,
    encode_value,
    parse_oid,
    read_all,
    read_oid,
)
from tests.range.snmp.objects import ObjectTable

GET, GET_NEXT, RESPONSE, SET, GET_BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA8
NOT_WRITABLE = 17
USM_STATS = parse_oid("1.3.6.1.6.3.15.1.1")
UNSUPPORTED_LEVEL, NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, UNDECRYPTABLE = 1, 2, 3, 4, 5, 6
ROOM = 300  # bytes of a message beside its variable bindings


@dataclass(frozen=True)
class Request:
    """A PDU as asked: its type, id, the two bulk numbers and the object identifiers."""

    tag: int
    id: int
    first: int
    second: int
    oids: tuple[ObjectId, ...]


@dataclass(frozen=True)
class Header:
    """What a version 3 message says before its PDU."""

    message_id: int
    max_size: int
    flags: int
    engine: bytes
    boots: int
    time: int
    user: str
    mac: Element
    salt: bytes
    data: Element


class Refused(Exception):
    """A version 3 message that gets a report: the usmStats counter's number, and whether the report is authenticated."""

    def __init__(self, counter: int, *, authenticated: bool = False) -> None:
        super().__init__(counter)
        self.counter = counter
        self.authenticated = authenticated


class Agent:
    """Answers for one device. ``community`` "" means that version 2c gets no answer at all."""

    def __init__(self, engine: usm.Engine, user: usm.User, table: ObjectTable, community: str = "") -> None:
        self._engine = engine
        self._user = user
        self._table = table
        self._community = community
        self._counts: dict[int, int] = {}

    def handle(self, datagram: bytes) -> bytes | None:
        """The response to one datagram; None when it deserves none."""
        try:
            version, *parts = read_all(datagram)[0].inside()
            if version.number() == 1:
                return self._version2(parts)
            return self._version3(datagram, parts) if version.number() == 3 else None
        except (Malformed, ValueError, IndexError):
            return None

    # --- version 2c
    def _version2(self, parts: list[Element]) -> bytes | None:
        community, body = parts
        if not self._community or not hmac.compare_digest(community.content, self._community.encode()):
            return None
        answer = self._answer(_request(body), usm.MAX_SIZE)
        return encode_sequence(encode_number(1), encode(OCTETS, community.content), answer)

    # --- version 3
    def _version3(self, datagram: bytes, parts: list[Element]) -> bytes | None:
        header = _header(parts)
        try:
            request, context = self._opened(datagram, header)
        except Refused as refusal:
            return self._report(header, refusal) if header.flags & usm.REPORTABLE else None
        answer = self._answer(request, header.max_size)
        flags = header.flags & ~usm.REPORTABLE
        scoped = usm.scoped(self._engine, context, answer)
        return usm.protect(self._engine, self._user, flags, header.message_id, scoped)

    def _opened(self, datagram: bytes, header: Header) -> tuple[Request, bytes]:
        """The request in a message that passes the checks of RFC 3414 section 3.2, in their order."""
        if header.engine != self._engine.id:
            raise Refused(UNKNOWN_ENGINE)
        if header.user != self._user.name:
            raise Refused(UNKNOWN_USER)
        if header.flags & (usm.AUTH | usm.PRIV) != usm.AUTH | usm.PRIV:
            raise Refused(UNSUPPORTED_LEVEL)
        start = header.mac.start
        blank = datagram[:start] + bytes(usm.MAC_SIZE) + datagram[start + usm.MAC_SIZE :]
        if not hmac.compare_digest(header.mac.content, usm.digest(self._user, blank)):
            raise Refused(WRONG_DIGEST)
        if not self._engine.in_window(header.boots, header.time):
            raise Refused(NOT_IN_WINDOW, authenticated=True)
        plain = usm.decrypt(self._user, header.boots, header.time, header.salt, header.data.content)
        try:
            _, context, body = read_all(_trimmed(plain))[0].inside()
            return _request(body), context.content
        except (Malformed, IndexError, ValueError):
            raise Refused(UNDECRYPTABLE) from None

    def _report(self, header: Header, refusal: Refused) -> bytes:
        count = self._counts[refusal.counter] = self._counts.get(refusal.counter, 0) + 1
        binding = _binding((*USM_STATS, refusal.counter, 0), encode_value(COUNTER32, count))
        body = usm.scoped(self._engine, b"", usm.pdu(REPORT, _plain_request_id(header), 0, 0, [binding]))
        user = self._user if refusal.authenticated else None
        flags = usm.AUTH if refusal.authenticated else 0
        return usm.protect(self._engine, user, flags, header.message_id, body, header.user)

    # --- both
    def _answer(self, request: Request, max_size: int) -> bytes:
        if request.tag == SET:
            bindings = [_binding(oid, encode(5, b"")) for oid in request.oids]
            return usm.pdu(RESPONSE, request.id, NOT_WRITABLE, 1, bindings)
        bindings, room = [], min(max_size, usm.MAX_SIZE) - ROOM
        for binding in self._bindings(request):
            room -= len(binding)
            if room < 0 and bindings:
                break
            bindings.append(binding)
        return usm.pdu(RESPONSE, request.id, 0, 0, bindings)

    def _bindings(self, request: Request) -> Iterator[bytes]:
        if request.tag == GET:
            yield from map(self._get, request.oids)
        elif request.tag == GET_NEXT:
            yield from (self._next(oid)[1] for oid in request.oids)
        elif request.tag == GET_BULK:
            single = max(0, request.first)
            yield from (self._next(oid)[1] for oid in request.oids[:single])
            yield from self._repeated(list(request.oids[single:]), min(request.second, 2000))
        else:
            raise Malformed("no such request")

    def _repeated(self, oids: list[ObjectId], times: int) -> Iterator[bytes]:
        for _ in range(times if oids else 0):
            steps = [self._next(oid) for oid in oids]
            yield from (binding for _, binding in steps)
            if all(after is None for after, _ in steps):
                return
            oids = [after or oid for (after, _), oid in zip(steps, oids, strict=True)]

    def _get(self, oid: ObjectId) -> bytes:
        value = self._table.get(oid)
        if value is None:
            value = encode(NO_SUCH_INSTANCE if self._table.has_below(oid) else NO_SUCH_OBJECT, b"")
        return _binding(oid, value)

    def _next(self, oid: ObjectId) -> tuple[ObjectId | None, bytes]:
        found = self._table.next(oid)
        if found is None:
            return None, _binding(oid, encode(END_OF_MIB_VIEW, b""))
        return found[0], _binding(*found)


class AgentEndpoint(asyncio.DatagramProtocol):
    """An agent at its UDP port."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._agent.handle(data)
        if answer is not None:
            self._transport.sendto(answer, addr)


def _binding(oid: ObjectId, value: bytes) -> bytes:
    return encode_sequence(encode_oid(oid), value)


def _request(element: Element) -> Request:
    number, first, second, bindings = element.inside()
    oids = tuple(read_oid(binding.inside()[0]) for binding in bindings.inside())
    return Request(element.tag, number.number(), first.number(), second.number(), oids)


def _header(parts: list[Element]) -> Header:
    head, parameters, data = parts
    message_id, max_size, flags, _model = head.inside()
    engine, boots, seconds, user, mac, salt = parameters.inside()[0].inside()
    return Header(
        message_id.number(), max_size.number(), flags.content[0], engine.content, boots.number(), seconds.number(),
        user.content.decode("utf-8", "replace"), mac, salt.content, data,
    )  # fmt: skip


def _plain_request_id(header: Header) -> int:
    """The request's id for a report, when the PDU is readable; otherwise 0 (RFC 3412 section 7.1 step 3)."""
    if header.data.tag != SEQUENCE:
        return 0
    return _request(header.data.inside()[2]).id


def _trimmed(plain: bytes) -> bytes:
    """The PDU without what a block cipher may have padded behind it."""
    if plain[:1] != bytes((SEQUENCE,)):
        raise Malformed("scoped PDU expected")
    size, at = plain[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(plain[2:at], "big")
    return plain[: at + size]
