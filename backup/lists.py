"""Looking through plans, runs, receipts, verifications, drills and replicas: pages, single ones, and a plan's history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, and_, func, select

from backup import overview, store
from backup.codec import drill_of, receipt_of
from backup.model import Drill, Plan, Run, Verification
from backup.overview import Replica, Standing
from backup.receipts import GENESIS, Receipt
from backup.room import Room
from kernel.canonical import sha256_hex
from kernel.errors import NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Listing, Page, equals, page_of, since, until

T = TypeVar("T")
_runs, _receipts = store.backup_runs.c, store.backup_receipts.c
_verifications, _drills = store.backup_verifications.c, store.backup_drills.c
_before = store.backup_receipts.alias("before")


@dataclass(frozen=True)
class ListedReceipt:
    """A receipt, its bytes as stored, and whether these bytes and the tie to the receipt before it are sound."""

    receipt: Receipt
    body: str
    sound: bool


@dataclass(frozen=True)
class PlanState:
    """A plan with the worst standing of its places, its newest run, and what is wrong with its file."""

    plan: Plan
    standing: Standing
    replicas: tuple[Replica, ...]
    last: Run | None
    faults: tuple[str, ...]


@dataclass(frozen=True)
class HistoryEntry:
    """One run of a plan: how long it took until stored, and how much it read at the sources (None: nothing was stored)."""

    run: Run
    seconds: float | None
    octets: int | None


def _listed_receipt(row: Row[Any]) -> ListedReceipt:
    receipt = receipt_of(row.body, row.digest)
    tied = receipt.previous == (row.before or (GENESIS if row.seq == 1 else None))
    return ListedReceipt(receipt, row.body, tied and row.digest == sha256_hex(row.body.encode()))


RUNS = Listing(
    query=select(store.backup_runs),
    key=_runs.id,
    orders={"started_at": _runs.started_at},
    default="-started_at",
    row=store.run_of,
    text=(_runs.id, _runs.error),
    filters={
        "plan": equals(_runs.plan),
        "state": equals(_runs.state),
        "since": since(_runs.started_at),
        "until": until(_runs.started_at),
    },
    facets={"state": _runs.state},
)
RECEIPTS = Listing(
    query=select(store.backup_receipts, _before.c.digest.label("before")).join(
        _before, and_(_before.c.plan == _receipts.plan, _before.c.seq == _receipts.seq - 1), isouter=True
    ),
    key=_receipts.digest,
    orders={"at": _receipts.at},
    default="-at",
    row=_listed_receipt,
    text=(_receipts.digest,),
    filters={
        "plan": equals(_receipts.plan),
        "since": since(_receipts.at),
        "until": until(_receipts.at),
    },
)
VERIFICATIONS = Listing(
    query=select(store.backup_verifications),
    key=_verifications.id,
    orders={"finished_at": _verifications.finished_at},
    default="-finished_at",
    row=store.verification_of,
    text=(_verifications.id,),
    filters={
        "plan": equals(_verifications.plan),
        "site": equals(_verifications.site),
        "verdict": equals(_verifications.verdict),
        "since": since(_verifications.finished_at),
        "until": until(_verifications.finished_at),
    },
    facets={"verdict": _verifications.verdict},
)
DRILLS = Listing(
    query=select(store.backup_drills),
    key=_drills.id,
    orders={"decided_at": _drills.decided_at, "rto": _drills.rto},
    default="-decided_at",
    row=lambda row: drill_of({column.name: row._mapping[column] for column in store.backup_drills.c}),
    text=(_drills.id,),
    filters={
        "plan": equals(_drills.plan),
        "site": equals(_drills.site),
        "verdict": equals(_drills.verdict),
        "since": since(_drills.decided_at),
        "until": until(_drills.decided_at),
    },
    facets={"verdict": _drills.verdict},
)


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
        return self._page(RUNS, _runs.plan, principal, ask)

    def run(self, principal: Principal, run_id: str) -> Run:
        return self._item(RUNS, _runs.plan, principal, run_id)

    def receipts(self, principal: Principal, ask: Ask) -> Page[ListedReceipt]:
        """Filters: plan, since, until. By their digest, since numbers begin anew with each plan."""
        return self._page(RECEIPTS, _receipts.plan, principal, ask)

    def receipt(self, principal: Principal, digest: str) -> ListedReceipt:
        return self._item(RECEIPTS, _receipts.plan, principal, digest)

    def verifications(self, principal: Principal, ask: Ask) -> Page[Verification]:
        """Filters: plan, site, verdict, since, until (of the end)."""
        return self._page(VERIFICATIONS, _verifications.plan, principal, ask)

    def verification(self, principal: Principal, verification_id: str) -> Verification:
        return self._item(VERIFICATIONS, _verifications.plan, principal, verification_id)

    def drills(self, principal: Principal, ask: Ask) -> Page[Drill]:
        """Filters: plan, site, verdict, since, until (of the decision)."""
        return self._page(DRILLS, _drills.plan, principal, ask)

    def drill(self, principal: Principal, drill_id: str) -> Drill:
        return self._item(DRILLS, _drills.plan, principal, drill_id)

    def history(self, principal: Principal, plan_id: str, most: int = 60) -> list[HistoryEntry]:
        """The plan's newest runs, oldest first: what a picture shows."""
        plan = self.own_plan(principal, plan_id)
        joined = and_(_receipts.plan == _runs.plan, _receipts.seq == _runs.receipt)
        query = (
            select(store.backup_runs, _receipts.body)
            .join(store.backup_receipts, joined, isouter=True)
            .where(_runs.plan == plan.id)
            .order_by(_runs.started_at.desc(), _runs.id.desc())
        )
        with self._room.database.read() as connection:
            rows = connection.execute(query.limit(max(1, min(most, 500)))).all()
        return [_history(row) for row in reversed(rows)]

    # --- small things
    def _scope(self, column: ColumnElement[str], principal: Principal) -> ColumnElement[bool]:
        """One plan is read by the index of its own order; several by that of all rows, which SQLite would leave for that
        of the plan and a sort of every row, did the condition name the bare column."""
        ids = [plan.id for plan in self.own_plans(principal)]
        return column == ids[0] if len(ids) == 1 else func.coalesce(column, "").in_(ids)

    def _page(self, listing: Listing[T], plan: ColumnElement[str], principal: Principal, ask: Ask) -> Page[T]:
        scope = self._scope(plan, principal)
        with self._room.database.read() as connection:
            return listing.page(connection, ask, scope)

    def _item(self, listing: Listing[T], plan: ColumnElement[str], principal: Principal, wanted: str) -> T:
        query = listing.query.where(self._scope(plan, principal), listing.key == wanted)
        with self._room.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return listing.row(_there(row, wanted))

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


def _history(row: Row[Any]) -> HistoryEntry:
    run = store.run_of(row)
    seconds = (run.finished_at - run.started_at) / timedelta(seconds=1) if run.finished_at else None
    octets = sum(stored.bytes for stored in receipt_of(row.body, "").sets) if row.body else None
    return HistoryEntry(run, seconds, octets)


def _speaks_of(fault: WeichengError, plan: Plan) -> bool:
    return (fault.place or "").startswith(f"{plan.id}:")


def _there(found: T | None, name: str) -> T:
    if found is None:
        raise NotFound(N_("There is nothing named %(name)s among your backups."), name=name[:80])
    return found
