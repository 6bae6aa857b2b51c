"""The OCSP responder (RFC 6960): for each issuing CA a delegated, short-lived certificate of that CA.

What is revoked now is revoked in the next answer: a prepared answer is given only if it says what the register says at this
moment, and what is kept in memory only as long as no status of its CA has changed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection

from ca.encoding import ocsp
from ca.model import CertificateStatus
from ca.ports import Signer
from ca.signer.model import Purpose
from ca.status import store
from ca.status.kept import KeptConnection
from ca.status.speakers import Speaker, Speakers, look
from kernel.clock import Clock
from kernel.errors import Unavailable, WeichengError
from kernel.pki import der
from kernel.store import Database

VALIDITY = timedelta(hours=12)
RENEWED = VALIDITY / 2  # a prepared answer that is older is made anew
_UNKNOWN = CertificateStatus(known=False)
_log = structlog.get_logger("ca")
PREPARED = "sha1"  # the digest of the CertIDs that answers are prepared for: RFC 5019 section 2.1.1


class Told(NamedTuple):
    """An answer; whether it is ``keepable``: until ``next_update``, as long as the CA's statuses have this ``version``."""

    octets: bytes
    authority: str = ""
    version: int = 0
    produced_at: datetime | None = None
    next_update: datetime | None = None
    keepable: bool = False


class _Open(NamedTuple):
    """A request for which something is still to be signed."""

    place: int
    speaker: Speaker
    tbs: bytes
    told: Told


