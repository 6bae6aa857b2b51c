"""From an allowed request to a signed certificate, in three steps that survive a crash between any two.

1. ``prepare`` builds the to-be-signed bytes, checks them against the profile, and stores the intent with its serial.
2. ``sign`` sends the token to the signer. 3. The result is stored. What was intended and not stored is signed again, with the
very same bytes, by ``recover``: no serial ever exists without an owner.
"""

from dataclasses import dataclass, replace

from ca import figures, store, warrants
from ca.encoding import certificate as encoding
from ca.model import TRANSITIONS, Authority, Certificate, State
from ca.ports import Evidence, Signer
from ca.profiles import Profiles
from ca.profiles.store import units_for
from ca.signer.model import Purpose
from ca.status.model import ListRules
from ca.transparency.model import EntryType
from ca.transparency.queueing import tell
from ca.writing import Draft, Wanted, Writer, expiry
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki.algorithms import algorithm, algorithm_of, verify
from kernel.store import Database, UnitOfWork

__all__ = ["Issuance", "Token", "Wanted"]


@dataclass(frozen=True)
class Token:
    """Checked bytes with a stored intent: the only thing that is ever signed. Made by Issuance alone."""

    serial: str
    authority: Authority
    tbs: bytes
    unit: str
    profile: str
    warrant: str


