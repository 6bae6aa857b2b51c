"""The User-based Security Model (RFC 3414) with HMAC-192-SHA-256 (RFC 7860) and CFB128-AES-128 (RFC 3826)."""

import hashlib
import hmac
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from tests.range.plan import Host
from tests.range.snmp.ber import OCTETS, encode, encode_number, encode_sequence

AUTH, PRIV, REPORTABLE = 1, 2, 4
MAC_SIZE = 24
WINDOW = 150  # seconds
MAX_SIZE = 65507
EPOCH = 1767225600  # 2026-01-01; boots counts minutes from it, so that it grows with every start of the practice network
ENTERPRISES = {"cisco_ios": 9, "cisco_asa": 9, "huawei_vrp": 2011, "h3c_comware": 25506, "topsec_tos": 14331}


def engine_id(host: Host) -> bytes:
    """RFC 3411 section 5, SnmpEngineID: enterprise with the first bit set, format 3 (MAC address)."""
    enterprise = 0x80000000 | ENTERPRISES.get(host.platform, 8072)
    return enterprise.to_bytes(4, "big") + b"\x03" + bytes.fromhex(host.mac.replace(":", ""))


@cache
def _master_key(passphrase: str) -> bytes:
    """RFC 3414 section 2.6: the digest of one megabyte of the repeated pass phrase."""
    text = passphrase.encode()
    return hashlib.sha256((text * (1048576 // len(text) + 1))[:1048576]).digest()


def localised_key(passphrase: str, engine: bytes) -> bytes:
    master = _master_key(passphrase)
    return hashlib.sha256(master + engine + master).digest()


@dataclass(frozen=True)
class User:
    """A user as one engine knows it."""

    name: str
    auth_key: bytes
    priv_key: bytes

    @classmethod
    def at(cls, engine: bytes, name: str, auth: str, priv: str) -> "User":
        return cls(name, localised_key(auth, engine), localised_key(priv, engine)[:16])


@dataclass(frozen=True)
class Engine:
    """An authoritative engine: id, boots, and the moment its time counts from (seconds since 1970)."""

    id: bytes
    boots: int
    started: float

    @classmethod
    def of(cls, host: Host, started: float) -> "Engine":
        return cls(engine_id(host), int(started - EPOCH) // 60, started)

    @property
    def time(self) -> int:
        return int(time.time() - self.started)

    def in_window(self, boots: int, seconds: int) -> bool:
        return boots == self.boots and abs(seconds - self.time) <= WINDOW


def digest(user: User, message: bytes) -> bytes:
    return hmac.digest(user.auth_key, message, "sha256")[:MAC_SIZE]


def decrypt(user: User, boots: int, seconds: int, salt: bytes, data: bytes) -> bytes:
    cipher = Cipher(AES(user.priv_key), CFB(_vector(boots, seconds, salt))).decryptor()
    return cipher.update(data) + cipher.finalize()


def protect(
    engine: Engine, user: User | None, flags: int, message_id: int, scoped_pdu: bytes, name: str = ""
) -> bytes:
    """A whole version 3 message with the PDU encrypted and the message authenticated as ``flags`` say."""
    seconds, salt, data = engine.time, b"", scoped_pdu
    if flags & PRIV and user:
        salt = os.urandom(8)
        cipher = Cipher(AES(user.priv_key), CFB(_vector(engine.boots, seconds, salt))).encryptor()
        data = encode(OCTETS, cipher.update(scoped_pdu) + cipher.finalize())
    head = encode_sequence(
        encode_number(message_id), encode_number(MAX_SIZE), encode(OCTETS, bytes((flags,))), encode_number(3)
    )

    def whole(mac: bytes) -> bytes:
        parameters = encode_sequence(
            encode(OCTETS, engine.id), encode_number(engine.boots), encode_number(seconds),
            encode(OCTETS, (user.name if user else name).encode()), encode(OCTETS, mac), encode(OCTETS, salt),
        )  # fmt: skip
        return encode_sequence(encode_number(3), head, encode(OCTETS, parameters), data)

    if not (flags & AUTH and user):
        return whole(b"")
    return whole(digest(user, whole(bytes(MAC_SIZE))))


def scoped(engine: Engine, context: bytes, pdu: bytes) -> bytes:
    return encode_sequence(encode(OCTETS, engine.id), encode(OCTETS, context), pdu)


def pdu(tag: int, request_id: int, status: int, index: int, bindings: Sequence[bytes]) -> bytes:
    return encode_sequence(
        encode_number(request_id),
        encode_number(status),
        encode_number(index),
        encode_sequence(*bindings),
        tag=tag,
    )


def _vector(boots: int, seconds: int, salt: bytes) -> bytes:
    return boots.to_bytes(4, "big") + seconds.to_bytes(4, "big") + salt
