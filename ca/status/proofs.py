"""Revocation shows its own proof: after each change the suite looks as a relying party does, until it sees it everywhere.

What was seen when stands on the certificate's page and in evidence; what is not seen within the promised time is an event.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ca import store as core
from ca.model import Certificate
from ca.ports import Evidence
from ca.status import store
from ca.status.model import Proof, ProofState
from ca.status.outside import Addresses, Fetch, NotBelieved, RelyingClient, addresses, fetch
from ca.tables import certificates
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork

_WAITS = (
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    60,
    60,
    60,
    60,
    300,
    300,
    300,
    3600,
)  # seconds until it is looked at again, the last for all further times
_AT_ONCE = 200
_FAULTS = (OSError, ValueError, TypeError, NotBelieved, InvalidSignature, x509.ExtensionNotFound)


def opened(found: Certificate, version: int, revoked: bool, now: datetime, promised: timedelta) -> Proof:
    """What has to be seen of a change that is just being made."""
    return Proof(
        serial=found.serial,
        version=version,
        authority=found.authority,
        revoked=revoked,
        changed_at=now,
        due_at=now + promised,
        next_at=now + timedelta(seconds=_WAITS[0]),
        attempts=0,
        state=ProofState.WAITING,
        crl_seen=None,
        delta_seen=None,
        ocsp_seen=None,
        fault="",
    )


class Proofs:
    """Looks at what relying parties are told, and keeps what it saw."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, evidence: Evidence, fetched: Fetch = fetch
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._evidence = evidence
        self._fetch = fetched

    def of(self, principal: Principal, serial: str) -> list[Proof]:
        """Of one certificate, newest first; one of a unit the principal does not see is NotFound."""
        self._access.require(principal, Permission.CA_READ)
        found = self._certificate(principal, serial)
        with self._database.read() as connection:
            return store.proofs_of(connection, found.serial)

    def check(self, principal: Principal, serial: str) -> list[Proof]:
        """Look at once at a change that is not seen everywhere yet; as ``of`` afterwards."""
        self._access.require(principal, Permission.CA_CRL_PUBLISH)
        found = self._certificate(principal, serial)
        with self._database.read() as connection:
            waiting = [one for one in store.proofs_of(connection, found.serial) if one.next_at is not None]
        self._look(waiting, principal)
        return self.of(principal, found.serial)

    def look(self) -> tuple[int, datetime | None]:
        """Look at all that is due: how many became visible, and when to look again (None: nothing waits)."""
        with self._database.read() as connection:
            due = store.due_proofs(connection, self._clock.now(), _AT_ONCE)
        seen = self._look(due, Principal.system("ca"))
        with self._database.read() as connection:
            return seen, store.next_proof(connection)

    def worst(self, principal: Principal, since: datetime) -> Proof | None:
        """The change after ``since``, in the principal's units, that took longest to be seen; waiting ones first."""
        self._access.require(principal, Permission.CA_READ)
        seen = self._access.seen(principal, certificates.c.unit)
        with self._database.read() as connection:
            return store.worst_proof(connection, since, *seen)

    def _certificate(self, principal: Principal, serial: str) -> Certificate:
        with self._database.read() as connection:
            found = core.read_certificate(connection, serial)
        if not self._access.covers(principal, found.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
        return found

    def _look(self, waiting: list[Proof], by: Principal) -> int:
        """Each list is fetched once for all of them."""
        client = RelyingClient(self._clock.now(), self._fetch)
        seen = 0
        for proof in waiting:
            with self._database.read() as connection:
                found = core.read_certificate(connection, proof.serial)
                issuer = core.read_authority(connection, proof.authority).certificate
            looked = self._looked(client, proof, found, x509.load_der_x509_certificate(issuer))
            self._keep(proof, looked, found, by)
            seen += looked.next_at is None
        return seen

    def _looked(
        self, client: RelyingClient, proof: Proof, found: Certificate, issuer: x509.Certificate
    ) -> Proof:
        certificate, serial = x509.load_der_x509_certificate(found.der), int(found.serial, 16)
        where = addresses(certificate)
        ways: dict[str, tuple[str, Callable[[], bool]]] = {
            "crl_seen": (where.crl, lambda: client.on_crl(where, issuer, serial)),
            "delta_seen": (where.delta, lambda: client.on_delta(where, issuer, serial)),
            "ocsp_seen": (where.ocsp, lambda: client.by_ocsp(where, issuer, certificate)),
        }
        times: dict[str, Any] = {}
        faults: list[str] = []
        for name, (_address, ask) in ways.items():
            if _address and getattr(proof, name) is None:
                try:
                    if ask() == proof.revoked:
                        times[name] = self._clock.now()
                except _FAULTS as error:
                    faults.append(f"{name.removesuffix('_seen')}: {error or type(error).__name__}")
        return self._judged(replace(proof, **times, fault="; ".join(faults)[:300]), where, found.not_after)

    def _judged(self, proof: Proof, where: Addresses, ends: datetime) -> Proof:
        now, attempts = self._clock.now(), proof.attempts + 1
        places = (where.crl, proof.crl_seen), (where.delta, proof.delta_seen), (where.ocsp, proof.ocsp_seen)
        everywhere = all(seen is not None for address, seen in places if address)
        late = now > proof.due_at
        state = ProofState.LATE if late else ProofState.VISIBLE if everywhere else ProofState.WAITING
        if everywhere or now >= ends:  # of what has ended no list tells for long
            fault = "" if everywhere else "the certificate has ended"
            return replace(proof, state=state, attempts=attempts, next_at=None, fault=fault)
        wait = timedelta(seconds=_WAITS[min(attempts, len(_WAITS) - 1)])
        return replace(proof, state=state, attempts=attempts, next_at=now + wait)

    def _keep(self, before: Proof, after: Proof, found: Certificate, by: Principal) -> None:
        target = f"certificate:{found.serial}"
        about = {
            "serial": found.serial,
            "version": after.version,
            "seconds": after.seconds,
            "fault": after.fault,
        }
        with self._database.begin() as uow:
            store.set_proof(uow.connection, after)
            if after.state is ProofState.LATE and before.state is not ProofState.LATE:
                uow.audit(
                    by, AuditAction.CA_STATUS_PROVE, target, unit=found.unit, outcome="failure", details=about
                )
                uow.emit(Event(EventKind.STATUS_LATE, target, about, unit=found.unit, severity="high"))
            if after.next_at is None and after.seconds is not None:
                uow.audit(by, AuditAction.CA_STATUS_PROVE, target, unit=found.unit, details=about)
                self._record(uow, after, found)

    def _record(self, uow: UnitOfWork, proof: Proof, found: Certificate) -> None:
        seen = {"crl": proof.crl_seen, "delta": proof.delta_seen, "ocsp": proof.ocsp_seen}
        self._evidence.record(
            uow,
            kind=EvidenceKind.STATUS_VISIBLE,
            subject=f"certificate:{found.serial}",
            source="ca",
            summary={
                "serial": found.serial,
                "revoked": proof.revoked,
                "seconds": proof.seconds,
                "late": proof.state is ProofState.LATE,
                "seen": [name for name, at in seen.items() if at is not None],
            },
            unit=found.unit,
        )


def again(at: datetime) -> JobRequest:
    """The job that looks at what is still waiting."""
    return JobRequest("ca.proof", key=f"ca.proof:{int(at.timestamp())}", run_at=at)
