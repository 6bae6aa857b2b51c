"""Graded protection on the command line."""

import mimetypes
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from kernel.edges.cli import group, pass_app, reason_option
from kernel.evidence.model import Attachment
from kernel.i18n import N_, translate
from kernel.store.listing import MOST, Ask
from policies.assessment.model import OUTCOME_TEXTS, Outcome, RemediationState
from policies.package.model import Filters
from policies.systems.model import SystemState
from policies.wording import explain

commands = group("policies", N_("Graded protection: controls, assessment, evidence packages."))
systems = group("systems", N_("Registered systems and their filing."))
remediations = group("remediations", N_("What is to be mended, by whom and until when."))
commands.add_command(systems)
commands.add_command(remediations)
_FINDINGS = 10  # exit status when a result is at or above --fail-on
_OUTCOMES = [str(outcome) for outcome in Outcome]
F = TypeVar("F", bound=Callable[..., Any])


def filter_options(command: F) -> F:
    """The options that both the list of results and the package take."""
    for option in (
        click.option("--seed", default="", help=N_("Draws the same again.")),
        click.option("--sample", default=0, type=click.IntRange(0), help=N_("Draw only so many of them.")),
        click.option("--object", "objects", multiple=True, help=N_("Only this device or system; repeat.")),
        click.option(
            "--outcome",
            "outcomes",
            multiple=True,
            type=click.Choice(_OUTCOMES),
            help=N_("Only this result; repeat."),
        ),
        click.option(
            "--control", "controls", multiple=True, help=N_("Only this class, point or item; repeat.")
        ),
    ):
        command = option(command)
    return command


@commands.command("check", help=N_("Load and validate all policy data; names every fault by file and line."))
@pass_app
def check(app: Any) -> None:
    from policies.registry import FaultyData, load

    try:
        data = load()
    except FaultyData as error:
        for fault in error.faults:
            app.out.note(f"{fault.place}: {translate(fault.message)}", **fault.params)
        raise
    app.out.record({**data.counts(), "version": data.version})


@commands.command("catalogue", help=N_("The control items of the catalogue."))
@click.option("--control", help=N_("Only items of this class, point or item, such as L3-8.1.4."))
@pass_app
def catalogue(app: Any, control: str | None) -> None:
    book = app.policies.assessments.catalogue
    rows = [
        {"item": item.id, "unit": item.unit, "automation": item.automation, "text": item.text.of(_language())}
        for item in book.items
        if control is None or item.id.startswith(control)
    ]
    app.out.rows(rows, (N_("item"), N_("unit"), N_("automation"), N_("text")))


# --- systems
@systems.command("list", help=N_("Registered systems."))
@pass_app
def list_systems(app: Any) -> None:
    found = app.policies.lists.systems(app.principal, Ask(limit=MOST)).items
    rows = [vars(system) | {"level": str(system.level)} for system in found]
    app.out.rows(
        rows,
        (N_("id"), N_("name"), N_("unit"), N_("level"), N_("state"), N_("owner"), N_("filing_number")),
        of="policies.systems",
    )


@systems.command("propose", help=N_("Register a system with its proposed level."))
@click.argument("name")
@click.option("--unit", required=True, help=N_("Its unit."))
@click.option("--level", required=True, help=N_("Proposed level, such as S3A3G3."))
@click.option("--owner", required=True, help=N_("Who answers for it."))
@click.option(
    "--asset", "boundary", multiple=True, required=True, help=N_("An asset of its boundary; repeat.")
)
@pass_app
def propose(app: Any, name: str, unit: str, level: str, owner: str, boundary: tuple[str, ...]) -> None:
    system = app.policies.systems.propose(
        app.principal, name=name, unit=unit, level=level, owner=owner, boundary=boundary
    )
    app.out.record(vars(system) | {"level": str(system.level)})


@systems.command("change", help=N_("Change level or boundary; the filing starts anew."))
@click.argument("name")
@click.option("--level", help=N_("New level."))
@click.option("--asset", "boundary", multiple=True, help=N_("The new boundary; repeat."))
@reason_option
@pass_app
def change(app: Any, name: str, level: str | None, boundary: tuple[str, ...], reason: str) -> None:
    system = app.policies.systems.change(
        app.principal, name, level=level, boundary=boundary or None, reason=reason
    )
    app.out.record(vars(system) | {"level": str(system.level)})


