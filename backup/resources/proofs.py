"""Verifications of replicas and restore drills."""

from datetime import datetime
from typing import Any

from backup.codec import drill_row, verification_row
from backup.model import Drill, Finding, Verification
from backup.overview import level_name
from backup.resources.labels import LEVELS, PLAN, SITE, VERDICT, VERDICTS
from kernel.canonical import canonical_json
from kernel.edges.resources import Cell, Column, Download, File, Link, Record, Resource
from kernel.edges.shared import SINCE, UNTIL
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page


class FindingRecord(Record):
    kind: str
    site: str
    file: str
    expected: str
    actual: str


class OutcomeRecord(Record):
    level: str
    verdict: str
    note: str


class VerificationRecord(Record):
    id: str
    plan: str
    site: str
    replica: str
    wanted: str
    reached: str
    verdict: str
    receipt: int
    damaged: int
    why: str
    files_read: int
    octets_read: int
    started_at: datetime
    finished_at: datetime
    findings: tuple[FindingRecord, ...]
    outcomes: tuple[OutcomeRecord, ...]


class CheckRecord(Record):
    name: str
    ok: bool
    newest: datetime | None
    said: str
    facts: dict[str, Any]


class DrillRecord(Record):
    id: str
    plan: str
    site: str
    replica: str
    receipt: int
    reached: str
    verdict: str
    rto_seconds: float
    rto_aim_seconds: int | None
    rpo_seconds: float | None
    rpo_aim_seconds: int | None
    meets_plan: bool
    decided_at: datetime
    finished_at: datetime
    checks: tuple[CheckRecord, ...]
    findings: tuple[FindingRecord, ...]
    comparison: dict[str, Any]


def verification_record(found: Verification) -> VerificationRecord:
    return VerificationRecord(
        id=found.id,
        plan=found.plan,
        site=found.site,
        replica=f"{found.plan}.{found.site}",
        wanted=level_name(found.wanted),
        reached=level_name(found.reached),
        verdict=str(found.verdict),
        receipt=found.receipt,
        damaged=len(found.findings),
        why=found.why,
        files_read=found.files_read,
        octets_read=found.bytes_read,
        started_at=found.started_at,
        finished_at=found.finished_at,
        findings=_findings(found.findings),
        outcomes=tuple(
            OutcomeRecord(level=one.level.name, verdict=str(one.verdict), note=one.note)
            for one in found.outcomes
        ),
    )


def drill_record(held: Drill) -> DrillRecord:
    said = held.comparison
    return DrillRecord(
        id=held.id,
        plan=held.plan,
        site=held.site,
        replica=f"{held.plan}.{held.site}",
        receipt=held.receipt,
        reached=level_name(held.reached),
        verdict=str(held.verdict),
        rto_seconds=held.rto,
        rto_aim_seconds=said.get("rto_aim_seconds"),
        rpo_seconds=held.rpo,
        rpo_aim_seconds=said.get("rpo_aim_seconds"),
        meets_plan=bool(said.get("meets_plan")),
        decided_at=held.decided_at,
        finished_at=held.finished_at,
        checks=tuple(CheckRecord(**vars(one) | {"facts": dict(one.facts)}) for one in held.checks),
        findings=_findings(held.findings),
        comparison=dict(said),
    )


def _findings(found: tuple[Finding, ...]) -> tuple[FindingRecord, ...]:
    return tuple(FindingRecord(**vars(one) | {"kind": str(one.kind)}) for one in found)


def _verifications(app: Any, principal: Principal, ask: Ask) -> Page[VerificationRecord]:
    return app.backup.lists.verifications(principal, ask).map(verification_record)  # type: ignore[no-any-return]


def _verification(app: Any, principal: Principal, verification_id: str) -> VerificationRecord:
    return verification_record(app.backup.lists.verification(principal, verification_id))


def _verification_file(app: Any, principal: Principal, verification_id: str) -> File:
    found = app.backup.lists.verification(principal, verification_id)
    return File(f"{found.id}.json", "application/json", canonical_json(verification_row(found)))


