"""Backup plans and the replicas at their sites, with what one does about them. All work is done by the worker."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from backup.lists import PlanState
from backup.model import Level
from backup.overview import Replica, level_name
from backup.resources.labels import KINDS, LEVELS, PLAN, RUN_STATES, SITE, STANDINGS, VERDICTS, site_choices
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    Link,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_QUEUED = N_("Handed to the worker; the job tells how far it is.")
_LEVEL_TEXTS: Any = {"labels": {name: LEVELS[name].text for name in ("V0", "V1", "V2", "V3")}}
VerifyLevel = Literal["V0", "V1", "V2", "V3"]


class PlanRecord(Record):
    moving = frozenset({"standing", "last_run", "last_state", "last_at"})

    id: str
    title: str
    unit: str
    standing: str
    engine: str
    sets: tuple[str, ...]
    sites: tuple[str, ...]
    run: str
    verify: str
    drill: str
    rpo_minutes: int
    rto_minutes: int
    level: str
    checks: tuple[str, ...]
    last_run: str
    last_state: str
    last_at: datetime | None
    faults: tuple[str, ...]


class ReplicaRecord(Record):
    moving = frozenset({"standing"})

    id: str
    plan: str
    site: str
    unit: str
    kind: str
    standing: str
    receipt: int
    newest: int
    level: str
    verdict: str
    proved_at: datetime | None
    data_at: datetime | None
    oldest_read: datetime | None
    copied_at: datetime | None
    drilled_at: datetime | None
    drill: str
    drill_verdict: str
    rto_seconds: float | None
    rto_aim_seconds: int
    error: str


class Verify(Input):
    level: VerifyLevel = Field("V2", title=N_("Level to verify to"), json_schema_extra=_LEVEL_TEXTS)


class VerifyPlan(Verify):
    site: str = Field("", max_length=40, title=N_("Site"), description=N_("Empty: every site of the plan."))


class DrillPlan(Input):
    site: str = Field("", max_length=40, title=N_("Site"), description=N_("Empty: the plan's last site."))
    checks: tuple[str, ...] = Field(
        (),
        max_length=20,
        title=N_("Application checks"),
        description=N_("One a line; none: those of the plan."),
    )


def plan_record(state: PlanState) -> PlanRecord:
    plan, last = state.plan, state.last
    return PlanRecord(
        id=plan.id,
        title=plan.title.here,
        unit=plan.unit,
        standing=str(state.standing),
        engine=plan.engine,
        sets=tuple(planned.source for planned in plan.sets),
        sites=tuple(site.name for site in plan.sites),
        **vars(plan.schedule),
        rpo_minutes=int(plan.aims.rpo.total_seconds() // 60),
        rto_minutes=int(plan.aims.rto.total_seconds() // 60),
        level=f"{plan.aims.edition} / {plan.aims.level}",
        checks=plan.checks,
        last_run=last.id if last else "",
        last_state=str(last.state) if last else "",
        last_at=last.started_at if last else None,
        faults=state.faults,
    )


def replica_record(replica: Replica, standing: str) -> ReplicaRecord:
    level, verdict, proved_at = replica.proof
    dated = [replica.data_at(planned.source) for planned in replica.plan.sets]
    drilled = replica.drilled
    return ReplicaRecord(
        id=replica.id,
        plan=replica.plan.id,
        site=replica.site.name,
        unit=replica.plan.unit,
        kind=str(replica.site.kind),
        standing=standing,
        receipt=replica.receipt.seq if replica.receipt else 0,
        newest=replica.newest,
        level=level_name(level),
        verdict=str(verdict),
        proved_at=proved_at,
        data_at=min((at for at in dated if at), default=None),
        oldest_read=replica.oldest_read,
        copied_at=replica.copied_at,
        drilled_at=drilled.decided_at if drilled else None,
        drill=drilled.id if drilled else "",
        drill_verdict=str(drilled.verdict) if drilled else "",
        rto_seconds=drilled.rto if drilled else None,
        rto_aim_seconds=int(replica.plan.aims.rto.total_seconds()),
        error=replica.error,
    )


def _plans(app: Any, principal: Principal, ask: Ask) -> Page[PlanRecord]:
    return app.backup.lists.plans(principal, ask).map(plan_record)  # type: ignore[no-any-return]


def _plan(app: Any, principal: Principal, plan_id: str) -> PlanRecord:
    return plan_record(app.backup.lists.plan(principal, plan_id))


def _replicas(app: Any, principal: Principal, ask: Ask) -> Page[ReplicaRecord]:
    page = app.backup.lists.replicas(principal, ask)
    return page.map(lambda one: replica_record(one, one.worst(app.clock.now())))  # type: ignore[no-any-return]


def _replica(app: Any, principal: Principal, replica_id: str) -> ReplicaRecord:
    found = app.backup.lists.replica(principal, replica_id)
    return replica_record(found, found.worst(app.clock.now()))


def _run(app: Any, principal: Principal, plan: str, _given: Input) -> Done:
    return Done(_QUEUED, job=app.backup.request(principal, plan, "run"))


def _run_preview(app: Any, principal: Principal, plan: str) -> list[str]:
    """What a run would store and where, one line a set."""
    lines = {
        True: N_("%(set)s is stored at site %(site)s and copied to the plan's other sites."),
        False: N_("%(set)s is not available in this installation and will be left out."),
    }
    return [translate(lines[row["available"]], **row) for row in app.backup.preview(principal, plan)]


def _replicate(app: Any, principal: Principal, plan: str, _given: Input) -> Done:
    return Done(_QUEUED, job=app.backup.request(principal, plan, "replicate"))


def _verify(app: Any, principal: Principal, plan: str, given: VerifyPlan) -> Done:
    level, site = Level[given.level], given.site or None
    return Done(_QUEUED, job=app.backup.request(principal, plan, "verify", site=site, level=level))


def _drill(app: Any, principal: Principal, plan: str, given: DrillPlan) -> Done:
    site = given.site or None
    return Done(_QUEUED, job=app.backup.request(principal, plan, "drill", site=site, checks=given.checks))


def _verify_site(app: Any, principal: Principal, replica: str, given: Verify) -> Done:
    plan, _, site = replica.partition(".")
    job = app.backup.request(principal, plan, "verify", site=site, level=Level[given.level])
    return Done(_QUEUED, job=job)


def _drill_site(app: Any, principal: Principal, replica: str, _given: Input) -> Done:
    plan, _, site = replica.partition(".")
    return Done(_QUEUED, job=app.backup.request(principal, plan, "drill", site=site))


def _mend(app: Any, principal: Principal, replica: str, given: Reason) -> Done:
    plan, _, site = replica.partition(".")
    return Done(_QUEUED, job=app.backup.request(principal, plan, "mend", site=site, reason=given.reason))


def _place(record: ReplicaRecord) -> dict[str, str]:
    return {"plan": record.plan, "site": record.site}


_P = Permission
_VERIFY_TEXT = N_("V2 reads every byte; V3 restores as well. Each level presupposes those below it.")
_DRILL_TEXT = N_(
    "Restores into a scratch folder, asks the applications, measures RTO and RPO. Nothing in use changes."
)
_MEND_TEXT = N_(
    "Replaces what a full look finds damaged here by good copies from another site; the damaged files are kept aside."
)
PLANS = Resource(
    name="backup.plans",
    title=N_("Backup plans"),
    one=N_("Backup plan"),
    permission=_P.BACKUP_READ,
    record=PlanRecord,
    page=_plans,
    item=_plan,
    headline="title",
    columns=(
        Column("id", N_("Backup plan"), Cell.CODE),
        Column("title", N_("Title")),
        Column("standing", N_("Worst place"), Cell.STATE, STANDINGS),
        Column("last_state", N_("Last run"), Cell.STATE, RUN_STATES, link=Link("backup.runs", "last_run")),
        Column("last_at", N_("Last run at"), Cell.TIME),
        Column("rpo_minutes", N_("RPO (minutes)"), Cell.NUMBER),
        Column("rto_minutes", N_("RTO (minutes)"), Cell.NUMBER),
        Column("faults", N_("Faults of the plan"), Cell.LIST),
        Column("sets", N_("Sets"), Cell.LIST, shown=False),
        Column("sites", N_("Sites"), Cell.LIST, shown=False),
        Column("run", N_("Runs at (cron)"), Cell.CODE, shown=False),
        Column("verify", N_("Verified at (cron)"), Cell.CODE, shown=False),
        Column("drill", N_("Drilled at (cron)"), Cell.CODE, shown=False),
        Column("level", N_("Level aimed at"), shown=False),
        Column("checks", N_("Application checks"), Cell.LIST, shown=False),
        Column("engine", N_("Backup engine"), shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
    ),
    filters=(Filter("standing", N_("Worst place"), labels=STANDINGS),),
    verbs=(
        Verb("run", N_("Run now"), _P.BACKUP_RUN, _run, preview=_run_preview, key="o"),
        Verb(
            "verify",
            N_("Verify replicas"),
            _P.BACKUP_VERIFY,
            _verify,
            VerifyPlan,
            key="v",
            explain=_VERIFY_TEXT,
            choices={"site": site_choices},
        ),
        Verb(
            "drill",
            N_("Hold a drill"),
            _P.BACKUP_DRILL,
            _drill,
            DrillPlan,
            explain=_DRILL_TEXT,
            choices={"site": site_choices},
        ),
        Verb(
            "replicate",
            N_("Bring sites up to date"),
            _P.BACKUP_RUN,
            _replicate,
            explain=N_(
                "Copies to every site what it lacks of the newest backup, such as after a site was down."
            ),
        ),
    ),
    related=(
        Related(N_("Replicas"), "backup.replicas", lambda record: {"plan": record.id}),
        Related(N_("Backup runs"), "backup.runs", lambda record: {"plan": record.id}),
    ),
    facet="standing",
    empty=N_("There is no backup plan for your units. Plans are files below policies/data/backup_plans."),
    searched=True,
)
REPLICAS = Resource(
    name="backup.replicas",
    title=N_("Replicas"),
    one=N_("Replica"),
    permission=_P.BACKUP_READ,
    record=ReplicaRecord,
    page=_replicas,
    item=_replica,
    columns=(
        Column("id", N_("Replica"), Cell.CODE),
        Column("kind", N_("Kind of site"), Cell.STATE, KINDS),
        Column("standing", N_("Standing"), Cell.STATE, STANDINGS),
        Column("data_at", N_("Data as of"), Cell.TIME),
        Column("level", N_("Level reached"), Cell.STATE, LEVELS),
        Column("verdict", N_("Last verdict"), Cell.STATE, VERDICTS),
        Column("proved_at", N_("Verified at"), Cell.TIME),
        Column("receipt", N_("Receipt held"), Cell.NUMBER),
        Column("newest", N_("Newest receipt of the plan"), Cell.NUMBER, shown=False),
        Column("drill_verdict", N_("Last drill"), Cell.STATE, VERDICTS, link=Link("backup.drills", "drill")),
        Column("drilled_at", N_("Last drill at"), Cell.TIME, shown=False),
        Column("rto_seconds", N_("Measured RTO (seconds)"), Cell.NUMBER),
        Column("rto_aim_seconds", N_("RTO of the plan (seconds)"), Cell.NUMBER, shown=False),
        Column("error", N_("What went wrong"), Cell.LONG),
        Column("oldest_read", N_("Longest-unread byte read at"), Cell.TIME, shown=False),
        Column("copied_at", N_("Copied at"), Cell.TIME, shown=False),
        Column("plan", N_("Backup plan"), Cell.CODE, link=Link("backup.plans"), shown=False),
        Column("site", N_("Site"), shown=False),
        Column("unit", N_("Unit"), Cell.UNIT, shown=False),
    ),
    filters=(
        PLAN,
        SITE,
        Filter("standing", N_("Standing"), labels=STANDINGS),
        Filter("kind", N_("Kind of site"), labels=KINDS),
    ),
    verbs=(
        Verb(
            "verify",
            N_("Verify replicas"),
            _P.BACKUP_VERIFY,
            _verify_site,
            Verify,
            bulk=True,
            key="v",
            explain=_VERIFY_TEXT,
        ),
        Verb("drill", N_("Hold a drill"), _P.BACKUP_DRILL, _drill_site, explain=_DRILL_TEXT),
        Verb(
            "mend",
            N_("Mend the replica"),
            _P.BACKUP_MEND,
            _mend,
            Reason,
            danger=True,
            explain=_MEND_TEXT,
        ),
    ),
    related=(
        Related(
            N_("Verifications of replicas"),
            "backup.verifications",
            _place,
        ),
        Related(N_("Restore drills"), "backup.drills", _place),
    ),
    facet="standing",
    empty=N_("There is no backup plan for your units. Plans are files below policies/data/backup_plans."),
)
