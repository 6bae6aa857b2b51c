"""A secret in shares (Shamir, "How to share a secret", CACM 1979): any ``threshold`` of them give it back, fewer tell nothing.

Arithmetic in GF(2^8) with the polynomial of AES (FIPS 197, 4.2), octet by octet. A share is handed to one officer and kept
under that officer's own pass-phrase, as a text that can be printed, shown as a QR code and typed in again: every line has a
checksum of its own, so that a misread line is named.
"""

import hashlib
import os
import secrets
import struct
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ca.signer.passphrase import SALT_OCTETS, check_passphrase, derive
from kernel.errors import Invalid
from kernel.i18n import N_

SECRET_OCTETS = 32
SET_OCTETS = 8
MAX_SHARES = 16
_NONCE_OCTETS, _TAG_OCTETS = 12, 16
_BEGIN, _END = "-----BEGIN WEICHENG SIGNER SHARE-----", "-----END WEICHENG SIGNER SHARE-----"
_HEAD = struct.Struct(f">B{SET_OCTETS}sBBB")  # version, set, number, threshold, count
_SIZE = _HEAD.size + SALT_OCTETS + _NONCE_OCTETS + SECRET_OCTETS + _TAG_OCTETS
_LINE, _CHECK, _GROUP = 30, 5, 5  # characters
_MISREAD = str.maketrans("018", "OIB")  # what base32 has not, for what it is mistaken for


class ShareRefused(Invalid):
    """A share that is damaged, not of this set, not what was handed out, or not opened by this pass-phrase."""


@dataclass(frozen=True, repr=False)
class Share:
    """One share. ``set`` names the shares that belong together, ``number`` counts from 1. Its text form shows no value."""

    set: bytes
    number: int
    threshold: int
    count: int
    value: bytes

    def __repr__(self) -> str:
        return f"Share({self.set.hex()}, {self.number} of {self.count})"

    @property
    def commitment(self) -> str:
        """SHA-256 (hex) by which the share is known again; a 256-bit value can not be guessed from it."""
        return hashlib.sha256(b"weicheng share" + self.set + bytes((self.number,)) + self.value).hexdigest()


def split(secret: bytes, threshold: int, count: int) -> list[Share]:
    """A new set of ``count`` shares of 32 octets; Invalid as ``check_numbers``."""
    check_numbers(threshold, count)
    name = secrets.token_bytes(SET_OCTETS)
    polynomials = [[octet, *secrets.token_bytes(threshold - 1)] for octet in secret]
    return [
        Share(name, x, threshold, count, bytes(_value(coefficients, x) for coefficients in polynomials))
        for x in range(1, count + 1)
    ]


def check_numbers(threshold: int, count: int) -> None:
    """Invalid unless 2 <= threshold <= count <= 16."""
    if not 2 <= threshold <= count <= MAX_SHARES:
        raise Invalid(
            N_("%(threshold)s of %(count)s shares is not possible."),
            mend=N_("At least 2 have to come together, of at most %(most)s."),
            threshold=threshold,
            count=count,
            most=MAX_SHARES,
        )


def combine(shares: Sequence[Share]) -> bytes:
    """The secret of ``threshold`` shares of one set with different numbers; of others it is some other octets."""
    xs = [share.number for share in shares]
    weights = [_weight(x, xs) for x in xs]
    secret = bytearray(len(shares[0].value))
    for weight, share in zip(weights, shares, strict=True):
        for place, octet in enumerate(share.value):
            secret[place] ^= _times(weight, octet)
    return bytes(secret)


# --- the field
def _tables() -> tuple[list[int], list[int]]:
    powers, logarithms, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        powers[exponent], logarithms[value] = value, exponent
        value ^= value << 1  # times the generator x + 1
        if value & 0x100:
            value ^= 0x11B
    return powers, logarithms


_POWERS, _LOGARITHMS = _tables()


def _times(a: int, b: int) -> int:
    return _POWERS[(_LOGARITHMS[a] + _LOGARITHMS[b]) % 255] if a and b else 0


