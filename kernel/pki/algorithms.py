"""The table of key and signature algorithms: one row makes an algorithm known to certificates, CRLs, OCSP, CMS, time-stamps.

Rows for algorithms that ``cryptography`` can not use (SM2) bring their own ``verify``; nothing else changes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki import der

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class SignatureInvalid(IntegrityFailed):
    """A signature does not belong to the data, or not to the key."""


class UnknownAlgorithm(Invalid):
    """An algorithm that is not in the table."""


@dataclass(frozen=True)
class Algorithm:
    """One row. ``family`` rsa, ec or ed25519; ``size`` modulus or curve bits; ``digest`` also names the CMS digest."""

    name: str
    family: str
    size: int
    digest: str
    signature_oid: str

    @property
    def title(self) -> str:
        """What people call such a key: curve or length."""
        return {"ec": f"EC P-{self.size}", "rsa": f"RSA {self.size}"}.get(self.family, self.name.capitalize())

    @property
    def signature_title(self) -> str:
        """What people call its signatures: ``ECDSA-SHA256``."""
        if self.family == "ed25519":
            return "Ed25519"
        scheme = {"ec": "ECDSA", "rsa": "RSA"}[self.family]
        return f"{scheme}-SHA{self.digest.removeprefix('sha')}"

    @cached_property
    def identifier(self) -> bytes:
        """DER AlgorithmIdentifier of the signature: NULL parameters for RSA (RFC 4055), none otherwise (RFC 5758, 8410)."""
        return der.sequence(der.oid(self.signature_oid), b"\x05\x00" if self.family == "rsa" else b"")


ALGORITHMS: dict[str, Algorithm] = {
    row.name: row
    for row in (
        Algorithm("p256", "ec", 256, "sha256", "1.2.840.10045.4.3.2"),
        Algorithm("p384", "ec", 384, "sha384", "1.2.840.10045.4.3.3"),
        Algorithm("rsa2048", "rsa", 2048, "sha256", "1.2.840.113549.1.1.11"),
        Algorithm("rsa3072", "rsa", 3072, "sha256", "1.2.840.113549.1.1.11"),
        Algorithm("rsa4096", "rsa", 4096, "sha256", "1.2.840.113549.1.1.11"),
        Algorithm("ed25519", "ed25519", 256, "sha512", "1.3.101.112"),
    )
}
_CURVES: dict[int, Callable[[], ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1}


def algorithm(name: str) -> Algorithm:
    """The row of that name; UnknownAlgorithm otherwise."""
    if name not in ALGORITHMS:
        raise UnknownAlgorithm(
            N_("Algorithm %(name)s is not supported."),
            mend=N_("Supported: %(known)s."),
            name=name[:40],
            known=", ".join(ALGORITHMS),
        )
    return ALGORITHMS[name]


@lru_cache(maxsize=1024)  # an applicant's key is looked at by many; a CA's with each signature
def public_key(spki: bytes) -> PublicKeyTypes:
    """The key of a DER SubjectPublicKeyInfo; ValueError or UnsupportedAlgorithm for what is none."""
    return load_der_public_key(spki)


def algorithm_of(spki: bytes) -> Algorithm:
    """The row that a public key (DER SubjectPublicKeyInfo) signs with; UnknownAlgorithm for any other key."""
    try:
        key = public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnknownAlgorithm(N_("The public key is of no supported kind.")) from error
    family, size = _kind(key)
    for row in ALGORITHMS.values():
        if (row.family, row.size) == (family, size):
            return row
    raise UnknownAlgorithm(N_("The public key is of no supported kind."))


def generate(row: Algorithm) -> PrivateKeyTypes:
    """A new private key for the row."""
    if row.family == "rsa":
        return rsa.generate_private_key(65537, row.size)
    if row.family == "ec":
        return ec.generate_private_key(_CURVES[row.size]())
    return ed25519.Ed25519PrivateKey.generate()


def sign(key: PrivateKeyTypes, row: Algorithm, data: bytes) -> bytes:
    """Sign ``data`` as the row says; ECDSA signatures are DER (RFC 3279)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), _HASHES[row.digest]())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(_HASHES[row.digest]()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    raise UnknownAlgorithm(N_("The private key is of no supported kind."))


def sign_digest(key: PrivateKeyTypes, row: Algorithm, digest: bytes) -> bytes:
    """As ``sign``, of data whose digest (by ``row.digest``) is given; Ed25519 has no such form and is UnknownAlgorithm."""
    hashed = Prehashed(_HASHES[row.digest]())
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), hashed)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(hashed))
    raise UnknownAlgorithm(N_("The private key is of no supported kind."))


def verify(spki: bytes, digest_name: str, signature: bytes, data: bytes) -> None:
    """Raise SignatureInvalid unless the holder of ``spki`` made ``signature`` over ``data`` hashed by ``digest_name``."""
    if digest_name not in _HASHES:
        raise UnknownAlgorithm(N_("Digest %(name)s is not supported."), name=digest_name[:40])
    key = public_key(spki)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[digest_name]())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_HASHES[digest_name]()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            raise UnknownAlgorithm(N_("The public key is of no supported kind."))
    except InvalidSignature as error:
        raise SignatureInvalid(N_("The signature does not belong to the data.")) from error


def verify_digest(spki: bytes, row: Algorithm, signature: bytes, hashed: bytes) -> None:
    """As ``verify``, of data whose digest (by ``row.digest``) is given; not for Ed25519, which has no such form."""
    key, prehashed = public_key(spki), Prehashed(_HASHES[row.digest]())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, hashed, padding.PKCS1v15(), prehashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, hashed, ec.ECDSA(prehashed))
        else:
            raise UnknownAlgorithm(N_("The public key is of no supported kind."))
    except InvalidSignature as error:
        raise SignatureInvalid(N_("The signature does not belong to the data.")) from error


def digest(name: str, data: bytes) -> bytes:
    """Digest by name (sha256, sha384, sha512)."""
    return hashlib.new(name, data).digest()


def _kind(key: object) -> tuple[str, int]:
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec" if key.curve.name in ("secp256r1", "secp384r1") else "", key.curve.key_size
    return ("ed25519", 256) if isinstance(key, ed25519.Ed25519PublicKey) else ("", 0)
