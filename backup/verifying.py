"""Looking at one replica: the rungs V0 to V3 of the ladder.

What can be judged from names and sizes comes first, what reads every byte next; the engine is asked as well, except where
files are missing, since it then only waits (restic 0.14: 45 seconds) to say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup import store
from backup.codec import decode_manifest
from backup.inventory import Inventory, presence_findings
from backup.ladder import overall, reached
from backup.manifest import restored_findings
from backup.model import (
    EngineVerdict,
    Finding,
    FindingKind,
    Level,
    LevelOutcome,
    Plan,
    StoredSet,
    Verdict,
    Verification,
)
from backup.ports import FileRead
from backup.receipts import Receipt, chain_faults, freshness_findings, proved
from backup.room import Room, byte_finding
from kernel.canonical import iso_utc
from kernel.errors import IntegrityFailed, NotFound, WeichengError
from kernel.i18n import N_, translate
from kernel.ids import new_id


@dataclass(frozen=True)
class Look:
    """What one look at a replica has gathered before it is judged."""

    outcomes: list[LevelOutcome] = field(default_factory=list)
    reads: list[tuple[str, int, bool]] = field(default_factory=list)

    def note(
        self, level: Level, findings: Sequence[Finding], verdict: Verdict | None = None, note: str = ""
    ) -> None:
        judged = verdict or (Verdict.FAIL if findings else Verdict.PASS)
        self.outcomes.append(LevelOutcome(level, judged, tuple(findings), note))

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(dict.fromkeys(finding for outcome in self.outcomes for finding in outcome.findings))


def receipts_for(room: Room, plan: Plan) -> list[Receipt]:
    """The plan's receipts, oldest first; NotFound before the first run, IntegrityFailed when their chain is broken."""
    with room.database.read() as connection:
        receipts = store.receipts_of(connection, plan.id)
    if not receipts:
        raise NotFound(
            N_("Plan %(plan)s has never run."), mend=N_("Run it: weicheng backup run %(plan)s."), plan=plan.id
        )
    broken = chain_faults(receipts)
    if broken:
        raise IntegrityFailed(
            N_("The receipts of plan %(plan)s have been changed at number %(numbers)s."),
            mend=N_("Compare them with the receipts kept at the sites, and look into the audit trail."),
            plan=plan.id,
            numbers=", ".join(map(str, broken)),
        )
    return receipts


def look_at(room: Room, plan: Plan, site: str, wanted: Level, budget: int | None) -> Verification:
    """Verify one site up to ``wanted`` (V0 to V3). ``budget``: read at most so many octets now, longest unread first."""
    started, receipts = room.clock.now(), receipts_for(room, plan)
    look, at_site = Look(), 0
    try:
        at_site = _climb(room, plan, site, wanted, budget, receipts, look)
    except WeichengError as error:
        if error.code in ("unavailable", "not_permitted"):
            look.note(Level(len(look.outcomes)), [], Verdict.UNKNOWN, error.text())
        else:
            raise
    judged = Verification(
        id=new_id("ver"),
        plan=plan.id,
        site=site,
        wanted=wanted,
        reached=min(reached(look.outcomes), wanted),
        verdict=overall(outcome.verdict for outcome in look.outcomes),
        receipt=at_site,
        findings=look.findings,
        outcomes=tuple(look.outcomes),
        files_read=len(look.reads),
        bytes_read=sum(size for _name, size, _sound in look.reads),
        started_at=started,
        finished_at=room.clock.now(),
    )
    _keep_coverage(room, plan, judged, look)
    return judged


def _climb(
    room: Room, plan: Plan, site: str, wanted: Level, budget: int | None, receipts: list[Receipt], look: Look
) -> int:
    reference, sizes = room.inventory(receipts[-1]), room.sizes(plan, site)
    at_site = _present_and_fresh(room, plan, site, receipts, reference, sizes, look)
    complete = not any(finding.kind is FindingKind.MISSING for finding in look.findings)
    if wanted >= Level.V1:
        _structure(room, plan, site, look, complete=complete)
    if wanted >= Level.V2:
        _every_byte(room, plan, site, reference, sizes, budget, look, complete=complete)
    if wanted >= Level.V3:
        _restored(room, plan, site, receipts[-1], look)
    return at_site


# --- V0
def _present_and_fresh(
    room: Room,
    plan: Plan,
    site: str,
    receipts: list[Receipt],
    reference: Inventory,
    sizes: dict[str, int],
    look: Look,
) -> int:
    engine = room.engine(plan)
    present = {snapshot for name in sizes if (snapshot := engine.snapshot_of_name(name))}
    at_site = proved(receipts, present)
    with room.database.read() as connection:
        row = store.replica_rows(connection, plan.id).get(site)
    findings = freshness_findings(site, receipts[-1].seq, at_site, row.proved if row else 0)
    # a file that the engine named itself, but no receipt lists, is left of a run that was killed: read, not reported
    unknown = {name: size for name, size in sizes.items() if engine.digest_of_name(name) is None}
    known = {name: size for name, size in sizes.items() if name in reference.by_name}
    findings += presence_findings(site, reference, unknown | known)
    lacking = {entry.source for entry in plan.sets} - {stored.source for stored in receipts[-1].sets}
    findings += [Finding(FindingKind.MISSING, site, f"set:{name}", "", "") for name in sorted(lacking)]
    look.note(Level.V0, findings)
    return at_site