class Responder:
    """Answers from the register itself."""

    def __init__(self, database: Database, clock: Clock, signer: Signer) -> None:
        self._database = KeptConnection(database)
        self._clock = clock
        self._signer = signer
        self._speakers = Speakers()

    def answer(self, request: bytes) -> bytes:
        """A DER OCSPResponse for a DER OCSPRequest; failures are answered as RFC 6960 section 4.2.1 says."""
        return self.answers([request])[0].octets

    @property
    def versions(self) -> Mapping[str, int]:
        """The versions of the CAs' statuses at the last look."""
        return self._speakers.versions

    def look(self) -> Speakers:
        """Who speaks, and the versions of the statuses: what kept answers are held against."""
        self._speakers = self._database.look(lambda connection: look(connection, self._speakers))
        return self._speakers

    def answers(self, requests: Sequence[bytes]) -> list[Told]:
        """The answers to many requests: one look at the register, then the signatures."""
        told: list[Told] = [_failure(ocsp.TRY_LATER)] * len(requests)
        parsed: dict[int, ocsp.OcspRequest] = {}
        for place, request in enumerate(requests):
            try:
                parsed[place] = ocsp.parse_request(request)
            except der.MalformedDer:
                told[place] = _failure(ocsp.MALFORMED_REQUEST)
        if parsed:
            self._sign(self._read(parsed, told), told)
        return told

    def _read(self, parsed: Mapping[int, ocsp.OcspRequest], told: list[Told]) -> list[_Open]:
        speakers, rows = self._database.look(lambda connection: self._found(connection, parsed.values()))
        self._speakers = speakers
        now, waiting = self._clock.now().replace(microsecond=0), []
        for place, request in parsed.items():
            speaker = self._speaker(speakers, request, now)
            if isinstance(speaker, int):
                told[place] = _failure(speaker)
                continue
            version = speakers.versions.get(speaker.authority, 0)
            kept = self._prepared(speaker, request, rows, version, now)
            if kept is not None:
                told[place] = kept
            else:
                waiting.append(_Open(place, speaker, *self._made(speaker, request, rows, version, now)))
        return waiting

    def _found(
        self, connection: Connection, requests: Collection[ocsp.OcspRequest]
    ) -> tuple[Speakers, dict[str, Any]]:
        """Who speaks, and the rows of the certificates asked for.

        Versions are read before statuses: an answer that is kept never counts as newer than what it says.
        """
        speakers = look(connection, self._speakers)
        if not {one.issuer for one in requests} <= speakers.by_name.keys():  # founded since, or none of ours
            speakers = look(connection, speakers, anew=True)
        serials = [f"{one.serial:032x}" for request in requests for one in request.certificates]
        prepared = any(request.nonce is None for request in requests)
        return speakers, store.statuses(connection, serials, prepared=prepared)

    @staticmethod
    def _speaker(speakers: Speakers, request: ocsp.OcspRequest, now: datetime) -> Speaker | int:
        """Who answers, or the failure: all certificates asked for are of one CA of ours, whose responder is in its time."""
        authority = speakers.by_name.get(request.issuer) if request.issuer is not None else None
        if authority is None:
            return ocsp.UNAUTHORIZED  # RFC 5019 2.2.3: not ours to speak of
        speaker = speakers.speakers.get(authority)
        if speaker is None or now >= speaker.ends:  # an answer that nobody may believe is worse than none
            return ocsp.TRY_LATER
        return speaker

    def _prepared(
        self,
        speaker: Speaker,
        request: ocsp.OcspRequest,
        rows: Mapping[str, Any],
        version: int,
        now: datetime,
    ) -> Told | None:
        """The prepared answer, if there is one that says what the register says now."""
        (asked, *more) = request.certificates
        if more or request.nonce is not None or asked.issuer[0] != PREPARED:
            return None
        row = rows.get(f"{asked.serial:032x}")
        if row is None or row.signature is None:
            return None
        canonical = ocsp.cert_id(PREPARED, speaker.issuer[PREPARED], asked.serial)
        produced = datetime.fromtimestamp(row.produced_at, UTC)
        status = ocsp.cert_status(store.status_in(row, speaker.authority))
        fits = row.responder == speaker.key and bytes(row.status) == status and asked.raw == canonical
        if not fits or not produced <= now < produced + VALIDITY or now >= row.not_after:
            return None
        tbs = tbs_of(speaker, [ocsp.Single(canonical, status)], produced, None)
        octets = ocsp.response(tbs, speaker.algorithm, bytes(row.signature), speaker.certificate)
        return Told(octets, speaker.authority, version, produced, produced + VALIDITY, keepable=True)

    @staticmethod
    def _made(
        speaker: Speaker, request: ocsp.OcspRequest, rows: Mapping[str, Any], version: int, now: datetime
    ) -> tuple[bytes, Told]:
        """What is to be signed, and the answer without it. Of what was never issued nothing is kept: it may be tomorrow."""
        singles, known = [], True
        for asked in request.certificates:
            row = rows.get(f"{asked.serial:032x}")
            status = _UNKNOWN if row is None else store.status_in(row, speaker.authority)
            over = status.known and row is not None and row.not_after <= now
            singles.append(ocsp.Single(asked.raw, ocsp.cert_status(status), speaker.since if over else None))
            known &= status.known
        keepable = known and request.nonce is None
        told = Told(b"", speaker.authority, version, now, now + VALIDITY, keepable)
        return tbs_of(speaker, singles, now, request.nonce), told

    def _sign(self, waiting: Sequence[_Open], told: list[Told]) -> None:
        """Fill in what is signed; without the signer it stays the failure."""
        by_key: dict[str, list[_Open]] = {}
        for one in waiting:
            by_key.setdefault(one.speaker.key, []).append(one)
        for key, asked in by_key.items():
            try:
                signatures = self._signer.sign_many(key, Purpose.OCSP, [one.tbs for one in asked])
            except Unavailable:
                continue
            except WeichengError as error:
                # those of other CAs, asked for at the same moment, are not the worse for it
                _log.warning("ocsp answers not signed", key=key, error=error.text("en"))
                continue
            for one, signature in zip(asked, signatures, strict=True):
                octets = ocsp.response(one.tbs, one.speaker.algorithm, signature, one.speaker.certificate)
                told[one.place] = one.told._replace(octets=octets)


def tbs_of(
    speaker: Speaker, singles: Sequence[ocsp.Single], produced: datetime, nonce: bytes | None
) -> bytes:
    return ocsp.response_data(
        speaker.responder_id, singles, produced_at=produced, next_update=produced + VALIDITY, nonce=nonce
    )


def _failure(status: int) -> Told:
    return Told(ocsp.failure(status))
