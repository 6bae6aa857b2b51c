"""Public keys that nobody should certify, by what is wrong with the key itself. Pure.

RSA keys are tried with the attacks that keys of known bad make fall to (badkeys); Ed25519 keys of small order prove nothing,
since everybody can sign for them (RFC 8032 section 8.3 leaves the check to who uses them).
"""

import hashlib
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from kernel.i18n import N_

_LEAST_BITS = 2048
_LEAST_EXPONENT, _MOST_EXPONENT_BITS = 65537, 256  # NIST SP 800-56B section 6.2
_ORDER_2_AND_1 = {1, 2**255 - 20}  # y of the points of order 1 and 2
_ORDER_4 = {0}
_ORDER_8 = {
    2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
}
_SMALL_ORDERS = _ORDER_2_AND_1 | _ORDER_4 | _ORDER_8


def weakness(key: PublicKeyTypes) -> str:
    """What is wrong with the key, as a message id; "" when nothing is known against it."""
    if isinstance(key, rsa.RSAPublicKey):
        return _of_rsa(key.key_size, key.public_numbers().n, key.public_numbers().e)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _of_ed25519(key.public_bytes_raw())
    return ""


def fingerprints(key: PublicKeyTypes) -> Mapping[str, bytes]:
    """What lists of compromised keys name it by: ``sha256`` (badkeys: 15 octets), ``sha1`` (openssl-blacklist: 10 octets)."""
    if isinstance(key, rsa.RSAPublicKey):
        modulus = key.public_numbers().n
        line = f"Modulus={modulus:X}\n".encode()
        return {
            "sha256": _truncated(modulus),
            "sha1": hashlib.sha1(line, usedforsecurity=False).digest()[10:],
        }
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"sha256": _truncated(key.public_numbers().x)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"sha256": _truncated(int.from_bytes(key.public_bytes_raw()))}
    return {}


def _of_rsa(bits: int, modulus: int, exponent: int) -> str:
    if bits < _LEAST_BITS:
        return N_("An RSA key has at least 2048 bits.")
    if exponent < _LEAST_EXPONENT or exponent % 2 == 0 or exponent.bit_length() > _MOST_EXPONENT_BITS:
        return N_("The RSA exponent is not accepted.")
    for attack, message in _attacks().items():
        if attack(modulus, exponent):
            return message
    return ""


def _attacks() -> Mapping[Callable[[int, int], object], str]:
    from badkeys import checks  # loads tables of primes; only who judges an RSA key needs them

    return {
        checks.smallfactors: N_("The RSA modulus has a small factor."),
        checks.roca: N_("The RSA key was made by a chip whose keys can be broken (ROCA)."),
        checks.fermat: N_("The two primes of the RSA key are too near to each other."),
        checks.sharedprimes: N_("The RSA key shares a prime with keys that are known."),
        checks.rsapoly: N_("The RSA modulus has a pattern by which it can be factored."),
    }


def _of_ed25519(raw: bytes) -> str:
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    field = 2**255 - 19
    return N_("The Ed25519 key is of small order.") if y % field in _SMALL_ORDERS else ""


def _truncated(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes((number.bit_length() + 7) // 8)).digest()[:15]
