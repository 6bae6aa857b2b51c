"""From an allowed request to a signed certificate, in three steps that survive a crash between any two.

1. ``prepare`` builds the to-be-signed bytes, checks them against the profile, and stores the intent with its serial.
2. ``sign`` sends the token to the signer. 3. The result is stored. What was intended and not stored is signed again, with the
very same bytes, by ``recover``: no serial ever exists without an owner.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca import store, warrants
from ca.encoding import certificate as encoding
from ca.encoding import names as naming
from ca.model import TRANSITIONS, Authority, Certificate, State
from ca.ports import Evidence, Signer
from ca.profiles import Profile, Profiles, Usage
from ca.signer.model import Purpose
from ca.transparency.model import EntryType
from ca.transparency.queueing import tell
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki.algorithms import algorithm, verify
from kernel.store import Database, UnitOfWork

# clocks of relying parties may be a little behind ours
_BACKDATE = timedelta(minutes=1)


@dataclass(frozen=True)
class Token:
    """Checked bytes with a stored intent: the only thing that is ever signed. Made by Issuance alone."""

    serial: str
    authority: Authority
    tbs: bytes
    unit: str
    profile: str
    warrant: str


@dataclass(frozen=True)
class Wanted:
    """What a certificate shall hold. ``subject`` is complete; ``names`` are texts such as ``dns:host``.

    For certificates of CAs: ``called`` is the Name where it is not made of ``subject``, ``period`` the first and last moment
    in place of the profile's validity from now, ``more`` extensions beyond the profile's, such as name constraints.
    """

    profile: Profile
    subject: Mapping[str, str]
    names: Sequence[str]
    spki: bytes
    unit: str
    request: str | None = None
    called: x509.Name | None = None
    period: tuple[datetime, datetime] | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    @property
    def name(self) -> x509.Name:
        """The subject; a foreign one as it is."""
        return self.called or naming.name(self.subject)


class Issuance:
    """Prepares, signs and stores certificates of subordinate CAs, services and subjects."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signer: Signer,
        profiles: Profiles,
        evidence: Evidence,
        public_url: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._profiles = profiles
        self._evidence = evidence
        self._public_url = public_url.rstrip("/")
        self._template = lru_cache(maxsize=256)(self._compile)

    def prepare(self, uow: UnitOfWork, by: Principal, authority: Authority, wanted: Wanted) -> Token:
        """Build, check and store the intent in the caller's transaction; Conflict when the CA itself may not sign now."""
        self._check_authority(uow, authority)
        self._profiles.require_current(uow, by, wanted.profile)
        now = self._clock.now().replace(microsecond=0)
        serial = (
            secrets.randbits(126) | 1 << 126
        )  # 127 bits, positive, 16 octets (RFC 5280 4.1.2.2 allows 20)
        not_before, not_after = wanted.period or (now - _BACKDATE, now - _BACKDATE + wanted.profile.validity)
        not_after = min(not_after, _expiry(authority))
        subject = wanted.name
        tbs = encoding.tbs_certificate(
            self._template(authority, wanted.profile.id),
            serial=serial,
            subject=subject.public_bytes(),
            spki=wanted.spki,
            not_before=not_before,
            not_after=not_after,
            names=naming.alternative_names(wanted.names),
            more=wanted.more,
        )
        _check(tbs, authority, wanted, serial, not_before, not_after)
        warrant = self._signer.warrant(
            authority.key,
            Purpose.CERTIFICATE,
            tbs,
            serial=f"{serial:032x}",
            profile=wanted.profile.id,
            version=wanted.profile.version,
            request=wanted.request or "",
        )
        token = Token(f"{serial:032x}", authority, tbs, wanted.unit, wanted.profile.id, warrant)
        row = {
            "serial": token.serial,
            "authority": authority.id,
            "request": wanted.request,
            "profile": wanted.profile.id,
            "profile_version": wanted.profile.version,
            "subject": subject.rfc4514_string(),
            "unit": wanted.unit,
            "spki_digest": sha256_hex(wanted.spki),
            "not_before": not_before,
            "not_after": not_after,
            "state": str(State.APPROVED),
            "tbs": tbs,
            "der": b"",
            "fingerprint": "",
            "intent_at": now,
        }
        store.add_intent(uow.connection, row, [*wanted.subject.values(), *wanted.names])
        warrants.add(uow.connection, token.serial, warrant)
        details = {"profile": wanted.profile.id, "version": wanted.profile.version, "tbs": sha256_hex(tbs)}
        uow.audit(
            by, AuditAction.CA_SIGN_INTENT, f"certificate:{token.serial}", unit=wanted.unit, details=details
        )
        return token

    def _check_authority(self, uow: UnitOfWork, authority: Authority) -> None:
        own = store.certificate_by_fingerprint(uow.connection, sha256_hex(authority.certificate))
        state = (
            own.state if own is not None else State.ISSUED
        )  # a root's certificate is its own, not in the register
        if self._clock.now() >= _expiry(authority):
            state = State.EXPIRED
        if state is not State.ISSUED:
            raise Conflict(
                N_("The certificate of CA %(id)s is %(state)s; it signs no more."),
                mend=N_("Found a new issuing CA."),
                place=authority.id,
                id=authority.id,
                state=str(state),
            )

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
        store.store_signed(uow.connection, token.serial, der, sha256_hex(der), self._clock.now())
        warrants.remove(uow.connection, token.serial)
        if current.request is not None:
            store.set_request_state(uow.connection, current.request, State.ISSUED)
            self._supersede(uow, current.request, by)
        issued = store.read_certificate(uow.connection, token.serial)
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
    def _supersede(uow: UnitOfWork, request_id: str, by: Principal) -> None:
        """The certificate that the new one renews is superseded, unless it was revoked or ended meanwhile."""
        replaced = store.read_request(uow.connection, request_id).replaces
        if replaced is None:
            return
        old = store.read_certificate(uow.connection, replaced, lock=True)
        if State.SUPERSEDED in TRANSITIONS[old.state]:
            store.set_status(uow.connection, old.serial, State.SUPERSEDED)
            uow.audit(by, AuditAction.CA_SUPERSEDE, f"certificate:{old.serial}", unit=old.unit)

    def _compile(self, authority: Authority, profile_id: str) -> encoding.Template:
        profile = self._profiles.get(profile_id)
        extensions = [*profile.extensions(), *self._pointers(authority, profile)]
        return encoding.compile_template(
            algorithm(authority.algorithm), authority.subject, authority.spki, extensions
        )

    def _pointers(self, authority: Authority, profile: Profile) -> list[tuple[x509.ExtensionType, bool]]:
        """Where status and issuer are found (RFC 5280 4.2.1.13, 4.2.2.1)."""
        crl = x509.UniformResourceIdentifier(f"{self._public_url}/crl/{authority.id}.crl")
        issuer = x509.UniformResourceIdentifier(f"{self._public_url}/ca/{authority.id}.cer")
        accesses = [x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, issuer)]
        if profile.usage is Usage.SUBJECT:
            responder = x509.UniformResourceIdentifier(f"{self._public_url}/ocsp")
            accesses.insert(0, x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, responder))
        point = x509.DistributionPoint([crl], None, None, None)
        return [
            (x509.CRLDistributionPoints([point]), False),
            (x509.AuthorityInformationAccess(accesses), False),
        ]


