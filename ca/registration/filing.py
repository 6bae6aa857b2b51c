"""Filing: an application is checked against its profile, gets a key if it brings none, and waits for its approval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection

from ca import store
from ca.encoding import names as naming
from ca.encoding.csr import spki_of
from ca.model import TRANSITIONS, Request, State
from ca.ports import Box
from ca.profiles import Profile, Profiles, Usage
from ca.profiles.store import units_for
from ca.registration import store as store_of_registration
from ca.registration.blocklists import Blocklists
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki.algorithms import algorithm, algorithm_of, generate
from kernel.store import Database, UnitOfWork

KEY_KIND = "p256"  # of keys made here


@dataclass(frozen=True)
class Application:
    """What is asked for. ``csr`` is PKCS#10 in PEM or DER; without one a key is made here. ``evidence`` says how the
    applicant's identity was checked; ``replaces`` is the serial of the certificate that is renewed."""

    profile: str
    subject: Mapping[str, str]
    names: Sequence[str]
    unit: str
    evidence: str
    csr: bytes | None = None
    replaces: str | None = None


@dataclass(frozen=True)
class Draft:
    """A request that its profile allows, not stored yet; ``sealed_key`` is the key made here."""

    request: Request
    approvals: int
    csr: bytes | None
    sealed_key: str | None


class Filing:
    """What filing consists of, whoever files: registrar, batch, holder. They check permissions before they come here."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        approvals: Approvals,
        profiles: Profiles,
        box: Box,
        blocklists: Blocklists,
    ) -> None:
        self._database = database
        self._clock = clock
        self._approvals = approvals
        self._profiles = profiles
        self._box = box
        self._blocklists = blocklists

    def check(self, asked: Application) -> tuple[Profile, dict[str, str]]:
        """(profile, complete subject) if the profile allows it; Invalid or ProfileViolation name the field."""
        profile = self.applicable(asked.profile, own_key=asked.csr is not None)
        return profile, self._completed(profile, asked, self.bounds(profile, asked.unit))

    def rehearse(self, connection: Connection, asked: Application) -> str:
        """As filing would do, and nothing is kept; the errors of ``draft`` and ``store``. What tells its key from others."""
        profile, complete = self.check(asked)
        if asked.csr is None:
            return ""
        spki = spki_of(asked.csr)
        self._blocklists.refuse(spki)
        profile.check_key(algorithm_of(spki))
        check_key_history(connection, spki, complete)
        return sha256_hex(spki)

    def draft(self, by: Principal, asked: Application) -> Draft:
        """The checked application with its key. BadCsr, ProfileViolation, Invalid name the place."""
        profile, complete = self.check(asked)
        request_id = new_id("req")
        if asked.csr is not None:
            return self._drafted(by, request_id, asked, profile, complete, spki_of(asked.csr))
        private = generate(algorithm(KEY_KIND))
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = self._box.seal(secret, context=key_context(request_id))
        return self._drafted(by, request_id, asked, profile, complete, spki, sealed)

    def draft_proven(
        self,
        by: Principal,
        asked: Application,
        profile: Profile,
        units: Sequence[str],
        spki: bytes,
        state: State,
    ) -> Draft:
        """As ``draft`` where the CSR's key is proven, and the profile and its ``bounds`` for the unit are known already."""
        complete = self._completed(profile, asked, units)
        return self._drafted(by, new_id("req"), asked, profile, complete, spki, state=state)

    def _drafted(
        self,
        by: Principal,
        request_id: str,
        asked: Application,
        profile: Profile,
        complete: Mapping[str, str],
        spki: bytes,
        sealed_key: str | None = None,
        state: State = State.REQUESTED,
    ) -> Draft:
        if asked.csr is not None:
            self._blocklists.refuse(spki)
        profile.check_key(algorithm_of(spki))
        request = Request(
            id=request_id,
            profile=profile.id,
            profile_version=profile.version,
            subject=complete,
            names=tuple(asked.names),
            unit=asked.unit,
            spki=spki,
            state=state,
            requested_by=by.id,
            approval="",
            evidence=asked.evidence,
            filed_at=self._clock.now(),
            own_key=asked.csr is not None,
            replaces=asked.replaces,
        )
        return Draft(request, max(1, profile.approvals), asked.csr, sealed_key)

    def store(self, uow: UnitOfWork, by: Principal, draft: Draft) -> Request:
        """Keep the request and ask for its approval; Conflict for a key of others or what can not be renewed."""
        request = draft.request
        self.admit(uow.connection, request)
        target = f"request:{request.id}"
        approval = self._approvals.open(
            uow,
            kind="ca:request",
            subject=target,
            title=request.subject.get("CN", target),
            digest=digest_of(request),
            requested_by=by,
            permission=Permission.CA_REQUEST_APPROVE,
            unit=request.unit,
            needed=draft.approvals,
        )
        return self.keep(uow, by, replace(draft, request=replace(request, approval=approval.id)))

    @staticmethod
    def admit(connection: Connection, request: Request) -> None:
        """Conflict for a key of others or what can not be renewed; nothing is written."""
        check_key_history(connection, request.spki, request.subject)
        _check_replaced(connection, request)

    def approvals_for(self, profile_id: str) -> int:
        """How many people have to approve a request of that profile."""
        return max(1, self._profiles.get(profile_id).approvals)

    def keep(self, uow: UnitOfWork, by: Principal, draft: Draft) -> Request:
        """Keep an admitted request whose approval is asked for elsewhere, as that of a batch."""
        filed = draft.request
        target = f"request:{filed.id}"
        store.add_requests(uow.connection, [(filed, draft.csr, draft.sealed_key)])
        details = {**_bound(filed), "evidence": filed.evidence}
        uow.audit(by, AuditAction.CA_REQUEST_FILE, target, unit=filed.unit, details=details)
        uow.emit(Event(EventKind.CERTIFICATE_REQUESTED, target, _bound(filed), unit=filed.unit))
        return filed

    def applicable(self, profile_id: str, *, own_key: bool) -> Profile:
        """The profile, if applicants may ask for it with such a key; Invalid otherwise."""
        profile = self._profiles.get(profile_id)
        if profile.usage is not Usage.SUBJECT:
            raise Invalid(
                N_("Profile %(profile)s is not for applicants."), place="profile", profile=profile_id
            )
        if ("csr" if own_key else "generated") not in profile.own_key:
            raise Invalid(
                N_("Profile %(profile)s needs the applicant's own key."),
                mend=N_("File a CSR."),
                place="csr",
                profile=profile_id,
            )
        return profile

    def bounds(self, profile: Profile, unit: str) -> tuple[str, ...]:
        """What ``Profile.check_names`` wants: the ids of the unit and of those above it, as far as the profile asks."""
        if not profile.names.by_unit:
            return (unit,)
        with self._database.read() as connection:
            return units_for(connection, profile, unit)

    @staticmethod
    def _completed(profile: Profile, asked: Application, units: Sequence[str]) -> dict[str, str]:
        if not asked.evidence.strip():
            raise Invalid(N_("Say how the applicant's identity was checked."), place="evidence")
        complete = profile.complete_subject(asked.subject)
        profile.check_names(asked.names, units)
        return complete


