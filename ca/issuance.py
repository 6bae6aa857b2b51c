"""From an allowed request to a signed certificate, in three steps that survive a crash between any two.

1. ``prepare`` builds the to-be-signed bytes, checks them against the profile, and stores the intent with its serial.
2. ``sign`` sends the token to the signer. 3. The result is stored. What was intended and not stored is signed again, with the
very same bytes, by ``recover``: no serial ever exists without an owner.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from ca import figures, refusals, store
from ca.encoding import certificate as encoding
from ca.model import TRANSITIONS, Authority, AuthorityState, Certificate, State
from ca.ports import Evidence, Signer
from ca.profiles import Profile, Profiles
from ca.profiles.store import units_for
from ca.resumption.store import in_force
from ca.scopes import ListRules
from ca.signer.model import Purpose, SigningRefused, Warranted
from ca.transparency.queueing import tell_issued
from ca.writing import Draft, Wanted, Writer, expiry
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid, Unavailable, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind, Statement
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki.algorithms import algorithm, algorithm_of, verify
from kernel.store import Database, UnitOfWork

__all__ = ["Issuance", "Token", "Wanted"]


@dataclass(frozen=True)
class Token:
    """Checked bytes with a stored intent: the only thing that is ever signed. Made by Issuance alone, for ``by``.

    ``intended`` is the certificate as it will be, without its bytes.
    """

    by: Principal
    authority: Authority
    intended: Certificate
    tbs: bytes
    warrant: str

    @property
    def serial(self) -> str:
        return self.intended.serial


Drawn = tuple[Wanted, Draft, Token]  # a token whose intent is not stored yet
_SKEW = timedelta(minutes=1)  # of the clocks of two machines that issue
_REFUSED_FOR = timedelta(hours=1)  # before what the signer refused is tried again


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
        (drawn,) = self.draw(uow, authority, wanted.profile, [(by, wanted)])
        if isinstance(drawn, WeichengError):
            raise drawn
        self.intend(uow, [drawn])
        return drawn[2]

    def draw(
        self,
        uow: UnitOfWork,
        authority: Authority,
        profile: Profile,
        asked: Sequence[tuple[Principal, Wanted]],
    ) -> list[Drawn | WeichengError]:
        """What would be signed of one CA and profile, or why one is not to be: that stops no other. Nothing is written.

        Raises Conflict as ``prepare``, for all of them.
        """
        self._require_living(uow, authority)
        self._require_clock(uow, authority)
        for by in {by.id: by for by, _ in asked}.values():
            self._profiles.require_current(uow, by, profile)
        units = {unit: units_for(uow.connection, profile, unit) for unit in {one.unit for _, one in asked}}
        return [self._drawn(authority, by, wanted, units[wanted.unit]) for by, wanted in asked]

    def _drawn(
        self, authority: Authority, by: Principal, wanted: Wanted, units: Sequence[str]
    ) -> Drawn | WeichengError:
        try:
            _require_allowed(wanted, units)
            draft = self._writer.draft(authority, wanted, self._clock.now())
            return wanted, draft, self._token(authority, by, wanted, draft)
        except WeichengError as error:
            return error

    def rehearse(self, authority: Authority, wanted: Wanted) -> None:
        """Whether the certificate could be made now, without making it: LintFailed when its profile's rules forbid it.

        For who files: the lint may take a second at its first use, and must not do so within a transaction.
        """
        self._writer.draft(authority, wanted, self._clock.now())

    def _require_living(self, uow: UnitOfWork, authority: Authority) -> None:
        """A root's certificate is its own, not in the register; a retired CA signs nothing."""
        fingerprint = sha256_hex(authority.certificate)
        state = figures.states_of(uow.connection, [fingerprint]).get(fingerprint, State.ISSUED)
        if self._clock.now() >= expiry(authority.certificate):
            state = State.EXPIRED
        if authority.state is AuthorityState.RETIRED:
            raise Conflict(N_("CA %(id)s has no key that signs."), place=authority.id, id=authority.id)
        if state is not State.ISSUED:
            raise Conflict(
                N_("The certificate of CA %(id)s is %(state)s; it signs no more."),
                mend=N_("Found a new issuing CA."),
                place=authority.id,
                id=authority.id,
                state=str(state),
            )

    def _require_clock(self, uow: UnitOfWork, authority: Authority) -> None:
        """A clock that was set back gives certificates a period that began before they were approved."""
        last, now = figures.signed_until(uow.connection, authority.id), self._clock.now()
        if last is None or now >= last - _SKEW:
            return
        agreed = in_force(uow.connection, authority.id, now)
        if agreed is None or last > agreed.ahead_until:
            raise Unavailable(
                N_("The clock is behind what the CA has signed already."),
                mend=N_("Set the clock right; was it ahead before, two officers agree: weicheng ca clock."),
                place=authority.id,
            )

    def _token(self, authority: Authority, by: Principal, wanted: Wanted, draft: Draft) -> Token:
        profile, serial = wanted.profile, f"{draft.serial:032x}"
        warrant = self._signer.warrant(
            authority.key,
            Purpose.CERTIFICATE,
            draft.tbs,
            serial=serial,
            profile=profile.id,
            version=profile.version,
            request=wanted.request or "",
            approvals=list(wanted.approvals),
        )
        intended = Certificate(
            serial=serial,
            authority=authority.id,
            request=wanted.request,
            profile=profile.id,
            profile_version=profile.version,
            subject=wanted.written,
            unit=wanted.unit,
            not_before=draft.not_before,
            not_after=draft.not_after,
            state=State.APPROVED,
            der=b"",
            fingerprint="",
            intent_at=self._clock.now().replace(microsecond=0),
            authority_name=authority.name,
        )
        return Token(by, authority, intended, draft.tbs, warrant)

    def intend(self, uow: UnitOfWork, drawn: Sequence[Drawn]) -> list[Token]:
        """Store the intents of what ``draw`` gave in this transaction, each request of theirs being stored already."""
        if not drawn:
            return []
        store.add_intents(uow.connection, [_row(*one) for one in drawn])
        names = {token.serial: [*of.subject.values(), *of.names] for of, _, token in drawn}
        store.add_words(uow.connection, names)
        for wanted, draft, token in drawn:
            details: dict[str, object] = {"profile": wanted.profile.id, "version": wanted.profile.version}
            details |= {"tbs": sha256_hex(draft.tbs)} | (
                {"lint": list(draft.warnings)} if draft.warnings else {}
            )
            target = f"certificate:{token.serial}"
            uow.audit(token.by, AuditAction.CA_SIGN_INTENT, target, unit=wanted.unit, details=details)
        return [token for _, _, token in drawn]

    def sign(self, token: Token) -> Certificate:
        """Have the token signed and store the certificate with its audit record, event and evidence."""
        (outcome,) = self.sign_all([token])
        if isinstance(outcome, WeichengError):
            raise outcome
        return outcome

    def sign_all(self, tokens: Sequence[Token]) -> list[Certificate | WeichengError]:
        """As ``sign`` for several, stored together; one that the signer refuses stops no other.

        What is not signed, be it refused or the signer away (Unavailable), stays intended.
        """
        if not tokens:
            return []
        told = self._signer.sign_warranted(
            [Warranted(one.authority.key, one.tbs, one.warrant) for one in tokens]
        )
        signed = {
            token.serial: (token, signature)
            for token, signature in zip(tokens, told, strict=True)
            if not isinstance(signature, WeichengError)
        }
        issued = self._complete(signed.values())
        return [
            answer if isinstance(answer, WeichengError) else issued[token.serial]
            for token, answer in zip(tokens, told, strict=True)
        ]

    def _complete(
        self, signed: Collection[tuple[Token, bytes]], *, recovered: bool = False
    ) -> dict[str, Certificate]:
        made = {}
        for token, signature in signed:
            row = algorithm(token.authority.algorithm)
            verify(token.authority.spki, row.digest, signature, token.tbs)
            made[token.serial] = (token, encoding.signed(token.tbs, row.identifier, signature))
        if not made:
            return {}
        with self._database.begin() as uow:
            return self._store(uow, made, recovered=recovered)

    def finish(self, serial: str, signature: bytes, by: Principal) -> Certificate:
        """Store the certificate of an intent with the signature that an offline CA made elsewhere; an error when it is not
        right, the certificate as it is when that is done already."""
        with self._database.read() as connection:
            row = store.read_intent(connection, serial)
            authority = store.read_authority(connection, row.authority)
        return self._complete([(_stored(row, authority, by), signature)])[serial]

    def recover(self) -> int:
        """Finish what a crash left between intent and result; returns how many certificates that were.

        What the signer refuses is kept with what it said (ca.refusals), told once, and tried again each hour.
        """
        actor = Principal.system("ca")
        with self._database.read() as connection:
            resting = refusals.refused_after(connection, self._clock.now() - _REFUSED_FOR)
            rows = [row for row in store.pending_intents(connection) if row.serial not in resting]
            authorities = {found.id: found for found in store.read_authorities(connection)}
        faults: list[WeichengError] = []
        done = 0
        for row in rows:
            authority = authorities[row.authority]
            if not authority.signs_here:  # its answer is imported
                continue
            try:
                made = self._retried(_stored(row, authority, actor))
                done += isinstance(made, Certificate)
            except WeichengError as error:  # one that can not be signed must not keep the others back
                faults.append(error)
        if faults:
            raise faults[0]
        return done

    def again(self, serial: str, by: Principal) -> Certificate:
        """As ``recover`` for one intent, whenever it was tried last; the signer's refusal is kept and raised."""
        with self._database.read() as connection:
            row = store.read_intent(connection, serial)
            authority = store.read_authority(connection, row.authority)
        made = self._retried(_stored(row, authority, by))
        if isinstance(made, WeichengError):
            raise made
        return made

    def _retried(self, token: Token) -> Certificate | WeichengError:
        """The certificate, or the signer's refusal, which is kept; whatever else goes wrong is raised."""
        try:
            signature = self._signer.sign(token.authority.key, Purpose.CERTIFICATE, token.tbs, token.warrant)
        except (SigningRefused, IntegrityFailed, Invalid) as refusal:
            self._keep(token, refusal)
            return refusal
        return self._complete([(token, signature)], recovered=True)[token.serial]

    def _keep(self, token: Token, refusal: WeichengError) -> None:
        """The first time it is also audited and told."""
        one = token.intended
        target, about = f"certificate:{one.serial}", {"serial": one.serial, "profile": one.profile}
        details = about | {"refusal": refusal.message}
        with self._database.begin() as uow:
            if refusals.add(uow.connection, token.serial, refusal, self._clock.now()):
                action = AuditAction.CA_SIGN_REFUSED
                uow.audit(token.by, action, target, unit=one.unit, outcome="failure", details=details)
                uow.emit(
                    Event(EventKind.CERTIFICATE_REFUSED, target, details, unit=one.unit, severity="high")
                )

    def _store(
        self, uow: UnitOfWork, made: Mapping[str, tuple[Token, bytes]], *, recovered: bool
    ) -> dict[str, Certificate]:
        """``made``: by serial, the token and the certificate (DER). What another process has recovered meanwhile stays."""
        named = store.lock_intents(uow.connection, made)
        fresh = [
            replace(
                made[serial][0].intended,
                der=made[serial][1],
                fingerprint=sha256_hex(made[serial][1]),
                state=State.ISSUED,
                unit_name=unit_name,
            )
            for serial, unit_name in named.items()
        ]
        if fresh:
            store.store_signed(uow.connection, fresh, self._clock.now())
            fulfilled = {one.request: made[one.serial][0].by for one in fresh if one.request}
            for request, replaced in store.fulfil_requests(uow.connection, fulfilled):
                self._supersede(uow, replaced, fulfilled[request])
            tell_issued(uow, self._clock, [(one, made[one.serial][0].authority.spki) for one in fresh])
            self._tell_of(uow, [(made[one.serial][0].by, one) for one in fresh])
            if recovered:
                refusals.remove(uow.connection, [one.serial for one in fresh])
            for one in fresh if recovered else ():
                by = made[one.serial][0].by
                uow.audit(by, AuditAction.CA_RECOVER, f"certificate:{one.serial}", unit=one.unit)
        done = made.keys() - named.keys()
        return store.certificates_of(uow.connection, done) | {one.serial: one for one in fresh}

    def _tell_of(self, uow: UnitOfWork, issued: Sequence[tuple[Principal, Certificate]]) -> None:
        statements = []
        for by, one in issued:
            target = f"certificate:{one.serial}"
            about = {"serial": one.serial, "profile": one.profile, "subject": one.subject}
            uow.audit(by, AuditAction.CA_ISSUE, target, unit=one.unit, details=about)
            uow.emit(Event(EventKind.CERTIFICATE_ISSUED, target, about, unit=one.unit))
            lasting = {"not_after": one.not_after, "profile_version": one.profile_version}
            statements.append(Statement(target, {**about, **lasting}, one.unit))
        kind = EvidenceKind.CERTIFICATE_ISSUED
        self._evidence.record_all(uow, kind=kind, source="ca", statements=statements)

    @staticmethod
    def _supersede(uow: UnitOfWork, replaced: str, by: Principal) -> None:
        """The certificate that the new one renews is superseded, unless it was revoked or ended meanwhile."""
        old = store.read_certificate(uow.connection, replaced, lock=True)
        if State.SUPERSEDED in TRANSITIONS[old.state]:
            store.set_status(uow.connection, old.serial, State.SUPERSEDED)
            uow.audit(by, AuditAction.CA_SUPERSEDE, f"certificate:{old.serial}", unit=old.unit)


def _require_allowed(wanted: Wanted, units: Sequence[str]) -> None:
    """The rules once more, whichever door the request came through."""
    profile = wanted.profile
    profile.check_key(algorithm_of(wanted.spki))
    if wanted.called is None and profile.complete_subject(wanted.subject) != wanted.subject:
        raise IntegrityFailed(N_("The subject is not complete."), place=profile.id)
    profile.check_names(wanted.names, units)


def _row(wanted: Wanted, draft: Draft, token: Token) -> dict[str, object]:
    """The intent as it is stored: the certificate-to-be, and what is signed."""
    row: dict[str, object] = {name: getattr(token.intended, name) for name in store.INTENDED}
    row |= {"state": str(State.APPROVED), "tbs": token.tbs, "warrant": token.warrant}
    return row | {"spki_digest": sha256_hex(wanted.spki), "crl_shard": draft.shard}


def _stored(row: Row[Any], authority: Authority, by: Principal) -> Token:
    """The token of a stored intent, which ``by`` has signed now."""
    intended = store.certificate_of(row)
    tbs = bytes(row.tbs) if row.tbs else encoding.tbs_of(intended.der)
    return Token(by, authority, intended, tbs, row.warrant or "")
