"""A restore drill: restore into a scratch folder, ask the application, measure RTO and RPO.

The clock starts at the decision and stops when every check has passed. RPO is the age, at the decision, of the newest
committed record found after the restore. The scratch folder is removed whatever happens.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from backup import store
from backup.codec import drill_row
from backup.ladder import overall, reached
from backup.levels import compare
from backup.model import (
    CheckResult,
    Drill,
    Finding,
    FindingKind,
    Level,
    LevelOutcome,
    Plan,
    StoredSet,
    Verdict,
)
from backup.ports import ApplicationCheck
from backup.receipts import Receipt
from backup.room import Room
from backup.verifying import receipts_for, restore_sets
from kernel.errors import NotFound
from kernel.i18n import N_, translate
from kernel.ids import new_id


def hold_drill(room: Room, plan: Plan, site: str, checks: Sequence[str]) -> Drill:
    """Restore the sets that the named checks need (the plan's checks when none is named) and ask them."""
    decided, begun = room.clock.now(), time.monotonic()
    receipt = receipts_for(room, plan)[-1]
    asked = known_checks(room, checks or plan.checks)
    wanted = frozenset().union(*(check.needs for check in asked)) if asked else None
    sets = [stored for stored in receipt.sets if wanted is None or stored.source in wanted]
    with room.claims.folder() as scratch:
        restored = restore_sets(room, plan, site, sets, scratch)
        results = [_ask(check, scratch, sets) for check in asked]
        rto = time.monotonic() - begun
    return _judged(room, plan, site, receipt, restored, results, decided, rto)


def known_checks(room: Room, names: Sequence[str]) -> list[ApplicationCheck]:
    """The checks of these names; NotFound tells those there are."""
    return [_check(room, name) for name in names]


def _check(room: Room, name: str) -> ApplicationCheck:
    if name not in room.checks:
        raise NotFound(
            N_("This installation has no application check %(check)s."),
            mend=N_("Known checks: %(known)s."),
            check=name,
            known=", ".join(sorted(room.checks)) or "-",
        )
    return room.checks[name]


def _ask(check: ApplicationCheck, scratch: Path, sets: Sequence[StoredSet]) -> CheckResult:
    folders = {stored.source: scratch / stored.source for stored in sets if stored.source in check.needs}
    lacking = sorted(check.needs - set(folders))
    if lacking:
        return CheckResult(
            check.name,
            False,
            None,
            {"lacking": lacking},
            translate(N_("the backup lacks what this check needs")),
        )
    result = check.check(folders)
    return replace(result, said=result.said.replace(f"{scratch}/", ""))  # that folder is gone when it is read


def _judged(
    room: Room,
    plan: Plan,
    site: str,
    receipt: Receipt,
    restored: LevelOutcome,
    results: list[CheckResult],
    decided: datetime,
    rto: float,
) -> Drill:
    findings = [*restored.findings, *(_finding(site, result) for result in results if not result.ok)]
    verdict = Verdict.FAIL if any(not result.ok for result in results) else Verdict.PASS
    answered = LevelOutcome(Level.V4, verdict if results else Verdict.UNKNOWN)
    newest = max((result.newest for result in results if result.newest), default=None)
    rpo = None if newest is None else max(decided - newest, timedelta(0))
    table = room.book.levels[plan.aims.edition]
    return Drill(
        id=new_id("drl"),
        plan=plan.id,
        site=site,
        receipt=receipt.seq,
        reached=reached([*_earlier(room, plan, site, receipt), restored, answered]),
        verdict=overall([restored.verdict, answered.verdict]),
        rto=round(rto, 3),
        rpo=None if rpo is None else round(rpo.total_seconds(), 3),
        comparison=compare(table, plan.aims, timedelta(seconds=rto), rpo),
        checks=tuple(results),
        findings=tuple(findings),
        decided_at=decided,
        finished_at=room.clock.now(),
    )


def _earlier(room: Room, plan: Plan, site: str, receipt: Receipt) -> tuple[LevelOutcome, ...]:
    """The rungs below that the newest verification of this very receipt at this site climbed."""
    with room.database.read() as connection:
        newest = store.verifications_of(connection, plan.id, site, limit=1)
    return newest[0].outcomes if newest and newest[0].receipt == receipt.seq else ()


def _finding(site: str, result: CheckResult) -> Finding:
    return Finding(FindingKind.APPLICATION, site, result.name, "", result.said[:300])


def drill_summary(drill: Drill) -> dict[str, object]:
    """The drill as evidence: JSON values."""
    row = drill_row(drill)
    kept = ("site", "receipt", "verdict", "comparison", "checks", "findings")
    return {
        **{name: row[name] for name in kept},
        "level_reached": max(int(drill.reached), 0),
        "rto_seconds": drill.rto,
        "rpo_seconds": drill.rpo,
    }
