"""The certificate authority as its users and its neighbours see it: one object over the parts."""

from dataclasses import dataclass

from ca import store
from ca.bulk.service import BulkRevocations
from ca.directory import Directory
from ca.ends.service import Ends
from ca.hierarchy.ceremony import Ceremonies
from ca.hierarchy.resumption import Resumptions
from ca.hierarchy.service import Hierarchy
from ca.impact import Impacts
from ca.intents import Intents
from ca.inventory.service import Inventory
from ca.issuance import Issuance
from ca.model import Authority, AuthorityKind, State
from ca.overview import Overview
from ca.profiles import Profiles
from ca.profiles.changing import ProfileChanges
from ca.provisioning import Services
from ca.registration.blocklists import Blocklists
from ca.registration.holders import Holders
from ca.registration.phrases import Phrases
from ca.registration.renewals import Renewals
from ca.registration.service import Registration
from ca.signer.custody import Custody
from ca.signer.model import KeyRole
from ca.status.lifecycle import Lifecycle
from ca.status.preparing import Preparation
from ca.status.proofs import Proofs
from ca.status.publication import Publication
from ca.status.responder import Responder
from ca.status.revocations import Revocations
from ca.status.shown import Lists
from ca.status.standing import RelyingParty
from ca.timestamps.service import Timestamps
from ca.transparency.service import TransparencyLog
from ca.validation.anchors import Anchors
from ca.validation.service import Validations
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.store import Database


@dataclass(frozen=True)
class Issuing:
    """From a profile to a signed certificate, and the keys that sign."""

    profiles: Profiles
    profile_changes: ProfileChanges
    issuance: Issuance
    intents: Intents
    services: Services
    custody: Custody


@dataclass(frozen=True)
class Status:
    """Hold, release, revoke; and what relying parties are told of it."""

    lifecycle: Lifecycle
    revocations: Revocations
    resumptions: Resumptions
    publication: Publication
    lists: Lists
    responder: Responder
    preparation: Preparation
    proofs: Proofs
    relying_party: RelyingParty


@dataclass(frozen=True)
class Relying:
    """What relying parties ask beyond the status of a certificate."""

    timestamps: Timestamps
    log: TransparencyLog
    validations: Validations
    anchors: Anchors
    directory: Directory


@dataclass(frozen=True)
class Registering:
    """Applicants, registrars and holders."""

    registration: Registration
    blocklists: Blocklists
    telephone: Phrases
    renewals: Renewals
    holders: Holders


@dataclass(frozen=True)
class Insight:
    """How everything stands, what certificates are at work where, what hangs on them."""

    overview: Overview
    ends: Ends
    impacts: Impacts
    inventory: Inventory
    bulk: BulkRevocations


@dataclass(frozen=True)
class CaService(Issuing, Status, Relying, Registering, Insight):
    """The parts of the CA; each checks permissions itself."""

    database: Database
    clock: Clock
    hierarchy: Hierarchy

    @property
    def ceremonies(self) -> Ceremonies:
        return self.hierarchy.ceremonies

    def authorities(self) -> list[Authority]:
        """Root and issuing CAs, superior first; public knowledge."""
        with self.database.read() as connection:
            return store.read_authorities(connection)

    def authority(self, authority_id: str) -> Authority:
        with self.database.read() as connection:
            return store.read_authority(connection, authority_id)

    def counts(self) -> dict[str, int]:
        """Number of certificates in each state."""
        with self.database.read() as connection:
            return store.counts(connection)

    # --- for the floor: sign-in by certificate and the sealing of evidence
    def is_good(self, certificate: bytes) -> bool:
        """Whether a DER certificate was issued here, is in its time, and neither held nor revoked."""
        with self.database.read() as connection:
            found = store.certificate_by_fingerprint(connection, sha256_hex(certificate))
        if found is None or found.state not in (State.ISSUED, State.SUPERSEDED):
            return False
        return found.not_before <= self.clock.now() < found.not_after

    def can_seal(self) -> bool:
        return self.services.ready(KeyRole.EVIDENCE) and self.services.ready(KeyRole.TIMESTAMP)

    def seal_certificates(self) -> tuple[list[bytes], list[bytes]]:
        """(roots, issuing certificates) by which seals are verified."""
        found = self.authorities()
        roots = [one.certificate for one in found if one.kind is AuthorityKind.ROOT]
        return roots, [one.certificate for one in found if one.kind is AuthorityKind.ISSUING]
