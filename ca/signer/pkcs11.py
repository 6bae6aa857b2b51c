"""Keys in an HSM: made on the token, never outside it, and bound to their role.

What a key is for is told in three places that must agree: the label of its objects on the token, which nobody can change
(CKA_MODIFIABLE and CKA_COPYABLE false); an index file, authenticated by a key of the token's own; and the key itself, which
must make a signature that the index's public key verifies. See docs/adr/0035-keys-in-hsm.md.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as faults

from ca.signer.checks import check_signable
from ca.signer.cryptoki import REFUSALS, Lease, TokenPool
from ca.signer.model import KeyInfo, KeyRole, Purpose, check_role
from ca.signer.software import check_name
from ca.signer.tokenindex import Entry, TokenIndex
from kernel.errors import Conflict, IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from kernel.pki import algorithms, der
from kernel.pki.algorithms import Algorithm, SignatureInvalid, UnknownAlgorithm

# family -> (key type, mechanism that makes the pair, mechanism that signs)
_MECHANISMS = {
    "ec": (KeyType.EC, Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA),
    "rsa": (KeyType.RSA, Mechanism.RSA_PKCS_KEY_PAIR_GEN, Mechanism.RSA_PKCS),
    "ed25519": (KeyType.EC_EDWARDS, Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA),
}
# CKA_EC_PARAMS: the curve's object identifier, DER
_CURVES = {
    ("ec", 256): der.oid("1.2.840.10045.3.1.7"),
    ("ec", 384): der.oid("1.3.132.0.34"),
    ("ed25519", 256): der.oid("1.3.101.112"),
}
_NAMED: dict[int, type[ec.EllipticCurve]] = {256: ec.SECP256R1, 384: ec.SECP384R1}
_SHA256_OID = "2.16.840.1.101.3.4.2.1"
_FIXED = {Attribute.MODIFIABLE: False}
_PRIVATE = {
    Attribute.MODIFIABLE: False,
    Attribute.COPYABLE: False,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}


class TokenKeys:
    """Keys on the token ``label`` of the PKCS#11 ``module``; ``index`` is the file that says which keys are ours."""

    def __init__(self, module: Path, label: str, pin: str, index: Path) -> None:
        self._pool = TokenPool(module, label, pin)
        self._index = TokenIndex(index, self._pool)
        self._lock = RLock()

    @property
    def label(self) -> str:
        return self._pool.label

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo:
        check_name(name)
        row = algorithms.algorithm(algorithm)
        with self._lock, self._index.locked():
            self._check_offered(row)
            if self._index.find(name) is not None:
                raise Conflict(N_("There is a key %(name)s already."), name=name)
            intended = self._index.intend(name, role, algorithm, self._discard)
            try:
                spki = self._pool.run(lambda lease: self._make(lease, intended, row), repeatable=False)
            except REFUSALS as error:
                raise self._refused(error) from error
            return self._index.complete(intended, spki).info

    def keys(self) -> Sequence[KeyInfo]:
        with self._lock:
            return [entry.info for entry in self._index.entries()]

    def key(self, name: str) -> KeyInfo:
        return self._entry(name)[0].info

    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes:
        entry, row = self._entry(name)
        check_signable(entry.info, row, purpose, tbs)
        if row.family == "ed25519":  # signs the whole, not a digest (RFC 8032)
            return self._signed(entry, row, tbs)
        return self._signed(entry, row, algorithms.digest(row.digest, tbs))

    def sign_digest(self, name: str, purpose: Purpose, digest: bytes) -> bytes:
        entry, row = self._entry(name)
        check_role(entry.info, purpose)
        return self._signed(entry, row, digest)

    def probe(self) -> None:
        """Raise Unavailable unless the token answers now, IntegrityFailed unless the index is its own."""
        with self._lock:
            self._index.check()

    def change_pin(self, new: str) -> str:
        """Give the token a new PIN; the PIN in force afterwards."""
        return self._pool.change_pin(new)

    def close(self) -> None:
        """Log out."""
        self._pool.close()

    def _entry(self, name: str) -> tuple[Entry, Algorithm]:
        with self._lock:
            entry = self._index.find(name)
        if entry is None:
            raise NotFound(N_("There is no key %(name)s."), name=name[:80])
        return entry, algorithms.algorithm(entry.algorithm)

    # --- keys on the token
    def _signed(self, entry: Entry, row: Algorithm, data: bytes) -> bytes:
        """The signature, checked: a wrong one leaves the signer neither into a list nor, RSA's own weakness, as a hint
        at the key (Boneh, DeMillo, Lipton 1997)."""
        try:
            made = self._pool.run(lambda lease: _signature(self._key(lease, entry), row, data))
        except faults.NoSuchKey as error:  # the token is there, the key is not
            raise self._broken(entry) from error
        except REFUSALS as error:
            raise self._refused(error) from error
        if row.family == "ed25519":
            algorithms.verify(entry.spki, row.digest, made, data)
        else:
            algorithms.verify_digest(entry.spki, row, made, data)
        return made

    def _check_offered(self, row: Algorithm) -> None:
        """UnknownAlgorithm that names what the token has, unless it makes and uses keys of this row."""
        offered = self._pool.mechanisms()
        known = [one.name for one in algorithms.ALGORITHMS.values() if _offers(offered, one)]
        if row.name not in known:
            raise UnknownAlgorithm(
                N_("The token %(label)s has no algorithm %(name)s."),
                mend=N_("Supported: %(known)s."),
                label=self.label,
                name=row.name,
                known=", ".join(known),
            )

    def _make(self, lease: Lease, entry: Entry, row: Algorithm) -> bytes:
        """SPKI of the pair made now; a pair that does not prove itself is destroyed again."""
        kind, making, _ = _MECHANISMS[row.family]
        options: dict[str, Any] = {
            "id": entry.id,
            "label": entry.label,
            "store": True,
            "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
            "mechanism": making,
            "public_template": {**_FIXED, Attribute.PRIVATE: False},
            "private_template": _PRIVATE,
        }
        if row.family == "rsa":
            pair = lease.session.generate_keypair(kind, row.size, **options)
        else:
            named = {Attribute.EC_PARAMS: _CURVES[row.family, row.size]}
            parameters = lease.session.create_domain_parameters(kind, named, local=True)
            pair = parameters.generate_keypair(**options)
        spki = _spki(pair[0], row)
        try:
            _prove(pair[1], row, spki)
        except IntegrityFailed:
            self._discard(lease, entry)
            raise
        return spki

    @staticmethod
    def _discard(lease: Lease, entry: Entry) -> None:
        """Destroy what an interrupted making left; its key was never told to anybody."""
        for found in list(lease.session.get_objects({Attribute.ID: entry.id, Attribute.LABEL: entry.label})):
            found.destroy()

    def _key(self, lease: Lease, entry: Entry) -> Any:
        """The private key of an entry, proved once in every session."""
        if entry.name not in lease.keys:
            wanted = {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.ID: entry.id,
                Attribute.LABEL: entry.label,
            }
            found = list(lease.session.get_objects(wanted))
            if not found:
                raise faults.NoSuchKey
            if len(found) > 1:
                raise self._broken(entry)
            _prove(found[0], algorithms.algorithm(entry.algorithm), entry.spki)
            lease.keys[entry.name] = found[0]
        return lease.keys[entry.name]

    def _refused(self, error: Exception) -> Unavailable:
        return Unavailable(
            N_("The token %(label)s refuses (%(cause)s)."),
            mend=N_("Look at its policy and its free memory by the HSM's own tool."),
            label=self.label,
            cause=type(error).__name__,
        )

    def _broken(self, entry: Entry) -> IntegrityFailed:
        return IntegrityFailed(
            N_("The key %(name)s is not on the token %(label)s as the index says."),
            mend=N_("Restore the token from the HSM's backup; see docs/operate/hsm.md."),
            place=entry.label,
            name=entry.name,
            label=self.label,
        )


