"""Building the certificate authority: profiles from policies, keys in the signer's process, each part from those below it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ca.bulk.service import BulkRevocations
from ca.directory import Directory
from ca.ends.service import Ends
from ca.hierarchy.resumption import Resumptions
from ca.hierarchy.sealing import Seals
from ca.hierarchy.service import Hierarchy, build_hierarchy
from ca.impact import Impacts
from ca.intents import Intents
from ca.inventory.scanning import TlsScanner
from ca.inventory.service import Feed, Inventory, Scanner
from ca.issuance import Issuance
from ca.overview import Overview
from ca.profiles import Profiles
from ca.profiles.changing import ProfileChanges
from ca.provisioning import Services
from ca.registration.blocklists import Blocklists
from ca.registration.holders import Holders
from ca.registration.phrases import Phrases
from ca.registration.renewals import Renewals
from ca.registration.service import Registration
from ca.scopes import ListRules
from ca.service import CaService, Insight, Issuing, Registering, Relying, Status
from ca.signer.client import SocketSigner
from ca.signer.control import SignerControl
from ca.signer.custody import Custody
from ca.signer.model import WHERE_POSSIBLE, ApprovalRules
from ca.status.files import ListFiles
from ca.status.lifecycle import Lifecycle
from ca.status.making import ListMaker
from ca.status.marking import Marking
from ca.status.preparing import Preparation
from ca.status.proofs import Proofs
from ca.status.publication import Publication
from ca.status.responder import Responder
from ca.status.revocations import Revocations
from ca.status.shown import Lists
from ca.status.standing import RelyingParty
from ca.timestamps.service import Rules, Timestamps
from ca.transparency.service import TransparencyLog
from ca.validation.anchors import Anchors
from ca.validation.service import Validations
from console.compose.credential import approval_rules, signer_credential
from console.compose.floor import Floor
from kernel.assets.service import Register
from kernel.clock import Clock
from kernel.config import Settings
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.secrets import SecretBox
from kernel.store import Database
from policies.registry import load, read_one


@dataclass(frozen=True)
class Means:
    """What the CA is built on: the floor's services, the signer, its folders (``data`` for itself, ``published`` for revocation
    lists), and its rules as they are set."""

    database: Database
    clock: Clock
    access: Access
    approvals: Approvals
    register: Register
    evidence: EvidenceService
    box: SecretBox
    signer: SocketSigner
    data: Path
    published: Path
    lists: ListRules
    stamping: Rules = field(default_factory=Rules)
    approving: ApprovalRules = WHERE_POSSIBLE
    scanner: Scanner = field(default_factory=TlsScanner)
    feed: Feed = tuple


@dataclass(frozen=True)
class Publishing:
    """How a change of status reaches the revocation lists: what issues nothing and tells everybody."""

    files: ListFiles
    maker: ListMaker
    publication: Publication
    marking: Marking


def build(floor: Floor, feed: Feed = tuple) -> CaService:
    """The CA over one floor. The signer need not run yet: it is asked when something is to be signed."""
    settings = floor.settings
    means = Means(
        database=floor.database,
        clock=floor.clock,
        access=floor.access,
        approvals=floor.approvals,
        register=floor.register,
        evidence=floor.evidence,
        box=floor.box,
        signer=SocketSigner(settings.signer_socket, signer_credential(settings)),
        data=settings.data_dir,
        published=settings.crl_folder,
        lists=_list_rules(settings),
        stamping=_stamping(settings),
        approving=approval_rules(settings),
        feed=feed,
    )
    return compose(means)


def compose(m: Means) -> CaService:
    """The CA, from the bottom up: issuing, status, what relying parties ask, registration, hierarchy, insight."""
    issuing = _issuing(m)
    publishing = _publishing(m)
    status, relying = _status(m, publishing), _relying(m, issuing)
    registering = _registering(m, issuing, publishing)
    hierarchy = _hierarchy(m, issuing, publishing, relying)
    parts = (issuing, status, relying, registering, _insight(m, issuing, publishing))
    named = {name: part for group in parts for name, part in vars(group).items()}
    return CaService(database=m.database, clock=m.clock, hierarchy=hierarchy, **named)


def _issuing(m: Means) -> Issuing:
    profiles = Profiles(m.database, m.clock, _documents("cert_profiles"))
    issuance = Issuance(m.database, m.clock, m.signer, profiles, m.evidence, m.lists)
    return Issuing(
        profiles=profiles,
        profile_changes=ProfileChanges(
            m.database, m.clock, m.access, m.approvals, profiles, lambda data: read_one(data, "cert_profiles")
        ),
        issuance=issuance,
        intents=Intents(m.database, m.access, profiles, issuance),
        services=Services(m.database, m.clock, m.access, m.signer, profiles, issuance),
        custody=Custody(m.database, m.access, SignerControl(m.signer)),
    )


def _publishing(m: Means) -> Publishing:
    files = ListFiles(m.published)
    maker = ListMaker(m.database, m.clock, m.signer, files, m.lists)
    publication = Publication(m.database, m.clock, m.access, maker, files, m.lists)
    return Publishing(files, maker, publication, Marking(m.database, m.clock, publication, m.evidence))


def _status(m: Means, publishing: Publishing) -> Status:
    marking, files = publishing.marking, publishing.files
    responder = Responder(m.database, m.clock, m.signer)
    return Status(
        lifecycle=Lifecycle(m.database, m.clock, m.access, marking),
        revocations=Revocations(m.database, m.access, m.approvals, marking),
        resumptions=Resumptions(m.database, m.clock, m.access, m.approvals, publishing.publication, files),
        publication=publishing.publication,
        lists=Lists(m.database, m.clock, m.access, files, m.lists),
        responder=responder,
        preparation=Preparation(m.database, m.clock, m.access, m.signer, responder),
        proofs=Proofs(m.database, m.clock, m.access, m.evidence),
        relying_party=RelyingParty(m.database, m.access, responder, files),
    )


def _relying(m: Means, issuing: Issuing) -> Relying:
    return Relying(
        timestamps=Timestamps(m.database, m.clock, m.access, issuing.services, m.stamping),
        log=TransparencyLog(
            m.database, m.clock, m.access, m.approvals, issuing.services, m.data / "transparency"
        ),
        validations=Validations(m.database, m.clock, m.access, m.evidence),
        anchors=Anchors(m.database, m.clock, m.access, m.approvals),
        directory=Directory(m.database, m.clock, issuing.profiles),
    )


def _registering(m: Means, issuing: Issuing, publishing: Publishing) -> Registering:
    blocklists = Blocklists(m.data / "blocklists", m.database, m.access)
    registration = Registration(
        m.database,
        m.clock,
        m.access,
        m.approvals,
        issuing.profiles,
        issuing.issuance,
        m.box,
        blocklists,
        m.evidence,
        m.approving,
    )
    return Registering(
        registration=registration,
        blocklists=blocklists,
        telephone=Phrases(m.database, m.clock, m.access, publishing.marking),
        renewals=Renewals(m.database, m.clock, m.access, issuing.profiles),
        holders=Holders(m.database, m.access, registration.filing, publishing.marking),
    )


def _hierarchy(m: Means, issuing: Issuing, publishing: Publishing, relying: Relying) -> Hierarchy:
    return build_hierarchy(
        m.database,
        m.clock,
        m.access,
        m.approvals,
        m.signer,
        issuing.profiles,
        issuing.issuance,
        publishing.maker,
        m.evidence,
        Seals(issuing.services, relying.timestamps),
        _documents("hierarchies"),
    )


def _insight(m: Means, issuing: Issuing, publishing: Publishing) -> Insight:
    return Insight(
        overview=Overview(m.database, m.clock, m.access, issuing.profiles),
        ends=Ends(m.database, m.clock, m.access),
        impacts=Impacts(m.database, m.access),
        inventory=Inventory(
            m.database, m.clock, m.access, m.register, m.evidence, issuing.profiles, m.scanner, m.feed
        ),
        bulk=BulkRevocations(m.database, m.access, m.approvals, publishing.marking),
    )


def _documents(part: str) -> Iterator[Mapping[str, Any]]:
    """What the policies ship of a kind."""
    return (document.value for document in load(part=part).documents)


def _stamping(settings: Settings) -> Rules:
    """The time-stamping authority's rules as they are set."""
    given = settings.timestamps
    keep = timedelta(days=given.register_days)
    return Rules(given.accuracy_seconds, given.synchronised, keep, given.per_minute)


def _list_rules(settings: Settings) -> ListRules:
    given = settings.status
    every = timedelta(minutes=given.crl_full_minutes)
    return ListRules(given.public_url, given.crl_shards, every, given.crl_history)
