"""Disaster recovery: the use cases. Permissions are checked here; every act is audited with its data."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from backup import overview, store
from backup.drilling import hold_drill
from backup.levels import LevelTable
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


class BackupService:
    """Plans, runs, replicas, verification and drills."""

    def __init__(self, room: Room, access: Access) -> None:
        self._room = room
        self._access = access
        self._record = Recorder(room)

    # --- looking
    def plans(self, principal: Principal) -> list[Plan]:
        """The plans of the principal's units."""
        self._access.require(principal, Permission.BACKUP_READ)
        return [plan for plan in self._room.book.plans.values() if self._access.covers(principal, plan.unit)]

    def plan_faults(self, principal: Principal) -> list[WeichengError]:
        """Plan files that can not be used, and why."""
        self._access.require(principal, Permission.BACKUP_READ)
        return [*self._room.book.faults, *overview.plan_faults(self._room)]

    def levels(self, principal: Principal) -> list[LevelTable]:
        """The editions of the table of disaster-recovery levels, oldest first."""
        self._access.require(principal, Permission.BACKUP_READ)
        return [table for _edition, table in sorted(self._room.book.levels.items())]

    def status(self, principal: Principal) -> list[dict[str, Any]]:
        """The matrix plan x site x layer: level reached and when, age of the data, longest-unread byte."""
        return [row for plan in self.plans(principal) for row in overview.matrix(self._room, plan)]

    def runs(self, principal: Principal, plan_id: str) -> list[Run]:
        """Newest first."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_READ)
        with self._room.database.read() as connection:
            return store.runs_of(connection, plan.id)

    def receipts(self, principal: Principal, plan_id: str) -> list[Receipt]:
        """Oldest first; IntegrityFailed when their chain is broken."""
        return receipts_for(self._room, self._plan(principal, plan_id, Permission.BACKUP_READ))

    def verifications(self, principal: Principal, plan_id: str) -> list[Verification]:
        """Newest first."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_READ)
        with self._room.database.read() as connection:
            return store.verifications_of(connection, plan.id)

    def drills(self, principal: Principal, plan_id: str) -> list[Drill]:
        """Newest first."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_READ)
        with self._room.database.read() as connection:
            return store.drills_of(connection, plan.id)

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

    def request(self, principal: Principal, plan_id: str, work: str) -> str:
        """Queue a run, replication, verification or drill for the worker; returns the job's id."""
        self._access.require(principal, Permission.BACKUP_READ)
        wanted = {
            "run": Permission.BACKUP_RUN,
            "replicate": Permission.BACKUP_RUN,
            "verify": Permission.BACKUP_VERIFY,
            "drill": Permission.BACKUP_DRILL,
        }
        if work not in wanted:
            raise Invalid(
                N_("%(work)s is no work of a plan."), mend="run, replicate, verify, drill", work=work[:40]
            )
        plan = self._plan(principal, plan_id, wanted[work])
        with self._room.database.begin() as uow:
            job = uow.enqueue(_job(plan, work, principal.id))
            details = {"work": work, "job": job}
            uow.audit(principal, AuditAction.JOB_ENQUEUE, target(plan), unit=plan.unit, details=details)
        return job

    def queue_due(self, principal: Principal) -> list[str]:
        """Queue what the plans' schedules make due; returns the jobs' ids. A missed time is made up once."""
        self._access.require(principal, Permission.BACKUP_RUN)
        own = [plan for plan in self._room.book.plans.values() if self._access.covers(principal, plan.unit)]
        due = [(plan, work) for plan in own for work in overview.due(self._room, plan)]
        with self._room.database.begin() as uow:
            return [uow.enqueue(_job(plan, work, principal.id)) for plan, work in due]

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
        if not Level.V0 <= level <= Level.V3:
            raise Invalid(N_("Verification goes from V0 to V3."), mend=N_("Hold a drill for V4."))
        with self._room.claims.hold(plan.id, "verify"):
            found = self._look(plan, self._sites(plan, site), level, budget)
            with self._room.database.begin() as uow:
                for verification in found:
                    self._record.verified(uow, principal, plan, verification)
                judge_run(uow, plan, found)
        return found

    def mend(self, principal: Principal, plan_id: str, site: str) -> tuple[list[str], Verification]:
        """Replace what a full look finds damaged at ``site`` from a good site, and look again."""
        plan = self._plan(principal, plan_id, Permission.BACKUP_MEND)
        (name,) = self._sites(plan, site)
        with self._room.claims.hold(plan.id, "mend"):
            damaged = look_at(self._room, plan, name, Level.V2, None)
            mended = mend(self._room, plan, name, damaged.findings)
            again = look_at(self._room, plan, name, Level.V2, None)
            with self._room.database.begin() as uow:
                self._record.mended(uow, principal, plan, mended, again)
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
        plan = self._room.plan(plan_id)
        self._access.require(principal, permission, unit=plan.unit)
        return plan

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


def _job(plan: Plan, work: str, asked_by: str) -> JobRequest:
    return JobRequest(
        f"backup.{work}",
        {"plan": plan.id},
        key=f"backup.{work}:{plan.id}",
        unit=plan.unit,
        requested_by=asked_by,
    )
