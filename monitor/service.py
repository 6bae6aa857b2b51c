"""Monitoring, put together: one object a subject, all over the same store and register."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kernel.assets.service import Register
from kernel.clock import Clock
from kernel.credentials import Credentials
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.store import Database
from monitor import store
from monitor.ports import EndpointProbe, SnmpClient
from monitor.services.base import Base
from monitor.services.endpoints import Endpoints
from monitor.services.findings import Findings
from monitor.services.network import Network
from monitor.services.notifications import Notifications
from monitor.services.polling import Polling
from monitor.services.records import Records
from monitor.thresholds import Threshold


@dataclass(frozen=True)
class Services:
    """What monitoring needs of the kernel."""

    database: Database
    clock: Clock
    access: Access
    register: Register
    credentials: Credentials
    evidence: EvidenceService


class MonitorService:
    """The room: ``polling``, ``network``, ``endpoints``, ``notifications``, ``findings``, ``records``."""

    def __init__(
        self,
        kernel: Services,
        client: SnmpClient,
        probe: EndpointProbe,
        thresholds: Sequence[Threshold],
        keep: timedelta = timedelta(days=400),
    ) -> None:
        base = Base(kernel.database, kernel.clock, kernel.access, kernel.register)
        self._base = base
        self._keep = keep
        self.findings = Findings(base)
        self.polling = Polling(base, kernel.credentials, client, thresholds)
        self.network = Network(base, self.findings)
        self.endpoints = Endpoints(base, self.findings, probe)
        self.notifications = Notifications(base)
        self.records = Records(base, kernel.evidence, self.polling, self.network, self.endpoints)

    def prune(self) -> dict[str, int]:
        """Delete samples and traps past their time; returns how many. For the worker alone: nobody loses what is shown."""
        before = self._base.clock.now() - self._keep
        with self._base.database.begin() as uow:
            return {
                "samples": store.delete_samples(uow.connection, before),
                "traps": store.delete_traps(uow.connection, before),
            }
