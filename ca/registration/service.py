"""Registration (CA-3, CA-4): a registrar files, a second person decides, keys made here are handed over once."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    pkcs12,
)

from ca import listing, store
from ca.encoding import names as naming
from ca.hierarchy.ceremony import ISSUING
from ca.issuance import Issuance, Token, Wanted
from ca.model import TRANSITIONS, Certificate, Request, State, move
from ca.ports import Box
from ca.profiles import Profile, Profiles, Usage
from ca.registration.csr import spki_of
from ca.tables import requests
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki.algorithms import algorithm, algorithm_of, generate
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page

KEY_KIND = "p256"  # of keys made here
SHORTEST = 12  # characters of the password of a PKCS#12 file


class Registration:
    """Requests from filing to the certificate's delivery."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        profiles: Profiles,
        issuance: Issuance,
        box: Box,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._profiles = profiles
        self._issuance = issuance
        self._box = box

    def file(
        self,
        principal: Principal,
        *,
        profile: str,
        subject: Mapping[str, str],
        names: Sequence[str],
        unit: str,
        evidence: str,
        csr: bytes | None = None,
        replaces: str | None = None,
    ) -> Request:
        """File a request. ``csr`` is PKCS#10 in PEM or DER; without one a key is made here.

        ``evidence`` says how the applicant's identity was checked. BadCsr, ProfileViolation, Conflict (key of
        another subject or of a revoked certificate), NotPermitted (unit).
        """
        self._access.require(principal, Permission.CA_REQUEST_FILE, unit=unit)
        chosen = self._applicable(profile, csr)
        if not evidence.strip():
            raise Invalid(N_("Say how the applicant's identity was checked."), place="evidence")
        complete = chosen.complete_subject(subject)
        chosen.check_names(names)
        request_id = new_id("req")
        spki, sealed_key = self._key(request_id, csr)
        chosen.check_key(algorithm_of(spki))
        request = Request(
            id=request_id,
            profile=chosen.id,
            profile_version=chosen.version,
            subject=complete,
            names=tuple(names),
            unit=unit,
            spki=spki,
            state=State.REQUESTED,
            requested_by=principal.id,
            approval="",
            evidence=evidence,
            filed_at=self._clock.now(),
            own_key=csr is not None,
            replaces=replaces,
        )
        with self._database.begin() as uow:
            self._check_key_history(uow, spki, complete)
            self._check_replaced(uow, request)
            return self._store(uow, principal, request, chosen.approvals, csr, sealed_key)

    def renew(self, principal: Principal, serial: str, *, evidence: str, csr: bytes | None = None) -> Request:
        """File a request for a newer certificate of the same subject, names, profile and unit; the old one is superseded
        when it is issued. ``csr`` as in ``file``."""
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.read() as connection:
            old = store.read_certificate(connection, serial)
            filed = store.read_request(connection, old.request) if old.request else None
        if not self._access.covers(principal, old.unit):
            raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
        if filed is None:
            raise Conflict(
                N_("This certificate of the suite's own is not renewed by a request."),
                mend=N_("Provision its service anew: weicheng ca provision."),
                place=old.serial,
            )
        return self.file(
            principal,
            profile=filed.profile,
            subject=filed.subject,
            names=filed.names,
            unit=filed.unit,
            evidence=evidence,
            csr=csr,
            replaces=old.serial,
        )

    def approve(self, principal: Principal, request_id: str, reason: str = "") -> Request | Certificate:
        """Approve; once enough people have, the certificate is issued. NotPermitted for who filed it."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        token: Token | None = None
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            self._require_state(request, State.REQUESTED)
            approval = self._approvals.decide(uow, request.approval, principal, approve=True, reason=reason)
            if approval.digest != _digest(request):
                raise IntegrityFailed(
                    N_("The request is not the one that was filed."),
                    mend=N_("Reject it, and look for who changed it."),
                    place=request.id,
                )
            if approval.state is ApprovalState.APPROVED:
                store.set_request_state(
                    uow.connection, request.id, move(request.id, request.state, State.APPROVED)
                )
                token = self._prepare(uow, principal, request)
        if token is None:
            return request
        return self._issuance.sign(token, principal)

    def reject(self, principal: Principal, request_id: str, reason: str) -> Request:
        """Turn the request down; the reason is told to who filed it."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            self._require_state(request, State.REQUESTED)
            self._approvals.decide(uow, request.approval, principal, approve=False, reason=reason)
            store.set_request_state(
                uow.connection, request.id, move(request.id, request.state, State.REJECTED)
            )
            store.take_sealed_key(uow.connection, request.id)
            target = f"request:{request.id}"
            uow.audit(principal, AuditAction.CA_REQUEST_REJECT, target, unit=request.unit, reason=reason)
            uow.emit(Event(EventKind.CERTIFICATE_REJECTED, target, {"reason": reason}, unit=request.unit))
            return store.read_request(uow.connection, request_id)

    def show(self, principal: Principal, request_id: str) -> Request:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            request = store.read_request(connection, request_id)
        if not self._access.covers(principal, request.unit):
            raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
        return request

    def page(self, principal: Principal, ask: Ask) -> Page[Request]:
        """Requests of the principal's units. Filters: state, profile, unit, requested_by, waiting ("me")."""
        self._access.require(principal, Permission.CA_READ)
        approves = self._access.allows(principal, Permission.CA_REQUEST_APPROVE)
        found = listing.requests_of(principal, approves=approves)
        seen = self._access.seen(principal, requests.c.unit)
        with self._database.read() as connection:
            return found.page(connection, ask, *seen, *listing.found_by(connection, found.key, ask.text))

    def deliver_pkcs12(
        self, principal: Principal, request_id: str, password: str | None = None
    ) -> tuple[bytes, str]:
        """(PKCS#12, its password) of a key made here: once, to who filed it. Without a password one is made.

        Send the password by another way than the file.
        """
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        password = secrets.token_urlsafe(15) if password is None else _strong(password)
        key, certificate, chain = self._take_key(principal, request_id)
        encryption = BestAvailableEncryption(password.encode())
        name = certificate.subject.rfc4514_string().encode()
        return pkcs12.serialize_key_and_certificates(name, key, certificate, chain, encryption), password

    def deliver_pem(self, principal: Principal, request_id: str) -> tuple[bytes, bytes]:
        """(certificate chain, private key) in PEM of a key made here, for a server of ours: once, to who filed it."""
        key, certificate, chain = self._take_key(principal, request_id)
        certificates = b"".join(found.public_bytes(Encoding.PEM) for found in (certificate, *chain))
        return certificates, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    # --- how
    def _applicable(self, profile_id: str, csr: bytes | None) -> Profile:
        profile = self._profiles.get(profile_id)
        if profile.usage is not Usage.SUBJECT:
            raise Invalid(
                N_("Profile %(profile)s is not for applicants."), place="profile", profile=profile_id
            )
        if ("csr" if csr else "generated") not in profile.own_key:
            raise Invalid(
                N_("Profile %(profile)s needs the applicant's own key."),
                mend=N_("File a CSR."),
                place="csr",
                profile=profile_id,
            )
        return profile

    def _key(self, request_id: str, csr: bytes | None) -> tuple[bytes, str | None]:
        if csr is not None:
            return spki_of(csr), None
        private = generate(algorithm(KEY_KIND))
        spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return spki, self._box.seal(secret, context=f"ca:request-key:{request_id}")

    def _check_key_history(self, uow: UnitOfWork, spki: bytes, subject: Mapping[str, str]) -> None:
        digest = sha256_hex(spki)
        if store.revoked_key(uow.connection, digest):
            raise Conflict(
                N_("This key belongs to a revoked certificate."),
                mend=N_("Make a new key pair."),
                place="public key",
            )
        others = store.subjects_of_key(uow.connection, digest) - {naming.name(subject).rfc4514_string()}
        if others:
            raise Conflict(
                N_("This key is certified for somebody else."),
                mend=N_("Make a new key pair."),
                place="public key",
            )

    def _check_replaced(self, uow: UnitOfWork, request: Request) -> None:
        """What is renewed must be a living certificate of the same kind, unit and subject."""
        if request.replaces is None:
            return
        old = store.read_certificate(uow.connection, request.replaces)
        wanted = (request.profile, request.unit, naming.name(request.subject).rfc4514_string())
        if (old.profile, old.unit, old.subject) != wanted or State.SUPERSEDED not in TRANSITIONS[old.state]:
            raise Conflict(
                N_("Certificate %(serial)s can not be renewed by this request."),
                mend=N_("Profile, unit and subject must be the same, and it must be valid."),
                place="replaces",
                serial=old.serial,
            )

    def _store(
        self,
        uow: UnitOfWork,
        principal: Principal,
        request: Request,
        approvals: int,
        csr: bytes | None,
        sealed_key: str | None,
    ) -> Request:
        target = f"request:{request.id}"
        approval = self._approvals.open(
            uow,
            kind="ca:request",
            subject=target,
            title=request.subject.get("CN", target),
            digest=_digest(request),
            requested_by=principal,
            permission=Permission.CA_REQUEST_APPROVE,
            unit=request.unit,
            needed=max(1, approvals),
        )
        filed = replace(request, approval=approval.id)
        store.add_request(uow.connection, filed, csr, sha256_hex(filed.spki), sealed_key)
        details = {**_bound(filed), "evidence": filed.evidence}
        uow.audit(principal, AuditAction.CA_REQUEST_FILE, target, unit=filed.unit, details=details)
        uow.emit(Event(EventKind.CERTIFICATE_REQUESTED, target, _bound(filed), unit=filed.unit))
        return filed

    def _prepare(self, uow: UnitOfWork, principal: Principal, request: Request) -> Token:
        # looked at again: another request may have been granted the same key since this one was filed
        self._check_key_history(uow, request.spki, request.subject)
        profile = self._profiles.get(request.profile)
        if profile.version != request.profile_version:
            raise Conflict(
                N_("Profile %(profile)s has changed since the request was filed."),
                mend=N_("Reject the request and have it filed again."),
                profile=profile.id,
            )
        authority = store.read_authority(uow.connection, ISSUING)
        wanted = Wanted(profile, request.subject, request.names, request.spki, request.unit, request.id)
        return self._issuance.prepare(uow, principal, authority, wanted)

    def _take_key(
        self, principal: Principal, request_id: str
    ) -> tuple[pkcs12.PKCS12PrivateKeyTypes, x509.Certificate, list[x509.Certificate]]:
        self._access.require(principal, Permission.CA_REQUEST_FILE)
        with self._database.begin() as uow:
            request = store.read_request(uow.connection, request_id, lock=True)
            certificate = store.certificate_of_request(uow.connection, request_id)
            if request.requested_by != principal.id:
                raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
            if certificate is None or not certificate.der:
                raise Conflict(N_("The certificate is not issued yet."), place=request_id)
            sealed = store.take_sealed_key(uow.connection, request_id)
            if sealed is None:
                raise Conflict(N_("The key was handed over already, or was never here."), place=request_id)
            authority = store.read_authority(uow.connection, certificate.authority)
            uow.audit(principal, AuditAction.CA_DELIVER, f"request:{request_id}", unit=request.unit)
        key = load_der_private_key(self._box.open(sealed, context=f"ca:request-key:{request_id}"), None)
        loaded = [x509.load_der_x509_certificate(der) for der in (certificate.der, authority.certificate)]
        return key, loaded[0], loaded[1:]  # type: ignore[return-value]

    @staticmethod
    def _require_state(request: Request, state: State) -> None:
        if request.state is not state:
            raise Conflict(N_("This is decided already (%(state)s)."), place=request.id, state=request.state)


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


def _bound(request: Request) -> dict[str, Any]:
    """What an approval is given for; the key and unit with it make the digest."""
    return {
        "profile": request.profile,
        "version": request.profile_version,
        "subject": dict(request.subject),
        "names": list(request.names),
        "replaces": request.replaces,
    }


def _digest(request: Request) -> str:
    bound = {**_bound(request), "unit": request.unit, "spki": request.spki.hex()}
    return sha256_hex(canonical_json(bound))
