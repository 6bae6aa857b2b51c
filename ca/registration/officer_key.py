"""The officer's own key, in a file or on a token (USB key, card, HSM): it signs what the officer approves."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.pki import algorithms, cms
from kernel.pki.algorithms import Algorithm, SignatureInvalid


@dataclass(frozen=True)
class OfficerKey:
    """A key with its certificate, as kernel.pki.cms signs with it."""

    certificate_der: bytes
    algorithm: Algorithm
    make: Callable[[bytes], bytes]
    chain_der: Sequence[bytes] = ()

    def sign(self, data: bytes) -> bytes:
        """The signature; Invalid when the key is not the certificate's."""
        signature = self.make(data)
        try:
            algorithms.verify(_spki(self.certificate_der), self.algorithm.digest, signature, data)
        except SignatureInvalid:
            raise _another_key() from None
        return signature

    def approve(self, document: bytes, at: datetime) -> bytes:
        """Detached CMS (DER) over what is approved."""
        return cms.sign(self, document, signing_time=at)


def key_in_file(certificate_der: bytes, key: bytes, passphrase: str | None) -> OfficerKey:
    """A private key in PEM; Invalid when it can not be opened."""
    row = algorithms.algorithm_of(_spki(certificate_der))
    try:
        private = load_pem_private_key(key, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise Invalid(
            N_("The private key can not be opened."),
            mend=N_("Check the file and its pass-phrase."),
            place="key",
        ) from error
    if _public(private) != _spki(certificate_der):
        raise _another_key()
    return OfficerKey(certificate_der, row, lambda data: algorithms.sign(private, row, data))


@dataclass(frozen=True)
class TokenUri:
    """Which key on which token: a PKCS #11 URI (RFC 7512) with token and module-path, and object or id where there are more."""

    token: str
    module: Path
    label: str = ""
    id: bytes = b""

    @classmethod
    def parse(cls, uri: str) -> "TokenUri":
        """Invalid for any other text. A PIN does not belong into it: command lines are seen by others."""
        scheme, _, rest = uri.partition(":")
        found = dict(re.findall(r"([a-z-]+)=([^;?&]*)", rest))
        if (
            scheme != "pkcs11"
            or not found.get("token")
            or not found.get("module-path")
            or "pin-value" in found
        ):
            raise Invalid(
                N_("This names no key on a token."),
                mend=N_("Write pkcs11:token=LABEL;object=LABEL?module-path=FILE, without the PIN."),
                place="--token",
            )
        identifier = unquote(found.get("id", ""), encoding="latin-1").encode("latin-1")
        return cls(
            unquote(found["token"]),
            Path(unquote(found["module-path"])),
            unquote(found.get("object", "")),
            identifier,
        )


def key_on_token(certificate_der: bytes, uri: TokenUri, pin: str) -> OfficerKey:
    """A private key on a token, which never leaves it; Unavailable without the token, PinRefused, NotFound without the key."""
    from ca.signer.cryptoki import TokenPool
    from ca.signer.pkcs11 import signature

    row = algorithms.algorithm_of(_spki(certificate_der))

    def make(data: bytes) -> bytes:
        pool = TokenPool(uri.module, uri.token, pin)
        try:
            return pool.run(lambda lease: signature(_found(lease.session, uri), row, data))
        finally:
            pool.close()

    return OfficerKey(certificate_der, row, make)


def _found(session: Any, uri: TokenUri) -> Any:
    from pkcs11 import Attribute, ObjectClass

    wanted: dict[Any, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    wanted |= {Attribute.LABEL: uri.label} if uri.label else {}
    wanted |= {Attribute.ID: uri.id} if uri.id else {}
    keys = list(session.get_objects(wanted))
    if len(keys) != 1:
        raise NotFound(
            N_("The token %(token)s has %(count)s private keys that fit."),
            mend=N_("Name one by object= or id=."),
            place="--token",
            token=uri.token,
            count=len(keys),
        )
    return keys[0]


def _another_key() -> Invalid:
    return Invalid(
        N_("The private key is not that of the certificate."),
        mend=N_("Give the certificate that was issued for this key."),
        place="--certificate",
    )


def _spki(certificate_der: bytes) -> bytes:
    return _public(x509.load_der_x509_certificate(certificate_der))


def _public(holder: Any) -> bytes:
    """SubjectPublicKeyInfo (DER) of a private key or a certificate."""
    made: bytes = holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return made
