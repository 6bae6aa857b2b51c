"""Disaster recovery: the use cases. Permissions are checked here; every act is audited with its data."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from backup import overview, store
from backup.drilling import hold_drill, known_checks
from backup.levels import LevelTable
from backup.lists import BackupLists
from backup.model import (
    Drill,
    Level,
    Plan,
    ReplicaCopy,
    Run,
    RunResult,
    RunState,
    Verification,
)
from backup.overview import Place
from backup.ports import Progress, no_progress
from backup.receipts import Receipt
from backup.recording import Recorder, judge_run, target
from backup.replication import mend, replicate
from backup.room import Room
from backup.running import beat, make_receipt, store_sets, take_inventory
from backup.verifying import look_at, receipts_for
from kernel.audit.model import AuditAction
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.jobs.store import open_keys

_NEEDS = {
    "run": Permission.BACKUP_RUN,
    "replicate": Permission.BACKUP_RUN,
    "verify": Permission.BACKUP_VERIFY,
    "mend": Permission.BACKUP_MEND,
    "drill": Permission.BACKUP_DRILL,
}


class BackupService:
    """Plans, runs, replicas, verification and drills."""

    def __init__(self, room: Room, access: Access) -> None:
        self._room = room
        self._access = access
        self._record = Recorder(room)
        self.lists = BackupLists(room, access)

    # --- looking
    def plans(self, principal: Principal) -> list[Plan]:
        """The plans of the principal's units."""
        return self.lists.own_plans(principal)

    def plan_faults(self, principal: Principal) -> list[WeichengError]:
        """Plan files that can not be used, and why."""
        self._access.require(principal, Permission.BACKUP_READ)
        return [*self._room.book.faults, *overview.plan_faults(self._room)]

    def levels(self, principal: Principal) -> list[LevelTable]:
        """The editions of the table of disaster-recovery levels, oldest first."""
        self._access.require(principal, Permission.BACKUP_READ)
        return [table for _edition, table in sorted(self._room.book.levels.items())]

    def status(self, principal: Principal) -> list[Place]:
        """The matrix plan x site x layer: level reached and when, age of the data, longest-unread byte."""
        return overview.places(overview.replicas(self._room, self.plans(principal)), self._room.clock.now())

    def receipts(self, principal: Principal, plan_id: str) -> list[Receipt]:
        """Oldest first; IntegrityFailed when their chain is broken."""
        return receipts_for(self._room, self._plan(principal, plan_id, Permission.BACKUP_READ))

    # --- running
    def run(self, principal: Principal, plan_id: str, progress: Progress = no_progress) -> RunResult:
        """Run a plan now: store, receipt, replicas. Sets and sites that fail are named; the others go on."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_RUN)
        with self._room.claims.hold(plan.id, "run"):
            run = self._begin_run(principal, plan)
            try:
                receipt, faults = self._store(principal, plan, run, progress)
            except WeichengError as error:
                self._fail_run(principal, plan, run, error.text())
                raise
            except BaseException as error:
                self._fail_run(principal, plan, run, type(error).__name__)
                raise
            copies = self._replicate(principal, plan, run.id, faults)
        return RunResult(self._get(run.id), receipt.sets, tuple(copies))

    def preview(self, principal: Principal, plan_id: str) -> list[dict[str, Any]]:
        """What a run would store and where; nothing is done."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_RUN)
        return [
            {
                "set": planned.source,
                "layer": str(planned.layer),
                "available": planned.source in self._room.sources,
                "site": plan.primary.name,
            }
            for planned in plan.sets
        ]

    def replicate(self, principal: Principal, plan_id: str) -> list[ReplicaCopy]:
        """Bring every site up to the newest receipt, such as after a site could not be reached."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_RUN)
        with self._room.claims.hold(plan.id, "replicate"):
            newest = receipts_for(self._room, plan)[-1]
            return self._replicate(principal, plan, newest.run, [])

    def request(
        self,
        principal: Principal,
        plan_id: str,
        work: str,
        *,
        site: str | None = None,
        level: Level | None = None,
        checks: Sequence[str] = (),
        reason: str = "",
    ) -> str:
        """Queue work on a plan for the worker and return the job's id; what can not be done is refused at once.

        ``site`` for verify, mend and drill, ``level`` for verify, ``checks`` for a drill, ``reason`` for mend.
        """
        self._access.require(principal, Permission.BACKUP_READ)
        if work not in _NEEDS:
            raise Invalid(N_("%(work)s is no work of a plan."), mend=", ".join(_NEEDS), work=work[:40])
        plan = self._plan(principal, plan_id, _NEEDS[work])
        if work == "mend" and not (site and reason.strip()):
            raise Invalid(N_("Mending needs the site and the reason."), place="site" if reason else "reason")
        self._sites(plan, site)
        _verifiable(level or Level.V2)
        known_checks(self._room, checks)
        asked = {"site": site, "level": level.name if level is not None else None, "reason": reason}
        details: dict[str, Any] = {"checks": list(checks)} if checks else {}
        details |= {name: value for name, value in asked.items() if value}
        with self._room.database.begin() as uow:
            job = uow.enqueue(_job(plan, work, principal.id, details))
            self._record.queued(uow, principal, plan, work, job, details)
        return job

    def queue_due(self, principal: Principal) -> list[str]:
        """Queue what the plans' schedules make due; returns the new jobs' ids. A missed time is made up once."""
        self._access.require(principal, Permission.BACKUP_RUN)
        own = self.lists.own_plans(principal)
        due = [(plan, work) for plan in own for work in overview.due(self._room, plan)]
        queued = []
        with self._room.database.begin() as uow:
            waiting = open_keys(uow.connection, [_key(plan, work, {}) for plan, work in due])
            for plan, work in due:
                if _key(plan, work, {}) not in waiting:
                    queued.append(uow.enqueue(_job(plan, work, principal.id, {})))
                    self._record.queued(uow, principal, plan, work, queued[-1], {"due": True})
        return queued

    # --- proving
    def verify(
        self,
        principal: Principal,
        plan_id: str,
        site: str | None = None,
        level: Level = Level.V2,
        budget: int | None = None,
    ) -> list[Verification]:
        """Verify the plan's replica at one site or all, up to V3; ``budget`` in octets spreads the reading over time."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_VERIFY)
        _verifiable(level)
        with self._room.claims.hold(plan.id, "verify"):
            found = self._look(plan, self._sites(plan, site), level, budget)
            with self._room.database.begin() as uow:
                for verification in found:
                    self._record.verified(uow, principal, plan, verification)
                judge_run(uow, plan, found)
        return found

    def mend(
        self, principal: Principal, plan_id: str, site: str, *, reason: str
    ) -> tuple[list[str], Verification]:
        """Replace what a full look finds damaged at ``site`` from a good site, and look again."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_MEND)
        (name,) = self._sites(plan, site)
        with self._room.claims.hold(plan.id, "mend"):
            damaged = look_at(self._room, plan, name, Level.V2, None)
            mended = mend(self._room, plan, name, damaged.findings)
            again = look_at(self._room, plan, name, Level.V2, None)
            with self._room.database.begin() as uow:
                self._record.mended(uow, principal, plan, mended, again, reason)
        return mended, again

    def drill(
        self, principal: Principal, plan_id: str, site: str | None = None, checks: Sequence[str] = ()
    ) -> Drill:
        """Hold a restore drill from a site (the last of the plan when none is named) and record how it went."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_DRILL)
        (name,) = self._sites(plan, site or plan.sites[-1].name)
        with self._room.claims.hold(plan.id, "drill"):
            drill = hold_drill(self._room, plan, name, checks)
            with self._room.database.begin() as uow:
                self._record.drilled(uow, principal, plan, drill)
        return drill

    # --- steps of a run
    def _begin_run(self, principal: Principal, plan: Plan) -> Run:
        now = self._room.clock.now()
        run = Run(new_id("run"), plan.id, plan.unit, RunState.PLANNED, 0, "", now, None)
        with self._room.database.begin() as uow:
            store.insert_run(uow.connection, run)
            store.move_run(uow.connection, run.id, RunState.RUNNING)
            uow.audit(
                principal, AuditAction.BACKUP_RUN, target(plan), unit=plan.unit, details={"run": run.id}
            )
        beat(self._room, plan)
        return run

    def _store(
        self, principal: Principal, plan: Plan, run: Run, progress: Progress
    ) -> tuple[Receipt, list[str]]:
        with self._room.database.read() as connection:
            earlier = store.receipts_of(connection, plan.id)
        last = earlier[-1] if earlier else None
        sets, faults = store_sets(self._room, plan, progress)
        inventory, removed, reads = take_inventory(self._room, plan, last)
        receipt = make_receipt(self._room, plan, run.id, last, sets, inventory, removed)
        now = self._room.clock.now()
        with self._room.database.begin() as uow:
            store.insert_receipt(uow.connection, receipt)
            error = "; ".join(faults)
            store.move_run(
                uow.connection, run.id, RunState.STORED, receipt=receipt.seq, finished_at=now, error=error
            )
            store.put_coverage(uow.connection, plan.id, plan.primary.name, reads, now)
            store.drop_coverage(uow.connection, plan.id, removed)
            self._record.stored(uow, principal, plan, receipt, faults)
        return receipt, faults

    def _fail_run(self, principal: Principal, plan: Plan, run: Run, error: str) -> None:
        with self._room.database.begin() as uow:
            self._record.failed(uow, principal, plan, run, error)

    def _replicate(
        self, principal: Principal, plan: Plan, run_id: str, faults: list[str]
    ) -> list[ReplicaCopy]:
        receipts = receipts_for(self._room, plan)
        copies = replicate(self._room, plan, receipts)
        errors = [*faults, *(f"{copy.site}: {copy.error}" for copy in copies if copy.error)]
        everywhere = not any(copy.error for copy in copies)
        with self._room.database.begin() as uow:
            run = store.get_run(uow.connection, run_id)
            if everywhere and run.state is RunState.STORED:
                store.move_run(uow.connection, run_id, RunState.REPLICATED, error="; ".join(errors))
            elif not everywhere:
                store.note_error(uow.connection, run_id, "; ".join(errors))
            self._record.replicated(uow, principal, plan, receipts[-1], copies, errors)
        return copies

    def _look(self, plan: Plan, sites: list[str], level: Level, budget: int | None) -> list[Verification]:
        """All sites at once: each has its own disks, and most of the time is spent waiting for the engine."""
        with ThreadPoolExecutor(len(sites), "verify") as pool:
            looks = [
                pool.submit(copy_context().run, look_at, self._room, plan, site, level, budget)
                for site in sites
            ]
            return [look.result() for look in looks]

    # --- small things
    def _plan(self, principal: Principal, plan_id: str, permission: Permission) -> Plan:
        self._access.require(principal, permission)
        return self.lists.own_plan(principal, plan_id)

    def _sites(self, plan: Plan, site: str | None) -> list[str]:
        names = [planned.name for planned in plan.sites]
        if site is not None and site not in names:
            raise Invalid(
                N_("Plan %(plan)s has no site %(site)s."),
                mend=N_("Its sites: %(known)s."),
                plan=plan.id,
                site=site,
                known=", ".join(names),
            )
        return names if site is None else [site]

    def _get(self, run_id: str) -> Run:
        with self._room.database.read() as connection:
            return store.get_run(connection, run_id)


def _verifiable(level: Level) -> None:
    if not Level.V0 <= level <= Level.V3:
        raise Invalid(N_("Verification goes from V0 to V3."), mend=N_("Hold a drill for V4."))


def _key(plan: Plan, work: str, asked: Mapping[str, Any]) -> str:
    """The same work on the same site to the same level is one job while it is open."""
    parts = [str(asked[name]) for name in ("site", "level") if asked.get(name)]
    return ":".join((f"backup.{work}", plan.id, *parts))


def _job(plan: Plan, work: str, asked_by: str, asked: Mapping[str, Any]) -> JobRequest:
    return JobRequest(
        f"backup.{work}",
        {"plan": plan.id, **asked},
        key=_key(plan, work, asked),
        unit=plan.unit,
        requested_by=asked_by,
    )