def _drills(app: Any, principal: Principal, ask: Ask) -> Page[DrillRecord]:
    return app.backup.lists.drills(principal, ask).map(drill_record)  # type: ignore[no-any-return]


def _drill(app: Any, principal: Principal, drill_id: str) -> DrillRecord:
    return drill_record(app.backup.lists.drill(principal, drill_id))


def _drill_file(app: Any, principal: Principal, drill_id: str) -> File:
    held = app.backup.lists.drill(principal, drill_id)
    return File(f"{held.id}.json", "application/json", canonical_json(drill_row(held)))


VERIFICATIONS = Resource(
    name="backup.verifications",
    title=N_("Verifications of replicas"),
    one=N_("Verification of a replica"),
    permission=Permission.BACKUP_READ,
    record=VerificationRecord,
    page=_verifications,
    item=_verification,
    headline="replica",
    columns=(
        Column("finished_at", N_("Verified at"), Cell.TIME, sort="finished_at"),
        Column("replica", N_("Replica"), Cell.CODE, link=Link("backup.replicas")),
        Column("verdict", N_("Verdict"), Cell.STATE, VERDICTS),
        Column("reached", N_("Level reached"), Cell.STATE, LEVELS),
        Column("damaged", N_("Findings"), Cell.NUMBER),
        Column("why", N_("Why it could not be judged"), Cell.LONG),
        Column("receipt", N_("Receipt number"), Cell.NUMBER),
        Column("octets_read", N_("Octets read"), Cell.OCTETS),
        Column("files_read", N_("Files read"), Cell.NUMBER, shown=False),
        Column("wanted", N_("Level asked for"), Cell.STATE, LEVELS, shown=False),
        Column("started_at", N_("Started"), Cell.TIME, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(PLAN, SITE, VERDICT, SINCE, UNTIL),
    downloads=(
        Download(
            "report", N_("Report of the verification (JSON)"), Permission.BACKUP_READ, _verification_file
        ),
    ),
    sort="-finished_at",
    facet="verdict",
    empty=N_("No replica has been verified yet. Open a backup plan and verify it."),
    audited=False,
)
DRILLS = Resource(
    name="backup.drills",
    title=N_("Restore drills"),
    one=N_("Restore drill"),
    permission=Permission.BACKUP_READ,
    record=DrillRecord,
    page=_drills,
    item=_drill,
    headline="replica",
    columns=(
        Column("decided_at", N_("Drill begun at"), Cell.TIME, sort="decided_at"),
        Column("replica", N_("Restored from"), Cell.CODE, link=Link("backup.replicas")),
        Column("verdict", N_("Verdict"), Cell.STATE, VERDICTS),
        Column("reached", N_("Level reached"), Cell.STATE, LEVELS),
        Column("rto_seconds", N_("Measured RTO (seconds)"), Cell.NUMBER, sort="rto"),
        Column("rto_aim_seconds", N_("RTO of the plan (seconds)"), Cell.NUMBER),
        Column("rpo_seconds", N_("Measured RPO (seconds)"), Cell.NUMBER),
        Column("rpo_aim_seconds", N_("RPO of the plan (seconds)"), Cell.NUMBER),
        Column("meets_plan", N_("Keeps the plan's promise"), Cell.FLAG),
        Column("receipt", N_("Receipt number"), Cell.NUMBER, shown=False),
        Column("finished_at", N_("Ended"), Cell.TIME, shown=False),
        Column("id", N_("Identifier"), Cell.CODE, shown=False),
    ),
    filters=(PLAN, SITE, VERDICT, SINCE, UNTIL),
    downloads=(Download("report", N_("Report of the drill (JSON)"), Permission.BACKUP_READ, _drill_file),),
    sort="-decided_at",
    facet="verdict",
    empty=N_("No restore drill has been held yet. Open a backup plan and hold one."),
    audited=False,
)
