"""``weicheng backup``: plans, runs, verification, drills."""

from typing import TYPE_CHECKING, Any, Protocol

import click

from kernel.edges.cli import Output, dry_run_option, group, pass_app, reason_option
from kernel.errors import ErrorCode, IntegrityFailed, WeichengError
from kernel.i18n import N_, current_language, translate
from kernel.identity.model import Principal

if TYPE_CHECKING:
    from backup.model import Drill, Verification
    from backup.ports import Progress
    from backup.service import BackupService
    from kernel.store.listing import Ask

_PLANS = (
    N_("plan"),
    N_("title"),
    N_("sets"),
    N_("sites"),
    N_("schedule"),
    N_("rpo_minutes"),
    N_("rto_minutes"),
    N_("level"),
)
_PREVIEW = (N_("set"), N_("layer"), N_("available"), N_("site"))
_SETS = (N_("source"), N_("layer"), N_("files"), N_("bytes"), N_("snapshot"), N_("tree"))
_COPIES = (N_("site"), N_("files"), N_("bytes"), N_("error"))
_STATUS = (
    N_("plan"),
    N_("site"),
    N_("layer"),
    N_("set"),
    N_("receipt"),
    N_("data_age_seconds"),
    N_("level"),
    N_("verdict"),
    N_("proof_age_seconds"),
    N_("oldest_read_seconds"),
    N_("error"),
)
_VERIFIED = (
    N_("site"),
    N_("verdict"),
    N_("level"),
    N_("receipt"),
    N_("files_read"),
    N_("bytes_read"),
    N_("kind"),
    N_("file"),
    N_("expected"),
    N_("actual"),
    N_("why"),
)
_DRILLS = (
    N_("drill"),
    N_("site"),
    N_("receipt"),
    N_("verdict"),
    N_("level"),
    N_("rto_seconds"),
    N_("rpo_seconds"),
    N_("decided_at"),
)
_RUNS = (N_("id"), N_("state"), N_("receipt"), N_("started_at"), N_("finished_at"), N_("error"))
_RECEIPTS = (
    N_("seq"),
    N_("at"),
    N_("engine"),
    N_("sets"),
    N_("files"),
    N_("bytes"),
    N_("removed"),
    N_("root"),
    N_("digest"),
)
_LEVELS = (
    N_("edition"),
    N_("in_force"),
    N_("level"),
    N_("name"),
    N_("rto"),
    N_("rpo"),
    N_("confidence"),
    N_("source"),
)

commands = group("backup", N_("Backups: plans, runs, verification, drills."))


class App(Protocol):
    """What these commands use of the application."""

    @property
    def principal(self) -> Principal: ...
    @property
    def backup(self) -> "BackupService": ...
    @property
    def out(self) -> Output: ...


plan_argument = click.argument("plan")


@commands.command("plans", help=N_("The plans, and the faults of those that can not be used or kept."))
@pass_app
def plans(app: App) -> None:
    rows = [
        {
            "plan": plan.id,
            "title": plan.title.render(current_language()),
            "sets": [entry.source for entry in plan.sets],
            "sites": [site.name for site in plan.sites],
            "schedule": plan.schedule.run,
            "rpo_minutes": plan.aims.rpo.total_seconds() / 60,
            "rto_minutes": plan.aims.rto.total_seconds() / 60,
            "level": f"{plan.aims.edition} / {plan.aims.level}",
        }
        for plan in app.backup.plans(app.principal)
    ]
    app.out.rows(rows, _PLANS, of="backup.plans")
    for fault in app.backup.plan_faults(app.principal):
        app.out.note(N_("Plan fault: %(fault)s"), fault=fault.text())


