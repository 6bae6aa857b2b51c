"""What the use cases of this room work with, handed to each as one value."""

from collections.abc import Mapping
from dataclasses import dataclass

from backup.claims import Claims
from backup.inventory import Inventory, decode
from backup.model import Finding, FindingKind, Plan
from backup.plans import PlanBook
from backup.ports import ApplicationCheck, Engine, SiteStore, Source
from backup.receipts import Receipt
from kernel.blobs import BlobStore
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.store import Database


@dataclass(frozen=True)
class Room:
    """The room's surroundings: stores, engines by name, sources, sites and checks by the names that plans use."""

    database: Database
    clock: Clock
    blobs: BlobStore
    evidence: EvidenceService
    claims: Claims
    book: PlanBook
    engines: Mapping[str, Engine]
    sources: Mapping[str, Source]
    sites: Mapping[str, SiteStore]
    checks: Mapping[str, ApplicationCheck]
    timezone: str = "Asia/Shanghai"

    def engine(self, plan: Plan) -> Engine:
        return self.engines[plan.engine]

    def site(self, name: str) -> SiteStore:
        if name not in self.sites:
            known = ", ".join(sorted(self.sites)) or "-"
            raise NotFound(
                N_("There is no site %(site)s."), mend=N_("Known sites: %(known)s."), site=name, known=known
            )
        return self.sites[name]

    def inventory(self, receipt: Receipt) -> Inventory:
        """The files that the repository had when the receipt was made."""
        return decode(self.blobs.get(receipt.inventory))

    def sizes(self, plan: Plan, site: str) -> dict[str, int]:
        """Files and sizes of the plan's repository at a site, without locks."""
        engine, found = self.engine(plan), self.site(site).sizes(plan.id)
        return {name: size for name, size in found.items() if not engine.is_passing(name)}


def byte_finding(site: str, name: str, expected: str, actual: str, error: str) -> Finding | None:
    """The finding of one file that was read, or None when its bytes are the expected ones."""
    if error:
        return Finding(FindingKind.UNREADABLE, site, name, expected, error)
    return None if actual == expected else Finding(FindingKind.CHANGED, site, name, expected, actual)
