"""OCSP answers prepared in bulk (RFC 5019): given to most who ask, also while the signer is away."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ca.encoding import ocsp
from ca.ports import Signer
from ca.signer.model import Purpose
from ca.status import store
from ca.status.responder import PREPARED, RENEWED, VALIDITY, Responder, tbs_of
from ca.status.speakers import Speaker
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database

_CHUNK = 500  # certificates that are looked at together
_SIGNED = 100  # answers that are signed and stored together
_RECENT = timedelta(minutes=15)


class Preparation:
    """Keeps an answer ready for each certificate that has not ended."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, signer: Signer, responder: Responder
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._signer = signer
        self._responder = responder

    def request(self, principal: Principal) -> str:
        """Have all of it done by the worker now; the job's id."""
        self._access.require(principal, Permission.CA_CRL_PUBLISH)
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest("ca.ocsp-prepare", key="ca.ocsp-prepare", requested_by=principal.id))
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": "ca.ocsp-prepare"})
        return job

    def stands(self, principal: Principal) -> tuple[int, datetime | None]:
        """How many answers are prepared, and when the oldest was."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            count, oldest = store.prepared(connection)
        return count, None if oldest is None else datetime.fromtimestamp(oldest, UTC)

    def all(self, progress: Callable[[int], None] = lambda _done: None) -> int:
        """Make every answer that is missing, old or wrong; returns how many. ``progress`` gets the number looked at."""
        made = looked = 0
        for speaker in self._responder.look().speakers.values():
            last = ""
            while rows := self._next(speaker, last):
                made += self._make(speaker, rows)
                looked, last = looked + len(rows), rows[-1].serial
                progress(looked)
        with self._database.begin() as uow:
            store.forget_ended(uow.connection, self._seconds(VALIDITY))
        return made

    def changed(self) -> int:
        """Make the answers of what was held, released or revoked lately; returns how many."""
        with self._database.read() as connection:
            serials = store.recently_changed(connection, self._clock.now() - _RECENT)
            rows = [
                row
                for row in store.statuses(connection, serials).values()
                if row.not_after > self._clock.now()
            ]
        speakers = self._responder.look().speakers
        mine = {name: [row for row in rows if row.authority == name] for name in speakers}
        return sum(self._make(speaker, mine[name]) for name, speaker in speakers.items())

    def _next(self, speaker: Speaker, last: str) -> Sequence[Any]:
        with self._database.read() as connection:
            return store.living_after(connection, speaker.authority, last, self._clock.now(), _CHUNK)

    def _make(self, speaker: Speaker, rows: Sequence[Any]) -> int:
        now = self._clock.now().replace(microsecond=0)
        if now >= speaker.ends:
            return 0
        due = [row for row in rows if self._due(speaker, row)]
        for start in range(0, len(due), _SIGNED):
            answers = self._answers(speaker, due[start : start + _SIGNED], now)
            with self._database.begin() as uow:
                store.put_answers(uow.connection, answers)
        return len(due)

    def _due(self, speaker: Speaker, row: Any) -> bool:
        old = row.signature is None or row.produced_at < self._seconds(RENEWED)
        return old or row.responder != speaker.key or bytes(row.status) != _status(speaker, row)

    def _answers(self, speaker: Speaker, rows: Sequence[Any], now: datetime) -> list[dict[str, Any]]:
        statuses = [_status(speaker, row) for row in rows]
        signed = [
            ocsp.Single(ocsp.cert_id(PREPARED, speaker.issuer[PREPARED], int(row.serial, 16)), status)
            for row, status in zip(rows, statuses, strict=True)
        ]
        tbs = [tbs_of(speaker, [single], now, None) for single in signed]
        signatures = self._signer.sign_many(speaker.key, Purpose.OCSP, tbs)
        common = {"produced_at": int(now.timestamp()), "responder": speaker.key}
        return [
            {"serial": row.serial, "status": status, "signature": signature, **common}
            for row, status, signature in zip(rows, statuses, signatures, strict=True)
        ]

    def _seconds(self, ago: timedelta) -> int:
        return int((self._clock.now() - ago).timestamp())


def _status(speaker: Speaker, row: Any) -> bytes:
    return ocsp.cert_status(store.status_in(row, speaker.authority))