class Issuance:
    """Prepares, signs and stores certificates of subordinate CAs, services and subjects."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signer: Signer,
        profiles: Profiles,
        evidence: Evidence,
        rules: ListRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._profiles = profiles
        self._evidence = evidence
        self._writer = Writer(rules)

    def prepare(self, uow: UnitOfWork, by: Principal, authority: Authority, wanted: Wanted) -> Token:
        """Build, check and store the intent in the caller's transaction.

        Conflict when the CA or the profile's version is no longer in force; ProfileViolation; LintFailed.
        """
        self._require_living(uow, authority)
        self._profiles.require_current(uow, by, wanted.profile)
        self._require_allowed(uow, wanted)
        draft = self._writer.draft(authority, wanted, self._clock.now())
        token = self._token(authority, wanted, draft)
        self._intend(uow, by, wanted, draft, token)
        return token

    def rehearse(self, authority: Authority, wanted: Wanted) -> None:
        """Whether the certificate could be made now, without making it: LintFailed when its profile's rules forbid it.

        For who files: the lint may take a second at its first use, and must not do so within a transaction.
        """
        self._writer.draft(authority, wanted, self._clock.now())

    def _require_living(self, uow: UnitOfWork, authority: Authority) -> None:
        """A root's certificate is its own, not in the register."""
        fingerprint = sha256_hex(authority.certificate)
        state = figures.states_of(uow.connection, [fingerprint]).get(fingerprint, State.ISSUED)
        if self._clock.now() >= expiry(authority.certificate):
            state = State.EXPIRED
        if state is not State.ISSUED:
            raise Conflict(
                N_("The certificate of CA %(id)s is %(state)s; it signs no more."),
                mend=N_("Found a new issuing CA."),
                place=authority.id,
                id=authority.id,
                state=str(state),
            )

    @staticmethod
    def _require_allowed(uow: UnitOfWork, wanted: Wanted) -> None:
        """The rules once more, whichever door the request came through."""
        profile = wanted.profile
        profile.check_key(algorithm_of(wanted.spki))
        if wanted.called is None and profile.complete_subject(wanted.subject) != wanted.subject:
            raise IntegrityFailed(N_("The subject is not complete."), place=profile.id)
        profile.check_names(wanted.names, units_for(uow.connection, profile, wanted.unit))

    def _token(self, authority: Authority, wanted: Wanted, draft: Draft) -> Token:
        serial = f"{draft.serial:032x}"
        warrant = self._signer.warrant(
            authority.key,
            Purpose.CERTIFICATE,
            draft.tbs,
            serial=serial,
            profile=wanted.profile.id,
            version=wanted.profile.version,
            request=wanted.request or "",
            approvals=list(wanted.approvals),
        )
        return Token(serial, authority, draft.tbs, wanted.unit, wanted.profile.id, warrant)

    def _intend(self, uow: UnitOfWork, by: Principal, wanted: Wanted, draft: Draft, token: Token) -> None:
        profile = wanted.profile
        row = {
            "serial": token.serial,
            "authority": token.authority.id,
            "request": wanted.request,
            "profile": profile.id,
            "profile_version": profile.version,
            "crl_shard": draft.shard,
            "subject": draft.name.rfc4514_string(),
            "unit": wanted.unit,
            "spki_digest": sha256_hex(wanted.spki),
            "not_before": draft.not_before,
            "not_after": draft.not_after,
            "state": str(State.APPROVED),
            "tbs": draft.tbs,
            "der": b"",
            "fingerprint": "",
            "intent_at": self._clock.now().replace(microsecond=0),
        }
        store.add_intent(uow.connection, row, [*wanted.subject.values(), *wanted.names])
        warrants.add(uow.connection, token.serial, token.warrant)
        details: dict[str, object] = {"profile": profile.id, "version": profile.version}
        details |= {"tbs": sha256_hex(draft.tbs), **({"lint": list(draft.warnings)} if draft.warnings else {})}
        target = f"certificate:{token.serial}"
        uow.audit(by, AuditAction.CA_SIGN_INTENT, target, unit=wanted.unit, details=details)

    def sign(self, token: Token, by: Principal) -> Certificate:
        """Have the token signed and store the certificate with its audit record, event and evidence."""
        signature = self._signer.sign(token.authority.key, Purpose.CERTIFICATE, token.tbs, token.warrant)
        return self.complete(token, signature, by)

    def complete(self, token: Token, signature: bytes, by: Principal) -> Certificate:
        """Store the certificate with a signature made here or, by an offline CA, elsewhere; an error when it is not right."""
        row = algorithm(token.authority.algorithm)
        verify(token.authority.spki, row.digest, signature, token.tbs)
        der = encoding.signed(token.tbs, row.identifier, signature)
        with self._database.begin() as uow:
            return self._store(uow, token, der, by)

    def recover(self) -> int:
        """Finish what a crash left between intent and result; returns how many certificates that were."""
        actor = Principal.system("ca")
        with self._database.read() as connection:
            waiting, prepared = store.pending_intents(connection), warrants.read(connection)
            authorities = {found.id: found for found in store.read_authorities(connection)}
        faults: list[WeichengError] = []
        here = [
            row for row in waiting if authorities[row.authority].signs_here
        ]  # the others' answers are imported
        for row in here:
            authority, warrant = authorities[row.authority], prepared.get(row.serial, "")
            token = Token(row.serial, authority, bytes(row.tbs), row.unit, row.profile, warrant)
            try:
                self.sign(token, actor)
            except WeichengError as error:  # one that can not be signed must not keep the others back
                faults.append(error)
                continue
            with self._database.begin() as uow:
                uow.audit(actor, AuditAction.CA_RECOVER, f"certificate:{row.serial}", unit=row.unit)
        if faults:
            raise faults[0]
        return len(here)

    def _store(self, uow: UnitOfWork, token: Token, der: bytes, by: Principal) -> Certificate:
        current = store.read_certificate(uow.connection, token.serial, lock=True)
        if current.state is not State.APPROVED:  # another process has recovered it meanwhile
            return current
        issued = replace(current, der=der, fingerprint=sha256_hex(der), state=State.ISSUED)
        store.store_signed(uow.connection, token.serial, der, issued.fingerprint, self._clock.now())
        warrants.remove(uow.connection, token.serial)
        if issued.request is not None:
            self._supersede(uow, store.fulfil_request(uow.connection, issued.request), by)
        target = f"certificate:{token.serial}"
        about = {"serial": token.serial, "profile": token.profile, "subject": issued.subject}
        tell(uow, self._clock, EntryType.ISSUED, issued, token.authority.spki)
        uow.audit(by, AuditAction.CA_ISSUE, target, unit=token.unit, details=about)
        uow.emit(Event(EventKind.CERTIFICATE_ISSUED, target, about, unit=token.unit))
        self._evidence.record(
            uow,
            kind=EvidenceKind.CERTIFICATE_ISSUED,
            subject=target,
            source="ca",
            summary={**about, "not_after": issued.not_after, "profile_version": issued.profile_version},
            unit=token.unit,
        )
        return issued

    @staticmethod
    def _supersede(uow: UnitOfWork, replaced: str | None, by: Principal) -> None:
        """The certificate that the new one renews is superseded, unless it was revoked or ended meanwhile."""
        if replaced is None:
            return
        old = store.read_certificate(uow.connection, replaced, lock=True)
        if State.SUPERSEDED in TRANSITIONS[old.state]:
            store.set_status(uow.connection, old.serial, State.SUPERSEDED)
            uow.audit(by, AuditAction.CA_SUPERSEDE, f"certificate:{old.serial}", unit=old.unit)
