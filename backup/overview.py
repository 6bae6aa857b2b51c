"""Where each plan stands: the matrix plan x site x layer, what is due, what a plan can not keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from backup import store
from backup.codec import drill_of, receipt_of
from backup.model import Drill, Layer, Level, Plan, PlannedSet, PlannedSite, Verdict, Verification
from backup.plans import longest_gap
from backup.receipts import Receipt
from backup.room import Room
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_

TRY_AGAIN = timedelta(minutes=10)


class Standing(StrEnum):
    """How a place stands, the worst first. Only PROVED is good: every byte was read and nothing is overdue."""

    DAMAGED = "damaged"  # the newest look or drill failed
    MISSING = "missing"  # no backup has reached the site
    LATE = "late"  # the data is older than the plan's RPO
    UNREACHABLE = "unreachable"  # the last copy to the site failed
    UNPROVEN = "unproven"  # never verified down to every byte, or the answer could not be read
    OLD_PROOF = "old-proof"  # verified, but longer ago than the plan's time of coverage
    PROVED = "proved"


@dataclass(frozen=True)
class Replica:
    """What one site holds of a plan and what is known of it. ``newest`` is the number of the plan's newest receipt."""

    plan: Plan
    site: PlannedSite
    newest: int
    receipt: Receipt | None
    copied_at: datetime | None
    error: str
    looked: Verification | None
    drilled: Drill | None
    oldest_read: datetime | None

    @property
    def id(self) -> str:
        return f"{self.plan.id}.{self.site.name}"

    @property
    def proof(self) -> tuple[Level, Verdict, datetime | None]:
        """Level, verdict and time of what speaks for the site: the newest verification or drill.

        A drill that asked nobody, or stands on no verification of its receipt, takes nothing from the one before it.
        """
        looked, drilled = self.looked, self.drilled
        if drilled and (looked is None or _outweighs(drilled, looked)):
            return drilled.reached, drilled.verdict, drilled.finished_at
        if looked:
            return looked.reached, looked.verdict, looked.finished_at
        return Level.NONE, Verdict.UNKNOWN, None

    def data_at(self, source: str) -> datetime | None:
        """The moment that the site's copy of a set shows."""
        sets = self.receipt.sets if self.receipt else ()
        return next((stored.as_of for stored in sets if stored.source == source), None)

    def standing(self, source: str, now: datetime) -> Standing:
        """How the set stands at this site."""
        level, verdict, proved_at = self.proof
        data_at = self.data_at(source)
        if verdict is Verdict.FAIL:
            return Standing.DAMAGED
        if data_at is None:
            return Standing.MISSING
        if now - data_at > self.plan.aims.rpo:
            return Standing.LATE
        if self.error:
            return Standing.UNREACHABLE
        if verdict is not Verdict.PASS or level < Level.V2 or proved_at is None:
            return Standing.UNPROVEN
        return Standing.OLD_PROOF if now - proved_at > self.plan.coverage else Standing.PROVED

    def worst(self, now: datetime) -> Standing:
        """The worst standing of the plan's sets here."""
        return worst(self.standing(planned.source, now) for planned in self.plan.sets)


@dataclass(frozen=True)
class Place:
    """One cell of the matrix. Ages in seconds at the time of asking; None: there is nothing to be dated."""

    plan: str
    site: str
    kind: str
    layer: Layer
    set: str
    standing: Standing
    receipt: int
    level: str
    verdict: str
    proved_at: datetime | None
    data_age_seconds: int | None
    proof_age_seconds: int | None
    oldest_read_seconds: int | None
    error: str


def worst(standings: Iterable[Standing]) -> Standing:
    """The first in the order of Standing."""
    order = list(Standing)
    return min(standings, key=order.index)


def replicas(room: Room, plans: Sequence[Plan]) -> list[Replica]:
    """Every site of the plans, in their order; three queries, however many there are."""
    names = [plan.id for plan in plans]
    with room.database.read() as connection:
        held = store.replicas_of(connection, names)
        looked = store.newest_of(connection, store.backup_verifications, names)
        drilled = store.newest_of(connection, store.backup_drills, names)
    found = []
    for plan in plans:
        for site in plan.sites:
            at = (plan.id, site.name)
            row, look, drill = held.get(at), looked.get(at), drilled.get(at)
            replica = Replica(
                plan=plan,
                site=site,
                newest=row.newest or 0 if row else 0,
                receipt=receipt_of(row.body, row.digest) if row and row.body else None,
                copied_at=row.copied_at if row else None,
                error=row.error if row else "",
                looked=store.verification_of(look) if look else None,
                drilled=drill_of(drill._mapping) if drill else None,
                oldest_read=row.read_at if row else None,
            )
            found.append(replica)
    return found


def places(found: Iterable[Replica], now: datetime) -> list[Place]:
    """The matrix: one cell a site and set."""
    return [_place(replica, planned, now) for replica in found for planned in replica.plan.sets]


def _place(replica: Replica, planned: PlannedSet, now: datetime) -> Place:
    level, verdict, proved_at = replica.proof
    return Place(
        plan=replica.plan.id,
        site=replica.site.name,
        kind=str(replica.site.kind),
        layer=planned.layer,
        set=planned.source,
        standing=replica.standing(planned.source, now),
        receipt=replica.receipt.seq if replica.receipt else 0,
        level=level_name(level),
        verdict=str(verdict),
        proved_at=proved_at,
        data_age_seconds=_age(replica.data_at(planned.source), now),
        proof_age_seconds=_age(proved_at, now),
        oldest_read_seconds=_age(replica.oldest_read, now),
        error=replica.error,
    )


def _outweighs(drilled: Drill, looked: Verification) -> bool:
    proves = drilled.verdict is Verdict.PASS and drilled.reached >= looked.reached
    return (proves or drilled.verdict is Verdict.FAIL) and drilled.finished_at >= looked.finished_at


def level_name(level: Level) -> str:
    """V0 to V5, ``-`` where none was reached."""
    return level.name if level > Level.NONE else "-"


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


def _age(moment: datetime | None, now: datetime) -> int | None:
    return None if moment is None else int((now - moment) / timedelta(seconds=1))