# --- V1
def _structure(room: Room, plan: Plan, site: str, look: Look, *, complete: bool) -> None:
    if not complete:
        look.note(Level.V1, [], Verdict.FAIL, translate(N_("files are missing: the engine was not asked")))
        return
    said = room.engine(plan).check(room.site(site).repository(plan.id), read_data=False)
    look.note(Level.V1, _engine_findings(site, said), said.verdict, _said(said))


def _engine_findings(site: str, said: EngineVerdict) -> list[Finding]:
    if said.verdict is not Verdict.FAIL:
        return []
    lines = said.complaints or (f"exit status {said.exit_code}",)
    return [Finding(FindingKind.STRUCTURE, site, "", "", lines[0])]


def _said(said: EngineVerdict) -> str:
    return f"exit status {said.exit_code}, output {said.output_digest[:16]}; " + " | ".join(
        said.complaints[:3]
    )


# --- V2
def _every_byte(
    room: Room,
    plan: Plan,
    site: str,
    reference: Inventory,
    sizes: dict[str, int],
    budget: int | None,
    look: Look,
    *,
    complete: bool,
) -> None:
    with room.database.read() as connection:
        before = store.coverage_of(connection, plan.id, site)
    names = _in_budget(sizes, before, budget)
    known, findings = {finding.file for finding in look.findings}, []
    for read in room.site(site).read(plan.id, names):
        finding = _judge(room, plan, site, reference, read)
        look.reads.append((read.name, read.size, finding is None))
        if finding is not None and read.name not in known:
            findings.append(finding)
    sound = complete and all(sound for _name, _size, sound in look.reads)
    oldest = _oldest(sizes, before, names, room.clock.now())
    covered = oldest is not None and room.clock.now() - oldest <= plan.coverage
    if not (sound and covered):
        verdict = Verdict.UNKNOWN if sound else Verdict.FAIL
        look.note(Level.V2, findings, verdict, _oldest_text(oldest))
        return
    if budget is not None:
        look.note(
            Level.V2, [], Verdict.PASS, translate(N_("read within the time of coverage, by several looks"))
        )
        return
    said = room.engine(plan).check(room.site(site).repository(plan.id), read_data=True)
    look.note(Level.V2, _engine_findings(site, said), said.verdict, _said(said))


def _oldest_text(oldest: datetime | None) -> str:
    if oldest is None:
        return translate(N_("some files were never read"))
    return translate(N_("the longest-unread file was read at %(at)s"), at=iso_utc(oldest))


def _in_budget(sizes: dict[str, int], before: dict[str, datetime], budget: int | None) -> list[str]:
    """Names to read now: never-read and longest-unread first, within the budget but at least one."""
    if budget is None:
        return sorted(sizes)
    chosen: list[str] = []
    for name in sorted(sizes, key=lambda name: (before[name].isoformat() if name in before else "", name)):
        if chosen and budget < sizes[name]:
            break
        chosen.append(name)
        budget -= sizes[name]
    return chosen


def _judge(room: Room, plan: Plan, site: str, reference: Inventory, read: FileRead) -> Finding | None:
    known = reference.by_name.get(read.name)
    expected = known.sha256 if known else room.engine(plan).digest_of_name(read.name)
    return byte_finding(site, read.name, expected, read.sha256, read.error) if expected else None


def _oldest(
    sizes: dict[str, int], before: dict[str, datetime], now_read: list[str], now: datetime
) -> datetime | None:
    """When the longest-unread file was read; None while one was never read."""
    times = {**before, **dict.fromkeys(now_read, now)}
    moments = [times.get(name) for name in sizes]
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


# --- V3
def _restored(room: Room, plan: Plan, site: str, receipt: Receipt, look: Look) -> None:
    with room.claims.folder() as scratch:
        outcome = restore_sets(room, plan, site, receipt.sets, scratch)
    look.outcomes.append(outcome)


def restore_sets(room: Room, plan: Plan, site: str, sets: Sequence[StoredSet], scratch: Path) -> LevelOutcome:
    """Restore sets below ``scratch/<source>`` and compare every byte with the manifest made at the source."""
    repository, findings, verdicts = room.site(site).repository(plan.id), [], []
    for stored in sets:
        target = scratch / stored.source
        target.mkdir(mode=0o700)
        said = room.engine(plan).restore(repository, stored.snapshot, target)
        manifest = decode_manifest(room.blobs.get(stored.manifest))
        differing = list(restored_findings(site, stored.source, target, manifest))
        verdicts.append(Verdict.FAIL if differing else said.verdict)
        findings += differing or _engine_findings(site, said)
    return LevelOutcome(Level.V3, overall(verdicts), tuple(findings))


def _keep_coverage(room: Room, plan: Plan, judged: Verification, look: Look) -> None:
    with room.database.begin() as uow:
        store.put_coverage(uow.connection, plan.id, judged.site, look.reads, judged.finished_at)
