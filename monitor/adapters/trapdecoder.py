"""Decoding of traps and informs, v1, v2c and v3 (RFC 3416, RFC 3414), by pysnmp."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernel.credentials import Credential
from monitor.adapters.snmp import plain_value
from monitor.model import Oid, Trap, Value

_UPTIME, _TRAP_OID = (1, 3, 6, 1, 2, 1, 1, 3, 0), (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
_VERSIONS = {0: "v1", 1: "v2c", 3: "v3"}
_AUTH_PRIV = 3  # securityLevel, RFC 3411 section 5
_MAX_ENGINES = 20_000


@dataclass(frozen=True)
class Decoded:
    """``outcome``: accepted, answered (discovery and time requests of informs), malformed or refused."""

    traps: tuple[Trap, ...]
    outcome: str
    replies: tuple[bytes, ...]


class TrapDecoder:
    """pysnmp's message processing without its sockets: bytes in, notifications and replies out. One thread at a time.

    Replies are handed back, not sent: an inform is confirmed only when what it told has been kept.
    """

    def __init__(self, credentials: Sequence[Credential]) -> None:
        from pysnmp.entity import config, engine
        from pysnmp.entity.rfc3413 import ntfrcv

        self._config = config
        self._engine = engine.SnmpEngine()
        self._users = {one.snmp_user: one for one in credentials if one.snmp_user}
        self._keys = {name: _master_keys(one) for name, one in self._users.items()}
        self._foreign: set[tuple[bytes, str]] = set()
        self._traps: list[Trap] = []
        self._replies: list[bytes] = []
        self._unprotected = False
        self._transport = self._open()
        for number, community in enumerate(sorted({one.snmp_community for one in credentials} - {""})):
            config.add_v1_system(self._engine, f"area-{number}", community)
        for name in self._users:
            self._add_user(name, None)
        ntfrcv.NotificationReceiver(self._engine, self._on_notification)
        self._engine.observer.register_observer(self._on_message, "rfc3412.receiveMessage:request")

    def decode(self, datagram: bytes, source: tuple[str, int]) -> Decoded:
        """The notifications in a datagram, what to reply, and what became of it."""
        before = self._statistics()
        outcome = self._process(datagram, source)
        after = self._statistics()
        if outcome == "refused" and after["usmStatsUnknownUserNames"] > before["usmStatsUnknownUserNames"]:
            outcome = self._with_new_engine(datagram, source)
        elif outcome == "refused" and after["snmpInASNParseErrs"] > before["snmpInASNParseErrs"]:
            outcome = "malformed"
        return Decoded(tuple(self._traps), outcome, tuple(self._replies))

    # --- pysnmp's side
    def _open(self) -> Any:
        from pysnmp.carrier.asyncio.dgram import udp
        from pysnmp.carrier.base import AbstractTransport, AbstractTransportDispatcher

        decoder = self

        class Dispatcher(AbstractTransportDispatcher):  # type: ignore[misc]
            pass

        class Transport(AbstractTransport):  # type: ignore[misc]
            PROTO_TRANSPORT_DISPATCHER = Dispatcher
            ADDRESS_TYPE = udp.UdpTransportAddress

            def send_message(self, message: bytes, address: Any) -> None:
                decoder._replies.append(bytes(message))

        transport = Transport()
        self._engine.register_transport_dispatcher(Dispatcher())
        self._config.add_transport(self._engine, udp.DOMAIN_NAME, transport)
        return transport

    def _process(self, datagram: bytes, source: tuple[str, int]) -> str:
        from pyasn1.error import PyAsn1Error
        from pysnmp.error import PySnmpError

        self._traps, self._replies, self._unprotected = [], [], False
        try:
            self._transport._callback_function(
                self._transport, self._transport.ADDRESS_TYPE(source), datagram
            )
        except (PySnmpError, PyAsn1Error, ValueError, TypeError, IndexError, KeyError, AttributeError):
            self._traps, self._replies = [], []
            return "malformed"  # pysnmp lets these through for some broken messages
        if self._unprotected:  # pysnmp would confirm it
            self._replies = []
            return "refused"
        return "accepted" if self._traps else "answered" if self._replies else "refused"

    def _on_message(self, _engine: Any, _point: str, variables: dict[str, Any], _context: Any) -> None:
        self._current = variables

    def _on_notification(
        self, engine: Any, reference: int, _id: Any, _name: Any, pairs: Any, _ctx: Any
    ) -> None:
        version = _VERSIONS[int(self._current["messageProcessingModel"])]
        if version == "v3" and int(self._current["securityLevel"]) != _AUTH_PRIV:
            self._unprotected = True  # pysnmp hands it on all the same, though anybody could have sent it
            return
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
