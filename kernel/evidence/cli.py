"""Evidence on the command line."""

from typing import Any

import click

from kernel.edges.cli import group, list_options, pass_app
from kernel.errors import IntegrityFailed
from kernel.evidence.model import EvidenceKind, EvidenceReport, Listed
from kernel.i18n import N_, translate

commands = group("evidence", N_("Sealed evidence: list, show, verify."))


@commands.command("list", help=N_("Records, newest first."))
@click.option("--kind", type=click.Choice([str(kind) for kind in EvidenceKind]), help=N_("Only this kind."))
@click.option("--subject", help=N_("Only about this object."))
@click.option(
    "--state", type=click.Choice(["sealed", "waiting"]), help=N_("Only what is sealed, or waits for it.")
)
@click.option("--unit", help=N_("Only this unit."))
@click.option("--since", help=N_("From this time on."))
@click.option("--until", help=N_("Before this time."))
@list_options
@pass_app
def list_records(app: Any, ask: Any, **filters: str | None) -> None:
    app.out.page(
        app.evidence.page(app.principal, ask.narrowed(**filters)).map(_row),
        (
            N_("id"),
            N_("kind"),
            N_("subject"),
            N_("source"),
            N_("collected_at"),
            N_("effective_until"),
            N_("sealed"),
        ),
    )


@commands.command("show", help=N_("One record whole."))
@click.argument("evidence_id")
@pass_app
def show(app: Any, evidence_id: str) -> None:
    app.out.record(vars(app.evidence.get(evidence_id, by=app.principal)))


@commands.command(
    "verify", help=N_("Check one record, or all and the chain between them; exit status 7 on any fault.")
)
@click.argument("evidence_id", required=False)
@pass_app
def verify(app: Any, evidence_id: str | None) -> None:
    if evidence_id:
        report = app.evidence.verify(evidence_id, by=app.principal)
    else:
        report = app.evidence.verify_all(by=app.principal)
    _show_report(app, report)


@commands.command("seal", help=N_("Sign and time-stamp what waits for it."))
@pass_app
def seal(app: Any) -> None:
    app.out.note(N_("%(count)s records sealed."), count=app.evidence.seal_pending(by=app.principal))


def _row(listed: Listed) -> dict[str, Any]:
    record = listed.record
    names = ("id", "seq", "kind", "subject", "source", "collected_at", "effective_until", "unit")
    return {name: getattr(record, name) for name in names} | {"sealed": listed.sealed_at is not None}


def _show_report(app: Any, report: EvidenceReport) -> None:
    if report.intact:
        app.out.record({"records": report.records, "sealed_at": report.sealed_at, "intact": True})
        return
    rows = [
        {"evidence": f.evidence, "fault": f.kind, "place": f.place, "explanation": translate(f.explanation)}
        for f in report.faults
    ]
    app.out.rows(rows, (N_("evidence"), N_("fault"), N_("place"), N_("explanation")))
    raise IntegrityFailed(N_("%(count)s faults in the evidence."), count=len(rows))
