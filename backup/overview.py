"""Where each plan stands: the matrix plan x site x layer, what is due, what a plan can not keep."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backup import store
from backup.model import Drill, Level, Plan, Verdict, Verification
from backup.plans import longest_gap
from backup.receipts import Receipt
from backup.room import Room
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_

TRY_AGAIN = timedelta(minutes=10)


def matrix(room: Room, plan: Plan) -> list[dict[str, Any]]:
    """One row a site and set: what was proved there last, when, and how old the data and the longest-unread byte are."""
    now = room.clock.now()
    with room.database.read() as connection:
        receipts = store.receipts_of(connection, plan.id)
        replicas = store.replica_rows(connection, plan.id)
        verifications = store.verifications_of(connection, plan.id, limit=500)
        drills = store.drills_of(connection, plan.id, limit=500)
        coverage = {site.name: store.coverage_of(connection, plan.id, site.name) for site in plan.sites}
    rows: list[dict[str, Any]] = []
    for site in plan.sites:
        held = replicas.get(site.name)
        receipt = next((r for r in reversed(receipts) if held and r.seq == held.receipt), None)
        looked = next((found for found in verifications if found.site == site.name), None)
        proof = _proof(looked, next((drill for drill in drills if drill.site == site.name), None))
        about = {
            "plan": plan.id,
            "site": site.name,
            "kind": str(site.kind),
            "receipt": receipt.seq if receipt else 0,
            **proof,
            "proof_age_seconds": _age(proof["proved_at"], now),
            "oldest_read_seconds": _age(min(coverage[site.name].values(), default=None), now),
            "error": held.error if held else "",
        }
        rows += [
            {
                **about,
                "layer": str(planned.layer),
                "set": planned.source,
                "data_age_seconds": _data_age(receipt, planned.source, now),
            }
            for planned in plan.sets
        ]
    return rows


def due(room: Room, plan: Plan) -> list[str]:
    """The work whose scheduled time has passed since it was last done; a plan never run is due.

    A site that lags behind the newest receipt is tried again ten minutes after the last try.
    """
    with room.database.read() as connection:
        last = {work: store.latest(connection, plan.id, work) for work in ("run", "verify", "drill")}
        lagging = store.lagging_since(connection, plan.id)
    if last["run"] is None:
        return ["run"]
    # what was never verified or drilled is due at the first time after the first run
    scheduled = [
        work
        for work, cron in vars(plan.schedule).items()
        if cron and _passed(room, cron, last[work] or last["run"])
    ]
    if lagging is not None and room.clock.now() - lagging >= TRY_AGAIN and "run" not in scheduled:
        return ["replicate", *scheduled]
    return scheduled


def plan_faults(room: Room) -> list[WeichengError]:
    """Plans that ask for what is not here, or promise an RPO that their schedule can not keep."""
    return [fault for plan in room.book.plans.values() for fault in _faults_of(room, plan)]


def _faults_of(room: Room, plan: Plan) -> list[WeichengError]:
    faults: list[WeichengError] = []
    for kind, names, known in (
        ("sets", [entry.source for entry in plan.sets], room.sources),
        ("sites", [site.name for site in plan.sites], room.sites),
        ("checks", list(plan.checks), room.checks),
    ):
        faults += [
            Invalid(N_("This installation has no %(name)s."), place=f"{plan.id}: {kind}", name=name)
            for name in names
            if name not in known
        ]
    gap = longest_gap(plan.schedule.run, room.timezone)
    if gap > plan.aims.rpo:
        faults.append(
            Invalid(
                N_("The plan runs every %(gap)s minutes at best, but promises an RPO of %(rpo)s minutes."),
                mend=N_("Run it more often, or promise less."),
                place=f"{plan.id}: schedule",
                gap=int(gap.total_seconds() // 60),
                rpo=int(plan.aims.rpo.total_seconds() // 60),
            )
        )
    return faults


def _passed(room: Room, cron: str, last: datetime) -> bool:
    from kernel.jobs.queue import next_cron_time

    return next_cron_time(cron, last.astimezone(ZoneInfo(room.timezone))) <= room.clock.now()


def _proof(looked: Verification | None, drilled: Drill | None) -> dict[str, Any]:
    """The newest of a verification and a drill speaks; a drill that climbed on a verification speaks for both."""
    if drilled and (looked is None or drilled.finished_at >= looked.finished_at):
        return _said(drilled.reached, drilled.verdict, drilled.finished_at)
    if looked:
        return _said(looked.reached, looked.verdict, looked.finished_at)
    return {"level": "-", "verdict": str(Verdict.UNKNOWN), "proved_at": None}


def _said(reached: Level, verdict: Verdict, at: datetime) -> dict[str, Any]:
    return {"level": reached.name if reached > Level.NONE else "-", "verdict": str(verdict), "proved_at": at}


def _data_age(receipt: Receipt | None, source: str, now: datetime) -> int | None:
    stored = next((entry for entry in receipt.sets if entry.source == source), None) if receipt else None
    return _age(stored.as_of, now) if stored else None


def _age(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else int((now - moment) / timedelta(seconds=1))