@commands.command("run", help=N_("Run a plan now: store, receipt, replicas."))
@plan_argument
@click.option("--queue", is_flag=True, help=N_("Leave it to the worker; prints the job's id."))
@dry_run_option
@pass_app
def run(app: App, plan: str, queue: bool, dry_run: bool) -> None:
    if dry_run:
        app.out.rows(app.backup.preview(app.principal, plan), _PREVIEW)
        return
    if queue:
        app.out.record({"job": app.backup.request(app.principal, plan, "run")})
        return
    bar = _bar(app.out)
    result = app.backup.run(app.principal, plan, bar)
    app.out.rows(
        [{**vars(stored), "layer": str(stored.layer)} for stored in result.sets],
        _SETS,
    )
    app.out.note(
        N_("Receipt %(receipt)s; run %(run)s is %(state)s."),
        receipt=result.run.receipt,
        run=result.run.id,
        state=str(result.run.state),
    )
    if result.run.error:
        raise WeichengError(
            ErrorCode.PARTIAL,
            N_("Not everything was done: %(error)s"),
            mend=N_("Mend the cause, then run again or bring the sites up with weicheng backup replicate."),
            error=result.run.error,
        )


@commands.command("replicate", help=N_("Bring every site of a plan up to its newest receipt."))
@plan_argument
@pass_app
def replicate(app: App, plan: str) -> None:
    copies = app.backup.replicate(app.principal, plan)
    app.out.rows([vars(copy) for copy in copies], _COPIES)
    failed = [copy.site for copy in copies if copy.error]
    if failed:
        raise WeichengError(
            ErrorCode.PARTIAL, N_("Not brought up to date: %(sites)s"), sites=", ".join(failed)
        )


@commands.command(
    "status", help=N_("Plan by site and layer: what was proved, when, and how old the data is.")
)
@pass_app
def status(app: App) -> None:
    app.out.rows([vars(place) for place in app.backup.status(app.principal)], _STATUS, of="backup.replicas")


@commands.command(
    "verify", help=N_("Verify replicas: V0 present and fresh, V1 structure, V2 every byte, V3 restored.")
)
@plan_argument
@click.option("--site", help=N_("One site instead of all."))
@click.option("--level", type=click.Choice(["V0", "V1", "V2", "V3"]), default="V2", help=N_("How far."))
@click.option(
    "--budget",
    type=click.IntRange(1),
    help=N_("Read at most so many octets a site now, longest unread first."),
)
@pass_app
def verify(app: App, plan: str, site: str | None, level: str, budget: int | None) -> None:
    from backup.model import Level, Verdict

    found = app.backup.verify(app.principal, plan, site, Level[level], budget)
    app.out.rows(
        [_verification_row(one) for one in found],
        _VERIFIED,
        of="backup.verifications",
    )
    if any(one.verdict is Verdict.FAIL for one in found):
        raise IntegrityFailed(
            N_("A replica is damaged, stale or incomplete."),
            mend=N_("Look at the findings, then mend it: weicheng backup mend PLAN SITE."),
        )
    if any(one.verdict is Verdict.UNKNOWN for one in found):
        raise WeichengError(
            ErrorCode.PARTIAL,
            N_("Not every replica could be judged: %(why)s"),
            mend=N_("Mend the cause, then verify again."),
            why="; ".join(dict.fromkeys(one.why for one in found if one.why)) or "-",
        )


@commands.command("mend", help=N_("Replace damaged files of a site by good copies from another site."))
@plan_argument
@click.argument("site")
@reason_option
@pass_app
def mend(app: App, plan: str, site: str, reason: str) -> None:
    files, again = app.backup.mend(app.principal, plan, site, reason=reason)
    app.out.record({"site": site, "mended": files, "verdict": str(again.verdict)})


@commands.command(
    "drill", help=N_("Restore into a scratch folder, ask the application, measure RTO and RPO.")
)
@plan_argument
@click.option("--site", help=N_("Restore from this site; the plan's last if not named."))
@click.option("--check", "checks", multiple=True, help=N_("Ask only these application checks."))
@pass_app
def drill(app: App, plan: str, site: str | None, checks: tuple[str, ...]) -> None:
    from backup.model import Verdict

    held = app.backup.drill(app.principal, plan, site, checks)
    app.out.record(_drill_row(held), of="backup.drills")
    if held.verdict is Verdict.FAIL:
        raise IntegrityFailed(
            N_("The drill failed: %(findings)s"),
            mend=N_("Restore from another site, and mend this one."),
            findings="; ".join(f"{f.kind} {f.file} {f.actual}" for f in held.findings[:5]) or "-",
        )
    if held.verdict is Verdict.UNKNOWN:
        raise WeichengError(
            ErrorCode.PARTIAL,
            N_(
                "The drill proves nothing: no application was asked, or the engine's answer could not be read."
            ),
            mend=N_("Name application checks in the plan."),
        )


