"""Handing over a key made here: the file once, to who filed the request; its password once, by somebody else."""

import secrets
import string

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

from ca import store
from ca.model import Request
from ca.ports import Box
from ca.registration import store as registered
from ca.registration.filing import key_context
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store import Database

SHORTEST = 12  # characters of the password of a PKCS#12 file
Key = tuple[pkcs12.PKCS12PrivateKeyTypes, x509.Certificate, list[x509.Certificate]]


_READABLE = "".join(sorted({*string.ascii_letters, *string.digits} - set("0Oo1lI")))


class Delivery:
    """Takes keys out of their box; Registration checks permissions before it comes here."""

    def __init__(self, database: Database, clock: Clock, box: Box) -> None:
        self._database = database
        self._clock = clock
        self._box = box

    def pkcs12(self, by: Principal, request_id: str, password: str | None) -> bytes:
        """PKCS#12 under the password; without one it is made, and sealed until another person tells it."""
        told = None if password is None else _strong(password)
        made = made_password()
        key = self._take_key(by, request_id, None if told else made)
        return sealed_pkcs12(key, told or made)

    def tell_password(self, by: Principal, request: Request) -> str:
        """The password that was made for a file taken by another person, removed here."""
        with self._database.begin() as uow:
            row = registered.read_password(uow.connection, request.id)
            if row is None:
                raise Conflict(
                    N_("No password waits to be told for this request."),
                    mend=N_("It was told already, or the applicant chose it."),
                    place=request.id,
                )
            if row.handed_to == by.id:
                raise Conflict(
                    N_("Who took the file does not learn its password."),
                    mend=N_(
                        "Another registrar of the unit or the security officer tells it to the applicant."
                    ),
                    place=request.id,
                )
            registered.remove_password(uow.connection, request.id)
            uow.audit(by, AuditAction.CA_PASSWORD_TELL, f"request:{request.id}", unit=request.unit)
        return self._box.open(row.sealed, context=_password_context(request.id)).decode()

    def pem(self, by: Principal, request_id: str) -> tuple[bytes, bytes]:
        """(certificate chain, private key) in PEM."""
        key, certificate, chain = self._take_key(by, request_id)
        certificates = b"".join(found.public_bytes(Encoding.PEM) for found in (certificate, *chain))
        return certificates, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _take_key(self, by: Principal, request_id: str, password: str | None = None) -> Key:
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            certificate = store.certificate_of_request(uow.connection, request_id)
            if request.requested_by != by.id:
                raise Conflict(
                    N_("The key file is taken by who filed the request."),
                    mend=N_("A colleague tells the applicant its password afterwards."),
                    place=request_id,
                )
            if certificate is None or not certificate.der:
                raise Conflict(N_("The certificate is not issued yet."), place=request_id)
            sealed = store.take_sealed_key(uow.connection, request_id)
            if sealed is None:
                raise Conflict(N_("The key was handed over already, or was never here."), place=request_id)
            authority = store.read_authority(uow.connection, certificate.authority)
            if password is not None:
                kept = self._box.seal(password.encode(), context=_password_context(request_id))
                registered.put_password(uow.connection, request_id, kept, by.id, self._clock.now())
            uow.audit(by, AuditAction.CA_DELIVER, f"request:{request_id}", unit=request.unit)
        key = load_der_private_key(self._box.open(sealed, context=key_context(request_id)), None)
        loaded = [x509.load_der_x509_certificate(der) for der in (certificate.der, authority.certificate)]
        return key, loaded[0], loaded[1:]  # type: ignore[return-value]


def made_password() -> str:
    """A password of a file (116 bits): letters and digits alone, none like another, since people read it out to each other
    and spreadsheets keep no sign at its beginning as it is."""
    return "".join(secrets.choice(_READABLE) for _ in range(20))


def sealed_pkcs12(key: Key, password: str) -> bytes:
    """Key, certificate and chain as PKCS#12 (RFC 7292) under the password."""
    private, certificate, chain = key
    name = certificate.subject.rfc4514_string().encode()
    encryption = BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(name, private, certificate, chain, encryption)


def _password_context(request_id: str) -> str:
    return f"ca:file-password:{request_id}"


def _strong(password: str) -> str:
    """The password, if nobody who has the file will guess it; Invalid otherwise."""
    if not SHORTEST <= len(password) <= 128 or len(set(password)) < SHORTEST // 2:
        raise Invalid(
            N_("The password of the file has %(shortest)s to 128 characters, not the same few."),
            mend=N_("Take another one; it is told to the applicant by another way than the file."),
            place="password",
            shortest=SHORTEST,
        )
    return password