def key_context(request_id: str) -> str:
    """What the key made for a request is sealed with."""
    return f"ca:request-key:{request_id}"


def check_key_history(connection: Connection, spki: bytes, subject: Mapping[str, str]) -> None:
    """Conflict for a key of a revoked certificate, or one that is certified for somebody else."""
    (error,) = check_key_histories(connection, [(spki, subject)])
    if error is not None:
        raise error


def check_key_histories(
    connection: Connection, asked: Sequence[tuple[bytes, Mapping[str, str]]]
) -> list[Conflict | None]:
    """For each key and subject the Conflict that ``check_key_history`` raises, or None; the same key twice is one too."""
    digests = [sha256_hex(spki) for spki, _ in asked]
    certified, revoked = store.history_of_keys(connection, digests)
    found: list[Conflict | None] = []
    for digest, (_, subject) in zip(digests, asked, strict=True):
        called = naming.written(subject)
        if digest in revoked:
            found.append(_taken(N_("This key belongs to a revoked certificate.")))
        elif certified.setdefault(digest, {called}) - {called}:
            found.append(_taken(N_("This key is certified for somebody else.")))
        else:
            found.append(None)
    return found


def _taken(message: str) -> Conflict:
    return Conflict(message, mend=N_("Make a new key pair."), place="public key")


def digest_of(request: Request) -> str:
    """SHA-256 (hex) of what an approval is given for: subject, names, profile version, unit and key."""
    return sha256_hex(canonical_json(bound(request)))


def bound(request: Request) -> dict[str, Any]:
    """What an approval is given for."""
    return {**_bound(request), "unit": request.unit, "spki": request.spki.hex()}


def _bound(request: Request) -> dict[str, Any]:
    return {
        "profile": request.profile,
        "version": request.profile_version,
        "subject": dict(request.subject),
        "names": list(request.names),
        "replaces": request.replaces,
    }


def _check_replaced(connection: Connection, request: Request) -> None:
    """What is renewed must be a living certificate of the same kind, unit and subject."""
    if request.replaces is None:
        return
    old = store.read_certificate(connection, request.replaces)
    wanted = (request.profile, request.unit, naming.written(request.subject))
    if (old.profile, old.unit, old.subject) != wanted or State.SUPERSEDED not in TRANSITIONS[old.state]:
        raise Conflict(
            N_("Certificate %(serial)s can not be renewed by this request."),
            mend=N_("Profile, unit and subject must be the same, and it must be valid."),
            place="replaces",
            serial=old.serial,
        )
    if store_of_registration.renewal_under_way(connection, old.serial):
        raise Conflict(
            N_("A request to renew certificate %(serial)s waits already."),
            mend=N_("Look at that request; it is turned down if it is not wanted."),
            place="replaces",
            serial=old.serial,
        )