@commands.command("drills", help=N_("The drills of a plan, newest first."))
@plan_argument
@pass_app
def drills(app: App, plan: str) -> None:
    held = app.backup.lists.drills(app.principal, _of(app, plan)).items
    app.out.rows([_drill_row(one) for one in held], _DRILLS, of="backup.drills")


@commands.command("runs", help=N_("The runs of a plan, newest first."))
@plan_argument
@pass_app
def runs(app: App, plan: str) -> None:
    found = app.backup.lists.runs(app.principal, _of(app, plan)).items
    app.out.rows([vars(one) for one in found], _RUNS, of="backup.runs")


@commands.command("receipts", help=N_("The chained receipts of a plan; fails when the chain is broken."))
@plan_argument
@pass_app
def receipts(app: App, plan: str) -> None:
    rows = [
        {**vars(receipt), "sets": [stored.source for stored in receipt.sets], "removed": len(receipt.removed)}
        for receipt in app.backup.receipts(app.principal, plan)
    ]
    app.out.rows(rows, _RECEIPTS, of="backup.receipts")


@commands.command(
    "levels", help=N_("The levels of GB/T 20988 by edition, with how well their figures are known.")
)
@pass_app
def levels(app: App) -> None:
    language = current_language()
    rows = [
        {
            "edition": table.edition,
            "in_force": table.in_force,
            "level": level.number,
            "name": level.name.render(language),
            "rto": level.rto.text.render(language),
            "rpo": level.rpo.text.render(language),
            "confidence": table.confidence,
            "source": table.source.render(language),
        }
        for table in app.backup.levels(app.principal)
        for level in table.levels.values()
    ]
    app.out.rows(rows, _LEVELS)


def _of(app: App, plan: str) -> "Ask":
    """The newest of a plan that is there."""
    from kernel.store.listing import Ask

    return Ask(filters={"plan": (app.backup.lists.plan(app.principal, plan).plan.id,)})


def _bar(out: Output) -> "Progress":
    bars: list[Any] = []

    def progress(done: int, total: int, message: str) -> None:
        if not bars:
            bars.append(out.progress(total, translate(N_("Backing up"))))
        bars[0].step(message)

    return progress


def _verification_row(found: "Verification") -> dict[str, Any]:
    shown = [finding for finding in found.findings if finding.file] or list(found.findings)
    first = vars(shown[0]) if shown else {"kind": "", "file": "", "expected": "", "actual": ""}
    return {
        **{name: first[name] for name in ("kind", "file", "expected", "actual")},
        "site": found.site,
        "verdict": str(found.verdict),
        "level": found.reached.name,
        "receipt": found.receipt,
        "files_read": found.files_read,
        "bytes_read": found.bytes_read,
        "why": found.why,
        "findings": [vars(finding) for finding in found.findings],
        "notes": [f"{outcome.level.name}: {outcome.note}" for outcome in found.outcomes if outcome.note],
    }


def _drill_row(held: "Drill") -> dict[str, Any]:
    return {
        "drill": held.id,
        "site": held.site,
        "receipt": held.receipt,
        "verdict": str(held.verdict),
        "level": held.reached.name,
        "rto_seconds": held.rto,
        "rpo_seconds": held.rpo,
        "comparison": dict(held.comparison),
        "checks": [{"name": result.name, "ok": result.ok, **result.facts} for result in held.checks],
        "findings": [vars(finding) for finding in held.findings],
        "decided_at": held.decided_at,
    }