@systems.command("move", help=N_("Take the next step of the filing."))
@click.argument("name")
@click.argument("state", type=click.Choice([str(state) for state in SystemState]))
@click.option("--document", required=True, help=N_("Reference of the paper it rests on."))
@click.option("--number", default="", help=N_("Number of the filing certificate."))
@click.option("--date", "filed_on", type=click.DateTime(["%Y-%m-%d"]), help=N_("Date of the filing."))
@pass_app
def move(app: Any, name: str, state: str, document: str, number: str, filed_on: datetime | None) -> None:
    day: date | None = filed_on.date() if filed_on else None
    system = app.policies.systems.move(
        app.principal, name, SystemState(state), document=document, filing_number=number, filed_on=day
    )
    app.out.record(vars(system) | {"level": str(system.level)})


# --- assessments
@commands.command("collect", help=N_("Collect evidence about the suite itself."))
@pass_app
def collect(app: Any) -> None:
    app.out.rows(
        [{"evidence": name} for name in app.policies.suite.collect(app.principal)], (N_("evidence"),)
    )


@commands.command("assess", help=N_("Judge every control item of a system from the evidence in force."))
@click.argument("system")
@click.option(
    "--fail-on",
    type=click.Choice(["fails", "partly"]),
    help=N_("Exit status 10 if a result is this or worse."),
)
@pass_app
def assess(app: Any, system: str, fail_on: str | None) -> int:
    assessment = app.policies.assessments.assess(app.principal, system)
    conclusion = app.policies.assessments.conclusion(app.principal, assessment.id)
    app.out.record(_conclusion(conclusion) | {"assessment": assessment.id})
    bad = {"fails": (Outcome.FAILS,), "partly": (Outcome.FAILS, Outcome.PARTLY)}.get(fail_on or "", ())
    return _FINDINGS if any(conclusion.counts[outcome] for outcome in bad) else 0


@commands.command("list", help=N_("Assessments, newest first."))
@click.option("--system", help=N_("Only of this system."))
@pass_app
def list_assessments(app: Any, system: str | None) -> None:
    wanted = {"system": (app.policies.systems.get(app.principal, system).id,)} if system else {}
    found = app.policies.lists.assessments(app.principal, Ask(filters=wanted, limit=MOST)).items
    rows = [vars(listed.assessment) for listed in found]
    app.out.rows(rows, (N_("id"), N_("system"), N_("edition"), N_("made_at"), N_("made_by")))


@commands.command("controls", help=N_("Results of an assessment."))
@click.argument("assessment")
@filter_options
@pass_app
def show_controls(app: Any, assessment: str, **wanted: Any) -> None:
    filters = _filters(**wanted)
    rows = [
        vars(result) | {"outcome": translate(OUTCOME_TEXTS[result.outcome]), "reasons": _reasons(result)}
        for result in filters.choose(app.policies.assessments.results(app.principal, assessment))
    ]
    app.out.rows(
        rows,
        (N_("id"), N_("unit_id"), N_("item"), N_("object_name"), N_("outcome"), N_("state"), N_("reasons")),
        of="policies.results",
    )


@commands.command("confirm", help=N_("Confirm a result, or set another one, with a note and attachments."))
@click.argument("result")
@click.option("--outcome", type=click.Choice(_OUTCOMES[:4]), help=N_("Another result than the proposed one."))
@click.option("--note", required=True, help=N_("What was seen."))
@click.option(
    "--attach",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("A file; repeat."),
)
@pass_app
def confirm(app: Any, result: str, outcome: str | None, note: str, attach: tuple[Path, ...]) -> None:
    files = [Attachment(path.name, path.read_bytes(), _media_type(path)) for path in attach]
    decided = Outcome(outcome) if outcome else None
    done = app.policies.assessments.confirm(
        app.principal, result, outcome=decided, note=note, attachments=files
    )
    app.out.record({"id": done.id, "item": done.item, "outcome": done.outcome, "state": done.state})


