"""``weicheng demo``: the main job, on real protocols, from nothing to an evidence package."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernel.edges.cli import Command, pass_app
from kernel.i18n import N_

if TYPE_CHECKING:
    from console.demo.model import StepResult


@click.command(
    cls=Command, help=N_("Do the whole main job on the practice network; exit status 0 if all was found.")
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    help=N_("Where it is kept."),
)
@pass_app
def demo(app: Any, folder: Path) -> int:
    from console.demo.run import DemoRun

    run = DemoRun(folder.absolute(), app.out.note)
    results = run.run()
    app.out.rows(
        [_summary_row(result) for result in results],
        (N_("step"), N_("expected"), N_("found"), N_("checks"), N_("seconds"), N_("passed")),
    )
    app.out.note(N_("Report: %(path)s"), path=os.path.relpath(folder / "report.html"))
    app.out.note(
        N_("Accounts for make serve: %(path)s"), path=os.path.relpath(folder / "people" / "accounts.json")
    )
    return 0 if all(result.passed for result in results) else 1


def _summary_row(result: "StepResult") -> dict[str, Any]:
    agreed = sum(check.ok for check in result.checks)
    return {
        "step": result.name,
        "expected": result.expected,
        "found": result.found,
        "checks": f"{agreed}/{len(result.checks)}",
        "seconds": result.figures.get("seconds"),
        "passed": result.passed,
    }