def _offers(offered: Mapping[int, Any], row: Algorithm) -> bool:
    _, making, signing = _MECHANISMS[row.family]
    sizes = offered.get(int(making))
    if sizes is None or int(signing) not in offered:
        return False
    return row.family == "ed25519" or sizes.min_key_length <= row.size <= sizes.max_key_length


def signature(key: Any, row: Algorithm, message: bytes) -> bytes:
    """The signature of a key on a token over a message."""
    return _signature(
        key, row, message if row.family == "ed25519" else algorithms.digest(row.digest, message)
    )


def _signature(key: Any, row: Algorithm, data: bytes) -> bytes:
    """Sign a digest, or for Ed25519 the whole: of other keys a list of 50 MB need not pass through the HSM."""
    if row.family == "ed25519":
        return bytes(key.sign(data, mechanism=Mechanism.EDDSA))
    if row.family == "rsa":
        info = der.sequence(der.sequence(der.oid(_SHA256_OID), b"\x05\x00"), der.octet_string(data))
        return bytes(
            key.sign(info, mechanism=Mechanism.RSA_PKCS)
        )  # RFC 8017, 9.2: DigestInfo, padded by the token
    raw = bytes(key.sign(data, mechanism=Mechanism.ECDSA))
    half = len(raw) // 2
    r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    return utils.encode_dss_signature(r, s)


def _prove(key: Any, row: Algorithm, spki: bytes) -> None:
    """IntegrityFailed unless the private key belongs to ``spki``: it signs a random challenge that means nothing else."""
    challenge = b"weicheng: is this the key of the index? " + os.urandom(32)
    try:
        algorithms.verify(spki, row.digest, signature(key, row, challenge), challenge)
    except SignatureInvalid as error:
        raise IntegrityFailed(
            N_("A key on the token is not the one of the index: it was replaced."),
            mend=N_("Restore the token from the HSM's backup; see docs/operate/hsm.md."),
        ) from error


def _spki(public: Any, row: Algorithm) -> bytes:
    """DER SubjectPublicKeyInfo of a public key object."""
    key: PublicKeyTypes
    if row.family == "rsa":
        modulus, exponent = (
            int.from_bytes(public[name], "big") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    else:
        point = _point(bytes(public[Attribute.EC_POINT]))
        if row.family == "ed25519":
            key = ed25519.Ed25519PublicKey.from_public_bytes(point)
        else:
            key = ec.EllipticCurvePublicKey.from_encoded_point(_NAMED[row.size](), point)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _point(value: bytes) -> bytes:
    """CKA_EC_POINT is a DER OCTET STRING; some tokens leave out its head."""
    head = der.octet_string(b"\0" * (len(value) - 2))[:2]
    return value[2:] if value[:2] == head else value