def _expiry(authority: Authority) -> datetime:
    return x509.load_der_x509_certificate(authority.certificate).not_valid_after_utc


def _check(
    tbs: bytes, authority: Authority, wanted: Wanted, serial: int, not_before: datetime, not_after: datetime
) -> None:
    """Read the bytes back with a parser that is not ours and compare with what was asked for; IntegrityFailed otherwise."""
    row = algorithm(authority.algorithm)
    parsed = x509.load_der_x509_certificate(encoding.signed(tbs, row.identifier, b""))
    present = {(found.oid, found.critical, found.value.public_bytes()) for found in parsed.extensions}
    own = [(encoding.subject_key_id(wanted.spki), False), (encoding.authority_key_id(authority.spki), False)]
    alternative = naming.alternative_names(wanted.names)
    named = [(alternative, False)] if alternative is not None else []
    expected = {
        (value.oid, critical, value.public_bytes())
        for value, critical in (*wanted.profile.extensions(), *wanted.more, *own, *named)
    }
    # nothing beyond the profile but the pointers to status and issuer
    surplus = {oid for oid, _, _ in present - expected}
    same = (
        parsed.serial_number == serial
        and parsed.subject == wanted.name
        and parsed.issuer.public_bytes() == authority.subject
        and parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == wanted.spki
        and (parsed.not_valid_before_utc, parsed.not_valid_after_utc) == (not_before, not_after)
        and timedelta() < not_after - not_before
        and (wanted.period is not None or not_after - not_before <= wanted.profile.validity)
        and expected <= present
        and surplus <= {x509.CRLDistributionPoints.oid, x509.AuthorityInformationAccess.oid}
    )
    if not same:
        raise IntegrityFailed(
            N_("The certificate to be signed is not what was asked for."), place=f"{serial:032x}"
        )
