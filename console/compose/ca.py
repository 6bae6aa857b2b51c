"""Building the certificate authority: profiles from policies, keys in the signer's process."""

from datetime import timedelta

from ca.bulk.service import BulkRevocations
from ca.directory import Directory
from ca.hierarchy.sealing import Seals
from ca.hierarchy.service import build_hierarchy
from ca.impact import Impacts
from ca.inventory.scanning import TlsScanner
from ca.inventory.service import Feed, Inventory
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
from ca.service import CaService
from ca.signer.client import SocketSigner
from ca.signer.control import SignerControl
from ca.signer.custody import Custody
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
from kernel.config import Settings
from policies.registry import load, read_one


def build(floor: Floor, feed: Feed = lambda: ()) -> CaService:
    """The CA over one floor. The signer need not run yet: it is asked when something is to be signed."""
    database, clock, access = floor.database, floor.clock, floor.access
    signer = SocketSigner(floor.settings.signer_socket, signer_credential(floor.settings))
    profiles = Profiles(
        database, clock, (document.value for document in load(part="cert_profiles").documents)
    )
    rules = _list_rules(floor.settings)
    files = ListFiles(floor.settings.crl_folder)
    maker = ListMaker(database, clock, signer, files, rules)
    issuance = Issuance(database, clock, signer, profiles, floor.evidence, rules)
    blocklists = Blocklists(floor.settings.data_dir / "blocklists", database, access)
    publication = Publication(database, clock, access, maker, files, rules)
    responder = Responder(database, clock, signer)
    marking = Marking(database, clock, publication, floor.evidence)
    services = Services(database, clock, access, signer, profiles, issuance)
    timestamps = Timestamps(database, clock, access, services, _stamping(floor.settings))
    registration = Registration(
        database,
        clock,
        access,
        floor.approvals,
        profiles,
        issuance,
        floor.box,
        blocklists,
        floor.evidence,
        approval_rules(floor.settings),
    )
    return CaService(
        database=database,
        clock=clock,
        profiles=profiles,
        profile_changes=ProfileChanges(
            database, clock, access, floor.approvals, profiles, lambda data: read_one(data, "cert_profiles")
        ),
        hierarchy=build_hierarchy(
            database,
            clock,
            access,
            floor.approvals,
            signer,
            profiles,
            issuance,
            maker,
            floor.evidence,
            Seals(services, timestamps),
            (document.value for document in load(part="hierarchies").documents),
        ),
        registration=registration,
        telephone=Phrases(database, clock, access, marking),
        renewals=Renewals(database, clock, access, profiles),
        holders=Holders(database, access, registration.filing, marking),
        blocklists=blocklists,
        lifecycle=Lifecycle(database, clock, access, marking),
        impacts=Impacts(database, access),
        revocations=Revocations(database, access, floor.approvals, marking),
        publication=publication,
        lists=Lists(database, clock, access, files, rules),
        responder=responder,
        preparation=Preparation(database, clock, access, signer, responder),
        proofs=Proofs(database, clock, access, floor.evidence),
        services=services,
        relying_party=RelyingParty(database, access, responder, files),
        overview=Overview(database, clock, access, profiles),
        validations=Validations(database, clock, access, floor.evidence),
        anchors=Anchors(database, clock, access, floor.approvals),
        inventory=Inventory(database, clock, access, floor.register, floor.evidence, TlsScanner(), feed),
        bulk=BulkRevocations(database, access, floor.approvals, marking),
        issuance=issuance,
        directory=Directory(database, clock, profiles),
        timestamps=timestamps,
        log=TransparencyLog(database, clock, access, services, floor.settings.data_dir / "transparency"),
        custody=Custody(database, access, SignerControl(signer)),
    )


def _stamping(settings: Settings) -> Rules:
    """The time-stamping authority's rules as they are set."""
    given = settings.timestamps
    keep = timedelta(days=given.register_days)
    return Rules(given.accuracy_seconds, given.synchronised, keep, given.per_minute)


def _list_rules(settings: Settings) -> ListRules:
    given = settings.status
    every = timedelta(minutes=given.crl_full_minutes)
    return ListRules(given.public_url, given.crl_shards, every, given.crl_history)