def _over(a: int, b: int) -> int:
    return _POWERS[(_LOGARITHMS[a] - _LOGARITHMS[b]) % 255] if a else 0


def _value(coefficients: Sequence[int], x: int) -> int:
    result = 0
    for coefficient in reversed(coefficients):
        result = _times(result, x) ^ coefficient
    return result


def _weight(x: int, xs: Sequence[int]) -> int:
    """Lagrange's coefficient at 0 of the share at ``x``."""
    result = 1
    for other in xs:
        if other != x:
            result = _times(result, _over(other, other ^ x))
    return result


# --- as an officer keeps it
def seal(share: Share, passphrase: str) -> str:
    """The share as text, readable with the pass-phrase only (argon2id, AES-256-GCM)."""
    key = check_passphrase(passphrase, N_("The share's pass-phrase is too short."))
    head = _HEAD.pack(1, share.set, share.number, share.threshold, share.count)
    salt, nonce = os.urandom(SALT_OCTETS), os.urandom(_NONCE_OCTETS)
    sealed = AESGCM(derive(key, salt)).encrypt(nonce, share.value, head)
    text = b32encode(head + salt + nonce + sealed).decode().rstrip("=")
    lines = [_line(text[start : start + _LINE], start // _LINE) for start in range(0, len(text), _LINE)]
    told = f"set {share.set.hex()}, share {share.number} of {share.count}, {share.threshold} needed"
    return "\n".join((_BEGIN, told, *lines, _END, ""))


def unseal(text: str, passphrase: str) -> Share:
    """The share that a text holds. ShareRefused names the line that is damaged, or tells that the pass-phrase is wrong."""
    raw = _octets(text)
    version, name, number, threshold, count = _HEAD.unpack_from(raw)
    if version != 1 or not 2 <= threshold <= count <= MAX_SHARES or not 1 <= number <= count:
        raise _damaged()
    salt, nonce, sealed = _cut(raw[_HEAD.size :], SALT_OCTETS, _NONCE_OCTETS)
    try:
        key = derive(passphrase.encode(), salt)
        value = AESGCM(key).decrypt(nonce, sealed, raw[: _HEAD.size])
    except InvalidTag as error:
        raise ShareRefused(
            N_("The pass-phrase does not open this share."),
            mend=N_("Type the pass-phrase that you gave it."),
            place=f"share {number}",
        ) from error
    return Share(name, number, threshold, count, value)


def _octets(text: str) -> bytes:
    """What the lines between the marks encode; ShareRefused names the line that does not fit its checksum."""
    rows = [row.strip() for row in text.strip().splitlines() if row.strip()]
    if rows[:1] != [_BEGIN] or rows[-1:] != [_END]:
        raise _damaged()
    data = ""
    for place, row in enumerate(rows[2:-1]):
        typed = "".join(row.split()).upper().translate(_MISREAD)
        body, check = typed[:-_CHECK], typed[-_CHECK:]
        if not body.isascii() or check != _checksum(body, place):
            raise _damaged(place + 1)
        data += body
    try:
        raw = b32decode(data + "=" * (-len(data) % 8))
    except ValueError as error:
        raise _damaged() from error
    if len(raw) != _SIZE:
        raise _damaged()
    return raw


def _line(body: str, place: int) -> str:
    typed = body + _checksum(body, place)
    return " ".join(typed[start : start + _GROUP] for start in range(0, len(typed), _GROUP))


def _checksum(body: str, place: int) -> str:
    """25 bits over a line and its place."""
    return b32encode(hashlib.sha256(f"{place}:{body}".encode()).digest()).decode()[:_CHECK]


def _cut(raw: bytes, *sizes: int) -> tuple[bytes, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(raw[start : start + size])
        start += size
    return (*parts, raw[start:])


def _damaged(line: int | None = None) -> ShareRefused:
    if line is None:
        return ShareRefused(
            N_("This is no share, or a part of it is missing."),
            mend=N_("Give the whole text with its first and last line."),
        )
    return ShareRefused(
        N_("Line %(line)s of the share is damaged."),
        mend=N_("Compare it with the printed one."),
        line=line,
    )
