"""What a CA's key is asked to sign, here by the signer or on another machine: the same orders, carried out by the same code."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ca.encoding import certificate as encoding
from ca.model import Authority
from ca.signer.model import KeyInfo, KeyRole, Purpose
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.errors import Conflict, IntegrityFailed, NotFound
from kernel.i18n import N_
from kernel.pki import der
from kernel.pki.algorithms import SignatureInvalid, algorithm, verify


class OrderKind(StrEnum):
    """A new root with its key, or a signature over a tbsCertificate, tbsCertList or CertificationRequestInfo."""

    ROOT = "root"
    CERTIFICATE = "certificate"
    CRL = "crl"
    REQUEST = "request"


_PURPOSES = {
    OrderKind.ROOT: Purpose.CERTIFICATE,
    OrderKind.CERTIFICATE: Purpose.CERTIFICATE,
    OrderKind.CRL: Purpose.CRL,
    OrderKind.REQUEST: Purpose.REQUEST,
}


class Keyring(Protocol):
    """The part of a signer that carries out orders; key files, HSMs and the signer's process have it."""

    def generate(self, name: str, role: KeyRole, algorithm: str) -> KeyInfo: ...
    def keys(self) -> Sequence[KeyInfo]: ...
    def sign(self, name: str, purpose: Purpose, tbs: bytes) -> bytes: ...


@dataclass(frozen=True)
class RootShape:
    """A self-signed certificate but for its key: DER name and constant extensions, serial, times."""

    subject: bytes
    extensions: bytes
    serial: int
    not_before: datetime
    not_after: datetime

    def as_dict(self) -> dict[str, str]:
        """For a file: binary values in base64, numbers in hex, times in ISO 8601."""
        return {
            "subject": _text(self.subject),
            "extensions": _text(self.extensions),
            "serial": f"{self.serial:x}",
            "not_before": iso_utc(self.not_before),
            "not_after": iso_utc(self.not_after),
        }

    def tbs(self, kind: str, spki: bytes) -> bytes:
        """DER tbsCertificate over the key, signed by an algorithm of kernel.pki."""
        own = encoding.encode_extension(encoding.authority_key_id(spki), False)
        template = encoding.Template(algorithm(kind).identifier, self.subject, own + self.extensions)
        return encoding.tbs_certificate(
            template,
            serial=self.serial,
            subject=self.subject,
            spki=spki,
            not_before=self.not_before,
            not_after=self.not_after,
        )


@dataclass(frozen=True)
class Order:
    """``key``: the name of the key to be made for a ROOT, else the SHA-256 of the public key that shall sign ``tbs``.

    The answer is a signature; for a ROOT the certificate.
    """

    kind: OrderKind
    algorithm: str
    key: str
    offline: bool
    tbs: bytes = b""
    root: RootShape | None = None

    @classmethod
    def by(cls, authority: Authority, kind: OrderKind, tbs: bytes) -> "Order":
        return cls(kind, authority.algorithm, sha256_hex(authority.spki), authority.offline, tbs)

    @property
    def digest(self) -> str:
        """SHA-256 of what is signed; for a ROOT of all that is known before its key."""
        return sha256_hex(self.tbs if self.root is None else canonical_json(self.root.as_dict()))

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": str(self.kind),
            "algorithm": self.algorithm,
            "key": self.key,
            "offline": self.offline,
            "digest": self.digest,
        }
        if self.root is None:
            return found | {"tbs": _text(self.tbs)}
        return found | {"root": self.root.as_dict()}


def order_of(stored: Mapping[str, Any]) -> Order:
    """The order that ``as_dict`` gave; ValueError, KeyError or TypeError for anything else."""
    shape = stored.get("root")
    found = Order(
        OrderKind(stored["kind"]),
        str(stored["algorithm"]),
        str(stored["key"]),
        bool(stored["offline"]),
        b64decode(stored.get("tbs", ""), validate=True),
        None if shape is None else _shape(shape),
    )
    if (found.kind is OrderKind.ROOT) != (found.root is not None) or found.digest != stored["digest"]:
        raise ValueError("the order is not whole")
    return found


def _shape(stored: Mapping[str, Any]) -> RootShape:
    return RootShape(
        b64decode(stored["subject"], validate=True),
        b64decode(stored["extensions"], validate=True),
        int(stored["serial"], 16),
        datetime.fromisoformat(stored["not_before"]),
        datetime.fromisoformat(stored["not_after"]),
    )


def carry_out(order: Order, ring: Keyring) -> bytes:
    """Sign, or make the key and its certificate; Conflict, NotFound or SigningRefused when these keys can not."""
    if order.root is None:
        wanted = next((key for key in ring.keys() if sha256_hex(key.spki) == order.key), None)
        if wanted is None:
            raise NotFound(
                N_("The key that shall sign this is not here (%(digest)s)."),
                mend=N_("Use the key file of that CA."),
                place="keys",
                digest=order.key[:16],
            )
        return ring.sign(wanted.name, _PURPOSES[order.kind], order.tbs)
    key = key_of(ring, order.key, KeyRole.ROOT, order.algorithm)
    tbs = order.root.tbs(order.algorithm, key.spki)
    return encoding.signed(
        tbs, algorithm(order.algorithm).identifier, ring.sign(key.name, Purpose.CERTIFICATE, tbs)
    )


def key_of(ring: Keyring, name: str, role: KeyRole, kind: str) -> KeyInfo:
    """The key of that name, made now unless work that broke off has made it; Conflict when it is of another kind."""
    held = next((key for key in ring.keys() if key.name == name), None)
    if held is None:
        return ring.generate(name, role, kind)
    if (held.role, held.algorithm) != (role, kind):
        raise Conflict(
            N_("There is a key %(name)s of another kind already."),
            mend=N_("Start the signer with an empty key file."),
            place="signer",
            name=name,
        )
    return held


def check_answer(order: Order, answer: bytes, spki: bytes) -> None:
    """IntegrityFailed unless the answer is what the order asked for; ``spki`` is the key's (for a ROOT found in the answer)."""
    row = algorithm(order.algorithm)
    try:
        if order.root is None:
            verify(spki, row.digest, answer, order.tbs)
            return
        made = _loaded(answer)
        own = der_of_key(made)
        verify(own, row.digest, made.signature, made.tbs_certificate_bytes)
        same = made.tbs_certificate_bytes == order.root.tbs(order.algorithm, own)
    except (ValueError, TypeError, der.MalformedDer, SignatureInvalid) as error:
        raise _foreign() from error
    if not same:
        raise _foreign()


def der_of_key(certificate: Any) -> bytes:
    """DER SubjectPublicKeyInfo of a certificate or request."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _loaded(encoded: bytes) -> Any:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(encoded)
    except x509.InvalidVersion as error:
        raise _foreign() from error


def _foreign() -> IntegrityFailed:
    return IntegrityFailed(
        N_("The answer is not to this request."),
        mend=N_("Look for who changed it on the way."),
        place="answer",
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode()
