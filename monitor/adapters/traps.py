"""Receiver of traps and informs, v1, v2c and v3 (RFC 3416, RFC 3414), on one UDP port.

Two threads: one drains the socket into a bounded queue, so that a storm is not lost in the kernel while one message is
decoded; the other has pysnmp check and decode. What is lost, malformed or refused is counted, so that "no traps" can be told
from "no traps understood".
"""

import queue
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.errors import Unavailable
from kernel.i18n import N_
from kernel.secrets import Credential
from monitor.adapters.snmp import plain_value
from monitor.model import Oid, Trap, Value
from monitor.ports import TrapSink

_UPTIME, _TRAP_OID = (1, 3, 6, 1, 2, 1, 1, 3, 0), (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
_VERSIONS = {0: "v1", 1: "v2c", 3: "v3"}
_AUTH_PRIV = 3  # securityLevel, RFC 3411 section 5
_MAX_ENGINES = 20_000
_QUEUE = 50_000
_BUFFER = 8 * 2**20  # bytes; the kernel grants at most net.core.rmem_max
_SO_RXQ_OVFL = 40  # asm-generic/socket.h; Python has no name for it


@dataclass(frozen=True)
class TrapCounts:
    """What became of the datagrams. ``answered``: engine discovery and time requests of informs."""

    received: int = 0
    accepted: int = 0
    answered: int = 0
    malformed: int = 0
    refused: int = 0
    dropped: int = 0
    failed: int = 0  # decoded, but the sink could not keep it
    lost: int = 0  # by the kernel, before we could read them


class TrapDecoder:
    """pysnmp's message processing without its sockets: bytes in, notifications out. One thread at a time."""

    def __init__(
        self, credentials: Sequence[Credential], send: Callable[[bytes, tuple[str, int]], None]
    ) -> None:
        from pysnmp.entity import config, engine
        from pysnmp.entity.rfc3413 import ntfrcv

        self._config = config
        self._engine = engine.SnmpEngine()
        self._users = {one.snmp_user: one for one in credentials if one.snmp_user}
        self._keys = {name: _master_keys(one) for name, one in self._users.items()}
        self._foreign: set[tuple[bytes, str]] = set()
        self._traps: list[Trap] = []
        self._sent = 0
        self._transport = self._open(send)
        for number, community in enumerate(sorted({one.snmp_community for one in credentials} - {""})):
            config.add_v1_system(self._engine, f"area-{number}", community)
        for name in self._users:
            self._add_user(name, None)
        ntfrcv.NotificationReceiver(self._engine, self._on_notification)
        self._engine.observer.register_observer(self._on_message, "rfc3412.receiveMessage:request")

    def decode(self, datagram: bytes, source: tuple[str, int]) -> tuple[list[Trap], str]:
        """The notifications in a datagram, and what became of it: accepted, answered, malformed or refused."""
        before = self._statistics()
        outcome = self._process(datagram, source)
        after = self._statistics()
        if outcome == "refused" and after["usmStatsUnknownUserNames"] > before["usmStatsUnknownUserNames"]:
            outcome = self._with_new_engine(datagram, source)
        elif outcome == "refused" and after["snmpInASNParseErrs"] > before["snmpInASNParseErrs"]:
            outcome = "malformed"
        traps, self._traps = self._traps, []
        return traps, outcome

    # --- pysnmp's side
    def _open(self, send: Callable[[bytes, tuple[str, int]], None]) -> Any:
        from pysnmp.carrier.asyncio.dgram import udp
        from pysnmp.carrier.base import AbstractTransport, AbstractTransportDispatcher

        decoder = self

        class Dispatcher(AbstractTransportDispatcher):  # type: ignore[misc]
            pass

        class Transport(AbstractTransport):  # type: ignore[misc]
            PROTO_TRANSPORT_DISPATCHER = Dispatcher
            ADDRESS_TYPE = udp.UdpTransportAddress

            def send_message(self, message: bytes, address: Any) -> None:
                decoder._sent += 1
                send(message, tuple(address))

        transport = Transport()
        self._engine.register_transport_dispatcher(Dispatcher())
        self._config.add_transport(self._engine, udp.DOMAIN_NAME, transport)
        return transport

    def _process(self, datagram: bytes, source: tuple[str, int]) -> str:
        from pyasn1.error import PyAsn1Error
        from pysnmp.error import PySnmpError

        self._sent = 0
        count = len(self._traps)
        try:
            self._transport._callback_function(
                self._transport, self._transport.ADDRESS_TYPE(source), datagram
            )
        except (PySnmpError, PyAsn1Error, ValueError, TypeError, IndexError, KeyError, AttributeError):
            return "malformed"  # pysnmp lets these through for some broken messages
        if len(self._traps) > count:
            return "accepted"
        return "answered" if self._sent else "refused"

    def _on_message(self, _engine: Any, _point: str, variables: dict[str, Any], _context: Any) -> None:
        self._current = variables

    def _on_notification(
        self, engine: Any, reference: int, _id: Any, _name: Any, pairs: Any, _ctx: Any
    ) -> None:
        version = _VERSIONS[int(self._current["messageProcessingModel"])]
        if version == "v3" and int(self._current["securityLevel"]) != _AUTH_PRIV:
            return  # pysnmp hands on what its sender did not protect: anybody could have sent it
        _domain, address = engine.message_dispatcher.get_transport_info(reference)
        values = {tuple(name): plain_value(value) for name, value in pairs}
        oid = values.pop(_TRAP_OID, ())
        uptime = values.pop(_UPTIME, 0)
        kept: list[tuple[Oid, Value]] = [(name, value) for name, value in values.items() if value is not None]
        self._traps.append(
            Trap(
                source=str(address[0]),
                version=version,
                user=str(self._current["securityName"]) if version == "v3" else "",
                inform=type(self._current["pdu"]).__name__ == "InformRequestPDU",
                oid=oid if isinstance(oid, tuple) else (),
                uptime=uptime if isinstance(uptime, int) else 0,
                varbinds=tuple(kept),
            )
        )

    # --- SNMPv3: a trap is protected with keys of its sender's engine, which we may not have met yet
    def _with_new_engine(self, datagram: bytes, source: tuple[str, int]) -> str:
        """Localise the user's keys for the sender's engine and try again; forget it unless the message proves itself."""
        sender = _sender_of(datagram)
        if sender is None or sender[1] not in self._users or sender in self._foreign:
            return "refused"
        if len(self._foreign) >= _MAX_ENGINES:
            return "refused"
        engine_id, name = sender
        self._add_user(name, engine_id)
        outcome = self._process(datagram, source)
        if outcome == "accepted":
            self._foreign.add(sender)
        else:
            self._config.delete_v3_user(self._engine, name, self._octets(engine_id))
        return outcome

    def _add_user(self, name: str, engine_id: bytes | None) -> None:
        auth, priv = self._keys[name]
        self._config.add_v3_user(
            self._engine,
            name,
            self._config.USM_AUTH_HMAC192_SHA256,
            auth,
            self._config.USM_PRIV_CFB128_AES,
            priv,
            securityEngineId=self._octets(engine_id) if engine_id is not None else None,
            authKeyType=self._config.USM_KEY_TYPE_MASTER,
            privKeyType=self._config.USM_KEY_TYPE_MASTER,
        )

    @staticmethod
    def _octets(data: bytes) -> Any:
        from pysnmp.proto.rfc1902 import OctetString

        return OctetString(data)

    def _statistics(self) -> dict[str, int]:
        builder = self._engine.get_mib_builder()
        wanted = (
            ("__SNMPv2-MIB", "snmpInASNParseErrs"),
            ("__SNMP-USER-BASED-SM-MIB", "usmStatsUnknownUserNames"),
        )
        return {name: int(builder.import_symbols(module, name)[0].syntax) for module, name in wanted}


def _master_keys(credential: Credential) -> tuple[bytes, bytes]:
    """Keys from the pass-phrases (RFC 3414 appendix A.2 with SHA-256), stretched once and not for each engine."""
    from hashlib import sha256

    from pysnmp.proto.rfc1902 import OctetString
    from pysnmp.proto.secmod.rfc3414.localkey import hash_passphrase

    auth, priv = (
        OctetString(hash_passphrase(secret, sha256))
        for secret in (credential.snmp_auth, credential.snmp_priv)
    )
    return auth, priv


def _sender_of(datagram: bytes) -> tuple[bytes, str] | None:
    """(engine id, user) of an SNMPv3 message, unverified; None when it is none."""
    from pyasn1.codec.ber import decoder
    from pyasn1.error import PyAsn1Error
    from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message
    from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

    try:
        message, _rest = decoder.decode(datagram, asn1Spec=SNMPv3Message())
        parameters, _rest = decoder.decode(bytes(message[2].asOctets()), asn1Spec=UsmSecurityParameters())
        engine_id, name = bytes(parameters[0].asOctets()), bytes(parameters[3].asOctets()).decode("ascii")
    except (PyAsn1Error, ValueError, IndexError, AttributeError):
        return None
    return (engine_id, name) if 5 <= len(engine_id) <= 32 else None


def _bind(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Unavailable(
            N_("Traps can not be received: %(detail)s."),
            mend=N_("Stop the program that has the port, or set another one (collector.trap_port)."),
            place=f"{host}:{port}/udp",
            detail=error.strerror,
        ) from None


class TrapReceiver:
    """Listens until it is stopped; hands every notification to the sink."""

    def __init__(
        self,
        host: str,
        port: int,
        credentials: Sequence[Credential],
        sink: TrapSink,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._sink = sink
        self._on_error = on_error
        self._counts = TrapCounts()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._queue: queue.Queue[tuple[bytes, tuple[str, int]]] = queue.Queue(_QUEUE)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            _bind(self._socket, host, port)
            self._socket.settimeout(0.2)
            self._decoder = TrapDecoder(credentials, self._answer)
        except BaseException:
            self._socket.close()
            raise
        self._threads = [
            threading.Thread(target=self._drain, name="trap-drain"),
            threading.Thread(target=self._decode, name="trap-decode"),
        ]

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def counts(self) -> TrapCounts:
        with self._lock:
            return self._counts

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop listening, decode what was received, end."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._socket.close()

    def _answer(self, datagram: bytes, source: tuple[str, int]) -> None:
        self._socket.sendto(datagram, source)

    def _drain(self) -> None:
        while not self._stop.is_set():
            try:
                datagram, notes, _flags, source = self._socket.recvmsg(65_535, socket.CMSG_SPACE(4))
            except TimeoutError:
                continue
            except OSError as error:
                self._on_error(error)
                continue
            self._note_losses(notes)
            self._count("received")
            try:
                self._queue.put_nowait((datagram, source[:2]))
            except queue.Full:
                self._count("dropped")

    def _note_losses(self, notes: Sequence[tuple[int, int, bytes]]) -> None:
        """The kernel tells with each datagram how many it had to throw away so far (socket(7), SO_RXQ_OVFL)."""
        for level, kind, data in notes:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                with self._lock:
                    self._counts = replace(self._counts, lost=int.from_bytes(data[:4], sys.byteorder))

    def _decode(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            try:
                datagram, source = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            traps, outcome = self._decoder.decode(datagram, source)
            for trap in traps:
                try:
                    self._sink(trap)
                except Exception as error:  # noqa: BLE001 - one that can not be kept must not stop the next
                    self._on_error(error)
                    outcome = "failed"
            self._count(outcome)

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts = replace(self._counts, **{name: getattr(self._counts, name) + 1})