# --- remediations
@remediations.command("list", help=N_("Remediations of an assessment, by due date."))
@click.argument("assessment")
@pass_app
def list_remediations(app: Any, assessment: str) -> None:
    wanted = {"assessment": (app.policies.assessments.get(app.principal, assessment).id,)}
    found = app.policies.lists.remediations(app.principal, Ask(filters=wanted, limit=MOST)).items
    rows = [vars(listed.remediation) for listed in found]
    app.out.rows(
        rows,
        (N_("id"), N_("result"), N_("owner"), N_("due"), N_("state"), N_("action")),
        of="policies.remediations",
    )


@remediations.command("open", help=N_("Lay down who mends a result, how and until when."))
@click.argument("result")
@click.option("--owner", required=True, help=N_("Who mends it."))
@click.option("--due", required=True, type=click.DateTime(["%Y-%m-%d"]), help=N_("Until when."))
@click.option("--action", required=True, help=N_("What is to be done."))
@pass_app
def open_remediation(app: Any, result: str, owner: str, due: datetime, action: str) -> None:
    made = app.policies.assessments.remediate(
        app.principal, result, owner=owner, due=due.astimezone(), action=action
    )
    app.out.record(vars(made))


@remediations.command("move", help=N_("Say that it is done, accept it, or send it back."))
@click.argument("remediation")
@click.argument("state", type=click.Choice([str(state) for state in RemediationState]))
@reason_option
@pass_app
def move_remediation(app: Any, remediation: str, state: str, reason: str) -> None:
    moved = app.policies.assessments.move_remediation(
        app.principal, remediation, RemediationState(state), reason=reason
    )
    app.out.record(vars(moved))


# --- packages
@commands.command("export", help=N_("Export an evidence package that anyone can verify."))
@click.argument("assessment")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@filter_options
@click.option("--masking", default="", help=N_("Profile of what to hide."))
@pass_app
def export(app: Any, assessment: str, file: Path, masking: str, **wanted: Any) -> None:
    from kernel.secrets import write_private

    package = app.policies.packages.export(app.principal, assessment, _filters(**wanted), masking)
    write_private(file, package.data)
    app.out.record(
        {"package": package.id, "file": str(file), "sha256": package.sha256, **package.manifest.count}
    )


@commands.command("packages", help=N_("Packages that were exported, newest first."))
@pass_app
def packages(app: Any) -> None:
    columns = (
        N_("id"),
        N_("assessment"),
        N_("state"),
        N_("made_at"),
        N_("made_by"),
        N_("size"),
        N_("sha256"),
    )
    found = app.policies.lists.packages(app.principal, Ask(limit=MOST)).items
    app.out.rows([vars(row) for row in found], columns)


@commands.command(
    "verify", help=N_("Check a package against a root certificate; exit status 7 on any fault.")
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--root",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=N_("Root certificate (PEM)."),
)
@pass_app
def verify(app: Any, file: Path, root: Path) -> None:
    from policies.package.model import PackageRefused
    from policies.package.service import require_intact

    try:
        report = require_intact(file.read_bytes(), root.read_bytes())
    except PackageRefused as error:
        rows = [{"fault": f.kind, "file": f.place, "explanation": translate(f.message)} for f in error.faults]
        app.out.rows(rows, (N_("fault"), N_("file"), N_("explanation")))
        raise
    assert report.manifest is not None
    app.out.record(
        {
            "package": report.manifest.id,
            "sealed_at": report.sealed_at,
            **report.manifest.count,
            "intact": True,
        }
    )


def _filters(
    controls: tuple[str, ...], outcomes: tuple[str, ...], objects: tuple[str, ...], sample: int, seed: str
) -> Filters:
    return Filters(controls, tuple(Outcome(outcome) for outcome in outcomes), objects, sample, seed)


def _conclusion(conclusion: Any) -> dict[str, Any]:
    return {
        "edition": conclusion.edition,
        **{translate(OUTCOME_TEXTS[outcome]): count for outcome, count in conclusion.counts.items()},
        "waiting": conclusion.waiting,
        "rate_low": conclusion.rate_low,
        "rate_high": conclusion.rate_high,
        "major_risks": [risk.title.of(_language()) for risk in conclusion.risks],
        "conclusion": conclusion.verdict or None,
    }


def _reasons(result: Any) -> str:
    return "; ".join(explain(reason) for reason in result.reasons)


def _media_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _language() -> str:
    from kernel.i18n import current_language

    return current_language()
