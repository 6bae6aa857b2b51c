"""Use cases of the way in: who sends, how well it is understood, what was lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of
from siem.alerting import AssetLookup
from siem.model import SourceHealth
from siem.store import counters, root_unit, source_health

SILENT = timedelta(hours=24)  # a device without an event for a day has lost its way to us or its setting
POOR = 0.1  # share of lines that are not understood


class SourceState(StrEnum):
    """How a sender does: silent for a day, understood badly, or well."""

    GOOD = "good"
    POOR = "poor"
    SILENT = "silent"


@dataclass(frozen=True)
class SourceView:
    """A sender with the asset it is; ``id`` is a digest of its name, which may hold any character."""

    id: str
    health: SourceHealth
    state: SourceState
    asset: str
    asset_name: str
    unit: str


@dataclass(frozen=True)
class Loss:
    """Something the running (or last) collector could not keep, by cause."""

    name: str
    value: int
    updated_at: datetime


class SourceService:
    """Senders of the units the asker sees; what no asset claims belongs to the topmost unit."""

    def __init__(self, database: Database, clock: Clock, access: Access, assets: AssetLookup) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._assets = assets

    def page(self, principal: Principal, ask: Ask) -> Page[SourceView]:
        """By name; filters state and unit."""
        return page_of(
            self.all(principal),
            ask,
            key=lambda view: view.id,
            text=lambda view: (view.health.source, view.asset_name),
            filters={"state": lambda view: str(view.state), "unit": lambda view: view.unit},
            orders={
                "source": lambda view: view.health.source,
                "last_at": lambda view: view.health.last_at,
                "received": lambda view: view.health.received,
                "malformed": lambda view: view.health.malformed,
            },
            default="source",
            facets=("state",),
        )

    def all(self, principal: Principal) -> list[SourceView]:
        """Every sender the principal sees."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        visible = self._access.visible_units(principal)
        with self._database.read() as connection:
            root, found = root_unit(connection), source_health(connection)
        views = [self._view(health, root) for health in found]
        return [view for view in views if visible is None or view.unit in visible]

    def source(self, principal: Principal, source_id: str) -> SourceView:
        found = next((view for view in self.all(principal) if view.id == source_id), None)
        if found is None:
            raise NotFound(N_("There is no sender %(id)s."), id=source_id[:80])
        return found

    def losses(self, principal: Principal, ask: Ask) -> Page[Loss]:
        """What could not be kept, by cause."""
        self._access.require(principal, Permission.SIEM_EVENT_READ)
        with self._database.read() as connection:
            rows = connection.execute(select(counters)).all()
        return page_of(
            [Loss(row.name, row.value, row.updated_at) for row in rows], ask, key=lambda loss: loss.name
        )

    def _view(self, health: SourceHealth, root: str) -> SourceView:
        asset = self._assets.find(health.source)
        state = SourceState.GOOD
        if self._clock.now() - health.last_at >= SILENT:
            state = SourceState.SILENT
        elif health.malformed > POOR * health.received:
            state = SourceState.POOR
        return SourceView(
            id=sha256_hex(health.source.encode())[:32],
            health=health,
            state=state,
            asset=asset.id if asset else "",
            asset_name=asset.name if asset else "",
            unit=asset.unit if asset else root,
        )
