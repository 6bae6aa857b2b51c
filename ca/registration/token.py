"""Applicants' USB tokens and smart cards by PKCS#11 (OASIS PKCS#11 2.40): the key pair is made there and never leaves.

The CSR (RFC 2986) is signed by the token; the certificate that is issued on it is written onto the token beside its key.
"""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from asn1crypto import csr as asn1_csr
from asn1crypto.keys import PublicKeyInfo
from asn1crypto.x509 import Name
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as faults
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key

from ca.encoding.names import name as distinguished_name
from ca.signer.cryptoki import Module
from kernel.errors import Conflict, Invalid, NotFound, Unavailable
from kernel.i18n import N_

KINDS = ("p256", "rsa2048")
_LABEL = "weicheng"
_PRIVATE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


@dataclass(frozen=True)
class Place:
    """A token: the library of its maker, its label, and the PIN of its holder."""

    module: Path
    label: str
    pin: str


@dataclass(frozen=True)
class Made:
    """A key pair on the token: its id there (hex) and the CSR that it signed (DER)."""

    id: str
    csr: bytes


def make_key(place: Place, subject: Mapping[str, str], kind: str = "p256") -> Made:
    """Make a key pair on the token and sign a CSR with it. Unavailable without the token, Invalid for a wrong PIN."""
    with _session(place) as session:
        key_id = secrets.token_bytes(20)
        public, private = _generate(session, kind, key_id)
        info = asn1_csr.CertificationRequestInfo(
            {
                "version": "v1",
                "subject": Name.load(distinguished_name(subject).public_bytes()),
                "subject_pk_info": PublicKeyInfo.load(_spki(public)),
                "attributes": [],
            }
        )
        request = asn1_csr.CertificationRequest(
            {
                "certification_request_info": info,
                "signature_algorithm": {"algorithm": "sha256_ecdsa" if kind == "p256" else "sha256_rsa"},
                "signature": _sign(private, kind, info.dump()),
            }
        )
        return Made(key_id.hex(), request.dump())


def remove_key(place: Place, key_id: str) -> None:
    """Destroy a key pair that led to no request."""
    with _session(place) as session:
        for found in list(session.get_objects({Attribute.ID: bytes.fromhex(key_id)})):
            found.destroy()


def install(place: Place, certificate: bytes) -> str:
    """Write the certificate (DER) beside its key on the token; the key's id (hex). NotFound when the key is not there,
    Conflict when the certificate is there already."""
    parsed = x509.load_der_x509_certificate(certificate)
    spki = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with _session(place) as session:
        key_id = _id_of(session, spki, place.label)
        known = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: key_id}
        if any(bytes(found[Attribute.VALUE]) == certificate for found in session.get_objects(known)):
            raise Conflict(N_("The certificate is on the token already."), place=place.label)
        session.create_object(
            {
                **known,
                Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.LABEL: _LABEL,
                Attribute.SUBJECT: parsed.subject.public_bytes(),
                Attribute.ISSUER: parsed.issuer.public_bytes(),
                Attribute.SERIAL_NUMBER: _integer(parsed.serial_number),
                Attribute.VALUE: certificate,
            }
        )
        return key_id.hex()


@contextmanager
def _session(place: Place) -> Iterator[Any]:
    module = Module(place.module)
    try:
        module.restart()
        with module.token(place.label).open(rw=True, user_pin=place.pin) as session:
            yield session
    except (faults.NoSuchToken, faults.TokenNotPresent, faults.TokenNotRecognised) as error:
        raise Unavailable(
            N_("There is no token %(label)s."),
            mend=N_("Plug it in; pkcs11-tool --list-slots tells the labels."),
            place=str(place.module),
            label=place.label[:60],
        ) from error
    except (faults.PinIncorrect, faults.PinInvalid, faults.PinLenRange, faults.PinLocked) as error:
        raise Invalid(
            N_("The token does not take this PIN."),
            mend=N_("Mind how many tries are left: the token locks itself."),
            place=place.label,
        ) from error
    except faults.PKCS11Error as error:
        raise Unavailable(
            N_("The token refused (%(detail)s)."), place=place.label, detail=type(error).__name__
        ) from error
    finally:
        module.stop()


def _generate(session: Any, kind: str, key_id: bytes) -> tuple[Any, Any]:
    usage = MechanismFlag.SIGN | MechanismFlag.VERIFY
    given = {
        "store": True,
        "label": _LABEL,
        "id": key_id,
        "private_template": _PRIVATE,
        "capabilities": usage,
    }
    if kind == "rsa2048":
        return session.generate_keypair(KeyType.RSA, 2048, **given)  # type: ignore[no-any-return]
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    return parameters.generate_keypair(**given)  # type: ignore[no-any-return]


def _sign(private: Any, kind: str, data: bytes) -> bytes:
    if kind == "rsa2048":
        return bytes(private.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    return bytes(
        encode_ecdsa_signature(private.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
    )


def _spki(public: Any) -> bytes:
    """The token's public key as DER SubjectPublicKeyInfo."""
    ec = public.key_type is KeyType.EC
    der = encode_ec_public_key(public) if ec else encode_rsa_public_key(public)
    return load_der_public_key(der).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _id_of(session: Any, spki: bytes, label: str) -> bytes:
    for public in session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY}):
        if public.key_type in (KeyType.EC, KeyType.RSA) and _spki(public) == spki:
            return bytes(public[Attribute.ID])
    raise NotFound(
        N_("The key of this certificate is not on the token."),
        mend=N_("Take the token by which the CSR was signed."),
        place=label,
    )


def _integer(value: int) -> bytes:
    """DER INTEGER, as PKCS#11 wants serial numbers."""
    octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes((2, len(octets))) + octets
