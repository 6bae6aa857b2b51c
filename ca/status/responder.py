"""The OCSP responder (RFC 6960): for each issuing CA a delegated, short-lived certificate of that CA."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection

from ca import store
from ca.encoding import ocsp
from ca.hierarchy.authorities import issuing_authorities
from ca.model import Authority, CertificateStatus
from ca.ports import Signer
from ca.signer.model import KeyRole, Purpose
from kernel.clock import Clock
from kernel.errors import Unavailable
from kernel.pki import der
from kernel.pki.algorithms import algorithm
from kernel.store import Database

VALIDITY = timedelta(hours=12)


class Responder:
    """Answers from the register itself: what is revoked now is revoked in the next answer."""

    def __init__(self, database: Database, clock: Clock, signer: Signer) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._issuers: dict[tuple[str, bytes, bytes], str] = {}  # digest, name hash, key hash -> CA

    def answer(self, request: bytes) -> bytes:
        """A DER OCSPResponse for a DER OCSPRequest; failures are answered as RFC 6960 section 4.2.1 says."""
        try:
            asked = ocsp.parse_request(request)
        except der.MalformedDer:
            return ocsp.failure(ocsp.MALFORMED_REQUEST)
        with self._database.read() as connection:
            authority = self._spoken_for(connection, asked.certificates)
            if authority is None:
                return ocsp.failure(ocsp.UNAUTHORIZED)  # RFC 5019 2.2.3: not ours to speak of
            service = store.read_service(connection, KeyRole.OCSP, authority)
            if service is None:
                return ocsp.failure(ocsp.TRY_LATER)
            answers = [
                (wanted, store.status_of(connection, authority, f"{wanted.serial:032x}"))
                for wanted in asked.certificates
            ]
        try:
            return self._signed(service, answers, asked.nonce)
        except Unavailable:
            return ocsp.failure(ocsp.TRY_LATER)

    def _signed(
        self, service: Any, answers: list[tuple[ocsp.CertId, CertificateStatus]], nonce: bytes | None
    ) -> bytes:
        certificate = bytes(service.certificate)
        loaded = x509.load_der_x509_certificate(certificate)
        now = self._clock.now().replace(microsecond=0)
        if now >= loaded.not_valid_after_utc:  # an answer that nobody may believe is worse than none
            return ocsp.failure(ocsp.TRY_LATER)
        spki = loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        tbs = ocsp.response_data(
            der.key_bits(spki), answers, produced_at=now, next_update=now + VALIDITY, nonce=nonce
        )
        row = algorithm(service.algorithm)
        signature = self._signer.sign(service.key, Purpose.OCSP, tbs)
        return ocsp.response(tbs, row, signature, certificate)

    def _spoken_for(self, connection: Connection, wanted: Sequence[ocsp.CertId]) -> str | None:
        """The one CA of ours whose certificates are all asked for; None when it is another's, or several."""
        names = {(one.digest or "", one.name_hash, one.key_hash) for one in wanted}
        if len(names) != 1:
            return None
        (name,) = names
        if name not in self._issuers:  # a CA founded since this process began, or none of ours
            found = issuing_authorities(store.read_authorities(connection))
            self._issuers = {key: one.id for one in found for key in _names_of(one)}
        return self._issuers.get(name)


def _names_of(authority: Authority) -> Iterator[tuple[str, bytes, bytes]]:
    hashes = ocsp.issuer_hashes(authority.subject, der.key_bits(authority.spki))
    return ((digest, *pair) for digest, pair in hashes.items())
