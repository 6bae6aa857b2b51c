"""Keys of the suite's own services: OCSP responders, time-stamping authority, transparency log, evidence seal."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection

from ca import store
from ca.authorities import authority_for, issuing_authorities
from ca.issuance import Issuance, Wanted
from ca.model import Authority, Certificate
from ca.ports import Signer
from ca.profiles import Profiles
from ca.signer.model import KeyRole, Purpose
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Unavailable
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki import cms
from kernel.pki.algorithms import Algorithm, algorithm
from kernel.store import Database

KEY_KIND = "p256"
PROFILES = {
    KeyRole.OCSP: "ocsp-responder",
    KeyRole.TIMESTAMP: "timestamp",
    KeyRole.EVIDENCE: "evidence-seal",
    KeyRole.LOG: "transparency-log",
}
TITLES = {KeyRole.OCSP: "OCSP", KeyRole.TIMESTAMP: "TSA", KeyRole.EVIDENCE: "Evidence", KeyRole.LOG: "Log"}


@dataclass(frozen=True)
class ServiceKey:
    """A key in the signer with its certificates: what kernel.pki.cms signs with."""

    signer: Signer
    name: str
    purpose: Purpose
    algorithm: Algorithm
    certificate_der: bytes
    chain_der: Sequence[bytes]

    def sign(self, data: bytes) -> bytes:
        return self.signer.sign(self.name, self.purpose, data)


class Services:
    """Provides the services with keys and works them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        signer: Signer,
        profiles: Profiles,
        issuance: Issuance,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._signer = signer
        self._profiles = profiles
        self._issuance = issuance

    def renew(self) -> int:
        """Provision anew every service whose certificate has entered its renewal window; returns how many."""
        with self._database.read() as connection:
            working = {one.id for one in issuing_authorities(store.read_authorities(connection))}
            due = [row for row in store.read_services(connection) if self._renewal_due(row)]
        speaking = [row for row in due if row.role != KeyRole.OCSP or row.authority in working]
        for row in speaking:
            self.provision(Principal.system("ca"), KeyRole(row.role), row.authority)
        return len(speaking)

    def _renewal_due(self, row: Any) -> bool:
        own, now = x509.load_der_x509_certificate(bytes(row.certificate)), self._clock.now()
        ends = own.not_valid_after_utc - self._profiles.get(PROFILES[KeyRole(row.role)]).renewal
        return now >= ends or now < own.not_valid_before_utc  # not yet valid: the clock was ahead

    def provision(
        self, principal: Principal, role: KeyRole, authority: str = "", *, algorithm: str = ""
    ) -> list[Certificate]:
        """Give the service a new key and certificate; repeated, it renews.

        OCSP responders are one for each issuing CA: of ``authority``, or of all when none is named. The key is of
        ``algorithm``, which the service's profile has to allow; without one it is as the key before.
        """
        self._access.require_root(principal, Permission.CA_PROVISION)
        with self._database.read() as connection:
            if role is not KeyRole.OCSP:
                issuers = [authority_for(connection, PROFILES[role])]
            elif authority:
                issuers = [store.read_authority(connection, authority)]
            else:
                issuers = issuing_authorities(store.read_authorities(connection))
        return [self._provisioned(principal, role, issuer, algorithm) for issuer in issuers]

    def _provisioned(
        self, principal: Principal, role: KeyRole, authority: Authority, kind: str
    ) -> Certificate:
        profile = self._profiles.get(PROFILES[role])
        wanted = algorithm(kind or self._kind(role, authority.id))
        profile.check_key(wanted)
        key = self._signer.generate(f"{role}-{secrets.token_hex(4)}", role, wanted.name)
        with self._database.begin() as uow:
            unit = principal.unit or self._unit(uow.connection, role, authority.id)
            subject = profile.complete_subject(_subject(role, authority))
            token = self._issuance.prepare(
                uow, principal, authority, Wanted(profile, subject, (), key.spki, unit)
            )
        issued = self._issuance.sign(token)
        with self._database.begin() as uow:
            row = {"role": str(role), "key": key.name, "algorithm": key.algorithm, "authority": authority.id}
            each = role is KeyRole.OCSP
            store.put_service(uow.connection, {**row, "certificate": issued.der}, each_authority=each)
            details = {"serial": issued.serial, "key": sha256_hex(key.spki), "authority": authority.id}
            uow.audit(principal, AuditAction.CA_SERVICE_PROVISION, f"service:{role}", details=details)
        return issued

    def _kind(self, role: KeyRole, authority: str) -> str:
        """The algorithm of the service's present key."""
        with self._database.read() as connection:
            row = store.read_service(connection, role, authority if role is KeyRole.OCSP else "")
        return KEY_KIND if row is None else str(row.algorithm)

    @staticmethod
    def _unit(connection: Connection, role: KeyRole, authority: str) -> str:
        """Whose the service's certificate is that the worker renews."""
        row = store.read_service(connection, role, authority if role is KeyRole.OCSP else "")
        old = (
            store.certificate_by_fingerprint(connection, sha256_hex(bytes(row.certificate))) if row else None
        )
        return old.unit if old else ""

    def ready(self, role: KeyRole) -> bool:
        """Whether the service has a key: the OCSP responder of every CA that issues, or the only one of its role."""
        with self._database.read() as connection:
            provided = {row.authority for row in store.read_services(connection) if row.role == role}
            issuing = {one.id for one in issuing_authorities(store.read_authorities(connection))}
        return provided >= issuing if role is KeyRole.OCSP else bool(provided)

    def key(self, role: KeyRole) -> ServiceKey:
        """The service's key; Unavailable before it was provisioned."""
        with self._database.read() as connection:
            row = store.read_service(connection, role)
            if row is None:
                raise Unavailable(
                    N_("The service %(role)s has no key yet."),
                    mend=N_("Run: weicheng ca provision."),
                    role=str(role),
                )
            chain = [store.read_authority(connection, row.authority).certificate]
        return ServiceKey(
            self._signer, row.key, Purpose(str(role)), algorithm(row.algorithm), bytes(row.certificate), chain
        )

    def seal(self, content: bytes) -> bytes:
        """Detached CMS over ``content`` by the evidence key."""
        return cms.sign(self.key(KeyRole.EVIDENCE), content)


def _subject(role: KeyRole, authority: Authority) -> dict[str, str]:
    """The service's name: the CA's organisation, and for a responder the CA that it speaks for."""
    own = x509.load_der_x509_certificate(authority.certificate).subject
    organisation = str(own.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    called = authority.name if role is KeyRole.OCSP else organisation
    title = TITLES[role]
    return {"O": organisation, "CN": f"{called[: 63 - len(title)]} {title}"}
