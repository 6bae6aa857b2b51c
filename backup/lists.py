"""Looking through plans, runs, receipts, verifications, drills and replicas: pages, single ones, and a plan's history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from backup import listings, overview, store
from backup.listings import DRILLS, RECEIPTS, RUNS, VERIFICATIONS, HistoryEntry, ListedReceipt, OfPlans
from backup.model import Drill, Plan, Run, Verification
from backup.overview import Replica, Standing
from backup.room import Room
from kernel.errors import NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page, page_of

T = TypeVar("T")


@dataclass(frozen=True)
class PlanState:
    """A plan with the worst standing of its places, its newest run, and what is wrong with its file."""

    plan: Plan
    standing: Standing
    replicas: tuple[Replica, ...]
    last: Run | None
    faults: tuple[str, ...]


class BackupLists:
    """What the principal's units back up, page by page; things of other units are not there for them."""

    def __init__(self, room: Room, access: Access) -> None:
        self._room = room
        self._access = access

    # --- whose plans
    def own_plans(self, principal: Principal) -> list[Plan]:
        """The plans of the principal's units."""
        self._access.require(principal, Permission.BACKUP_READ)
        units = self._access.visible_units(principal)
        plans = self._room.book.plans.values()
        return [plan for plan in plans if units is None or plan.unit in units]

    def own_plan(self, principal: Principal, plan_id: str) -> Plan:
        """One of them; NotFound names those there are for the principal."""
        own = {plan.id: plan for plan in self.own_plans(principal)}
        if plan_id not in own:
            raise NotFound(
                N_("There is no backup plan %(plan)s."),
                mend=N_("Known plans: %(known)s."),
                plan=plan_id[:80],
                known=", ".join(sorted(own)) or "-",
            )
        return own[plan_id]

    # --- plans and replicas, which are few
    def plans(self, principal: Principal, ask: Ask) -> Page[PlanState]:
        """Filters: unit, standing."""
        return page_of(
            self._states(self.own_plans(principal)),
            ask,
            key=lambda state: state.plan.id,
            text=lambda state: (state.plan.id, state.plan.title.zh, state.plan.title.en),
            filters={"unit": lambda state: state.plan.unit, "standing": lambda state: str(state.standing)},
            facets=("standing",),
        )

    def plan(self, principal: Principal, plan_id: str) -> PlanState:
        return self._states([self.own_plan(principal, plan_id)])[0]

    def replicas(self, principal: Principal, ask: Ask) -> Page[Replica]:
        """Filters: plan, site, kind, standing."""
        now = self._room.clock.now()
        return page_of(
            overview.replicas(self._room, self.own_plans(principal)),
            ask,
            key=lambda replica: replica.id,
            text=lambda replica: (replica.id, replica.error),
            filters={
                "plan": lambda replica: replica.plan.id,
                "site": lambda replica: replica.site.name,
                "kind": lambda replica: str(replica.site.kind),
                "standing": lambda replica: str(replica.worst(now)),
            },
            facets=("standing",),
        )

    def replica(self, principal: Principal, replica_id: str) -> Replica:
        """By plan and site, as ``suite.remote``."""
        plan, _, site = replica_id.partition(".")
        found = overview.replicas(self._room, [self.own_plan(principal, plan)])
        return _there(next((one for one in found if one.site.name == site), None), replica_id)

    # --- what grows
    def runs(self, principal: Principal, ask: Ask) -> Page[Run]:
        """Filters: plan, state, since, until (of the start)."""
        return self._page(RUNS, principal, ask)

    def run(self, principal: Principal, run_id: str) -> Run:
        return self._item(RUNS, principal, run_id)

    def receipts(self, principal: Principal, ask: Ask) -> Page[ListedReceipt]:
        """Filters: plan, since, until. By their digest, since numbers begin anew with each plan."""
        return self._page(RECEIPTS, principal, ask)

    def receipt(self, principal: Principal, digest: str) -> ListedReceipt:
        return self._item(RECEIPTS, principal, digest)

    def verifications(self, principal: Principal, ask: Ask) -> Page[Verification]:
        """Filters: plan, site, verdict, since, until (of the end)."""
        return self._page(VERIFICATIONS, principal, ask)

    def verification(self, principal: Principal, verification_id: str) -> Verification:
        return self._item(VERIFICATIONS, principal, verification_id)

    def drills(self, principal: Principal, ask: Ask) -> Page[Drill]:
        """Filters: plan, site, verdict, since, until (of the decision)."""
        return self._page(DRILLS, principal, ask)

    def drill(self, principal: Principal, drill_id: str) -> Drill:
        return self._item(DRILLS, principal, drill_id)

    def history(self, principal: Principal, plan_id: str, most: int = 60) -> list[HistoryEntry]:
        """The plan's newest runs, oldest first: what a picture shows."""
        plan = self.own_plan(principal, plan_id)
        with self._room.database.read() as connection:
            return listings.history(connection, plan.id, max(1, min(most, 500)))

    # --- small things
    def _page(self, listed: OfPlans[T], principal: Principal, ask: Ask) -> Page[T]:
        plans = [plan.id for plan in self.own_plans(principal)]
        with self._room.database.read() as connection:
            return listed.page(connection, ask, plans)

    def _item(self, listed: OfPlans[T], principal: Principal, wanted: str) -> T:
        plans = [plan.id for plan in self.own_plans(principal)]
        with self._room.database.read() as connection:
            return _there(listed.item(connection, wanted, plans), wanted)

    def _states(self, plans: Sequence[Plan]) -> list[PlanState]:
        now, found = self._room.clock.now(), overview.replicas(self._room, plans)
        last = self._last_runs([plan.id for plan in plans])
        faults = overview.plan_faults(self._room)
        return [
            PlanState(
                plan=plan,
                standing=overview.worst(one.worst(now) for one in found if one.plan is plan),
                replicas=tuple(one for one in found if one.plan is plan),
                last=last.get(plan.id),
                faults=tuple(fault.text() for fault in faults if _speaks_of(fault, plan)),
            )
            for plan in plans
        ]

    def _last_runs(self, plans: Collection[str]) -> dict[str, Run]:
        with self._room.database.read() as connection:
            return store.last_runs(connection, plans)


def _speaks_of(fault: WeichengError, plan: Plan) -> bool:
    return (fault.place or "").startswith(f"{plan.id}:")


def _there(found: T | None, name: str) -> T:
    if found is None:
        raise NotFound(N_("There is nothing named %(name)s among your backups."), name=name[:80])
    return found
