"""The floor, built: what every room's builder is handed."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from kernel.assets.service import Register
from kernel.audit.trail import AuditTrail
from kernel.blobs import BlobStore, FolderBlobs
from kernel.clock import Clock
from kernel.config import Settings
from kernel.credentials import Credentials
from kernel.events import Event, EventBus
from kernel.evidence.ports import Sealer
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.accounts import SqlAccounts
from kernel.identity.approvals import Approvals
from kernel.identity.first_run import FirstRun
from kernel.identity.four_eyes import FourEyes
from kernel.identity.origins import Origins
from kernel.identity.passwords import Passwords
from kernel.identity.ports import CertificateCheck
from kernel.identity.preferences import Preferences
from kernel.identity.service import IdentityService
from kernel.identity.sessions import Sessions
from kernel.identity.sign_in import SignIn, SignInRules
from kernel.identity.tokens import Tokens
from kernel.jobs.queue import JobQueue
from kernel.secrets import SecretBox
from kernel.store import Database


@dataclass(frozen=True)
class Floor:
    """The kernel's services over one database."""

    settings: Settings
    clock: Clock
    database: Database
    access: Access
    approvals: Approvals
    identity: IdentityService
    four_eyes: FourEyes
    first_run: FirstRun
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens
    preferences: Preferences
    register: Register
    credentials: Credentials
    evidence: EvidenceService
    jobs: JobQueue
    bus: EventBus
    blobs: BlobStore
    box: SecretBox
    trail: AuditTrail
    log: Any


def build_floor(settings: Settings, clock: Clock, certificates: CertificateCheck, sealer: Sealer) -> Floor:
    """Build the kernel's services; ``certificates`` and ``sealer`` are the CA's, which stands on this floor itself."""
    data = settings.data_dir
    log = structlog.get_logger("weicheng")
    database = Database(settings.database, clock)
    access = Access(database)
    box = SecretBox(data / "secrets" / "box.key")
    blobs = FolderBlobs(data / "blobs")
    accounts, passwords = SqlAccounts(), Passwords(settings.identity.password_length)
    rules = _sign_in_rules(settings)
    origins = Origins(clock, rules.origin_failures, rules.lock_for)
    identity = IdentityService(database, clock, access, accounts, passwords, box)
    return Floor(
        settings=settings,
        clock=clock,
        database=database,
        access=access,
        approvals=Approvals(clock, access),
        identity=identity,
        four_eyes=FourEyes(database, access, identity),
        first_run=FirstRun(database, accounts, identity, origins, data / "secrets" / "setup.code"),
        sign_in=SignIn(database, clock, access, accounts, passwords, box, certificates, rules, origins),
        sessions=Sessions(database, access, accounts),
        tokens=Tokens(database, clock, access, accounts),
        preferences=Preferences(database, clock),
        register=Register(database, clock, access),
        credentials=Credentials(database, clock, access, box),
        evidence=EvidenceService(database, clock, access, blobs, sealer),
        jobs=JobQueue(database, clock, access),
        bus=EventBus(database, partial(_failed, log)),
        blobs=blobs,
        box=box,
        trail=AuditTrail(database, access),
        log=log,
    )


def _sign_in_rules(settings: Settings) -> SignInRules:
    return SignInRules(
        lock_after=settings.identity.lock_after,
        lock_for=timedelta(minutes=settings.identity.lock_minutes),
        idle=timedelta(minutes=settings.web.idle_minutes),
        longest=timedelta(hours=settings.web.session_hours),
        origin_failures=settings.identity.origin_failures,
    )


def _failed(log: Any, subscriber: str, event: Event, error: Exception) -> None:
    """A subscriber could not take an event: it is told again later, and the log says so."""
    log.error("subscriber failed", subscriber=subscriber, event_id=event.id, kind=event.kind, exc_info=error)
