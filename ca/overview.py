"""What the CA is and how it stands: profiles, authorities, CRLs, services, and what ends when. Only looks."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from cryptography import x509
from sqlalchemy import Connection, Row

from ca import figures, store
from ca.authorities import issuing_authorities
from ca.model import (
    Authority,
    AuthorityStatus,
    ChainLink,
    Freshness,
    ServiceStatus,
    Span,
    State,
)
from ca.profiles import Profile, Profiles
from ca.provisioning import PROFILES
from ca.signer.model import KeyRole
from ca.tables import certificates
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_, current_language
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.pki.names import name_text
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

T = TypeVar("T")
_LATE = timedelta(hours=1)  # the worker renews lists every ten minutes, certificates every night


class Overview:
    """The CA's own objects, of which there are few, as lists; and its figures."""

    def __init__(self, database: Database, clock: Clock, access: Access, profiles: Profiles) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._profiles = profiles

    # --- profiles
    def profiles(self, principal: Principal, ask: Ask) -> Page[Profile]:
        """Kinds of certificates. Filter: usage."""
        self._access.require(principal, Permission.CA_READ)
        return page_of(
            self._profiles.all(),
            ask,
            key=lambda profile: profile.id,
            text=lambda profile: (profile.id, *profile.title.values()),
            filters={"usage": lambda profile: str(profile.usage)},
            facets=("usage",),
        )

    def profile(self, principal: Principal, profile_id: str) -> Profile:
        self._access.require(principal, Permission.CA_READ)
        return self._profiles.get(profile_id)

    # --- authorities
    def authorities(self, principal: Principal, ask: Ask) -> Page[AuthorityStatus]:
        """Root, issuing and superior CAs, superior first. Filters: state, kind, working (what its key signs)."""
        self._access.require(principal, Permission.CA_READ)
        found = self._authorities()
        order = {one.authority.id: place for place, one in enumerate(found)}
        return page_of(
            found,
            ask,
            key=lambda one: one.authority.id,
            text=lambda one: (one.authority.id, one.authority.name, one.serial, one.fingerprint),
            filters={
                "state": lambda one: str(one.state),
                "kind": lambda one: str(one.authority.kind),
                "working": lambda one: str(one.authority.state),
            },
            orders={"rank": lambda one: order[one.authority.id]},
            default="rank",
        )

    def authority(self, principal: Principal, authority_id: str) -> AuthorityStatus:
        self._access.require(principal, Permission.CA_READ)
        return _of(self._authorities(), authority_id, lambda one: one.authority.id)

    def _authorities(self) -> list[AuthorityStatus]:
        with self._database.read() as connection:
            links = self._links(connection)
            living = figures.living(connection)
        return [
            AuthorityStatus(
                authority=authority,
                serial=link.serial,
                not_before=x509.load_der_x509_certificate(authority.certificate).not_valid_before_utc,
                not_after=link.not_after,
                fingerprint=sha256_hex(authority.certificate),
                state=link.state,
                certificates=living.get(authority.id, 0),
            )
            for authority, link in links
        ]

    def _links(self, connection: Connection) -> list[tuple[Authority, ChainLink]]:
        """Each CA with its own certificate, superior first; a root's is not in the register."""
        found = store.read_authorities(connection)
        states = figures.states_of(connection, [sha256_hex(one.certificate) for one in found])
        return [
            (one, self._link(one, states.get(sha256_hex(one.certificate), State.ISSUED))) for one in found
        ]

    def _link(self, authority: Authority, state: State) -> ChainLink:
        own = x509.load_der_x509_certificate(authority.certificate)
        ends = own.not_valid_after_utc
        return ChainLink(
            serial=f"{own.serial_number:032x}",
            subject=name_text(own.subject),
            state=State.EXPIRED if self._clock.now() >= ends else state,
            not_after=ends,
            authority=authority.id,
        )

    # --- services
    def services(self, principal: Principal, ask: Ask) -> Page[ServiceStatus]:
        """The suite's own services that work with a certificate. Filter: state."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = self._services(connection)
        return page_of(
            found,
            ask,
            key=lambda service: service.id,
            text=lambda service: (service.id, service.subject, service.serial),
            filters={"state": lambda service: str(service.state)},
        )

    def service(self, principal: Principal, service_id: str) -> ServiceStatus:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = {one.id: one for one in self._services(connection)}
        if service_id not in found:
            raise NotFound(N_("There is no service %(role)s."), role=service_id[:60])
        return found[service_id]

    def _services(self, connection: Connection) -> list[ServiceStatus]:
        """A responder for each issuing CA, and one of each other service, whether they have keys yet or not."""
        held = {(row.role, row.authority): row for row in store.read_services(connection)}
        single = {role: row for (role, _), row in held.items()}
        speaking = issuing_authorities(store.read_authorities(connection))
        wanted = [(KeyRole.OCSP, one.id, held.get((KeyRole.OCSP, one.id))) for one in speaking]
        wanted += [(role, "", single.get(role)) for role in PROFILES if role is not KeyRole.OCSP]
        ahead = {profile.id: profile.renewal for profile in self._profiles.all()}  # read once for all
        return [self._service(*one, ahead[PROFILES[one[0]]]) for one in wanted]

    def _service(
        self, role: KeyRole, authority: str, row: Row[Any] | None, ahead: timedelta
    ) -> ServiceStatus:
        service_id = f"{role}-{authority}" if authority else str(role)
        if row is None:
            return ServiceStatus(service_id, str(role), Freshness.MISSING, authority)
        certificate = x509.load_der_x509_certificate(bytes(row.certificate))
        ends, now = certificate.not_valid_after_utc, self._clock.now()
        due = now >= ends - ahead + timedelta(days=1)
        return ServiceStatus(
            id=service_id,
            role=str(role),
            state=Freshness.ENDED if now >= ends else Freshness.DUE if due else Freshness.GOOD,
            authority=row.authority,
            serial=f"{certificate.serial_number:032x}",
            subject=name_text(certificate.subject),
            algorithm=row.algorithm,
            not_after=ends,
            certificate=bytes(row.certificate),
        )

    # --- certificates
    def chain(self, principal: Principal, serial: str) -> list[ChainLink]:
        """From the root to the certificate; one of a unit the principal does not see is NotFound."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.read_certificate(connection, serial)
            if not self._access.covers(principal, found.unit):
                raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
            links = {authority.id: (authority, link) for authority, link in self._links(connection)}
        own = next((one.id for one, _ in links.values() if one.certificate == found.der), None)
        chain = [ChainLink(found.serial, found.subject, found.state, found.not_after, own)]
        above: str | None = found.authority
        while above is not None:
            authority, link = links[above]
            chain.insert(0, link)
            above = authority.parent
        return chain

    def chain_certificates(self, principal: Principal, serial: str) -> list[bytes]:
        """DER of the certificate and of those above it, the root last; as in ``chain``."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.read_certificate(connection, serial)
            if not self._access.covers(principal, found.unit) or not found.der:
                raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
            chain = [found.der]
            above: str | None = found.authority
            while above is not None:
                authority = store.read_authority(connection, above)
                chain.append(authority.certificate)
                above = authority.parent
        return chain

    def counts(self, principal: Principal) -> dict[str, int]:
        """Number of certificates of the principal's units in each state."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return store.counts(connection, *self._access.seen(principal, certificates.c.unit))

    def ending(self, principal: Principal, bounds: Sequence[datetime]) -> list[Span]:
        """Certificates in use of the principal's units that end between each bound and the next."""
        self._access.require(principal, Permission.CA_READ)
        return self._counted(principal, bounds, figures.ending)

    def issued(self, principal: Principal, bounds: Sequence[datetime]) -> list[Span]:
        """Certificates of the principal's units that were issued between each bound and the next."""
        self._access.require(principal, Permission.CA_READ)
        return self._counted(principal, bounds, figures.issued)

    def _counted(
        self, principal: Principal, bounds: Sequence[datetime], count: Callable[..., list[int]]
    ) -> list[Span]:
        spans = list(pairwise(bounds))
        with self._database.read() as connection:
            numbers = count(connection, spans, self._access.seen(principal, certificates.c.unit))
        return [Span(start, end, number) for (start, end), number in zip(spans, numbers, strict=True)]


def _of(found: Sequence[T], authority_id: str, name: Callable[[T], str]) -> T:
    for one in found:
        if name(one) == authority_id:
            return one
    raise NotFound(N_("There is no CA %(id)s."), id=authority_id[:60])


def title(profile: Profile) -> str:
    """The profile's name in the reader's language."""
    return profile.title["en" if current_language() == "en" else "zh"]
