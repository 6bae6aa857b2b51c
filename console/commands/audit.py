"""The audit trail, for the auditor."""

from typing import Any

import click

from kernel.edges.cli import group, list_options, pass_app
from kernel.errors import IntegrityFailed
from kernel.i18n import N_, translate

commands = group("audit", N_("The audit trail: find, verify, export."))


@commands.command("find", help=N_("Records, newest first."))
@click.option("--target", help=N_("All about this object."))
@click.option("--actor", help=N_("Id of whoever acted."))
@click.option("--action", help=N_("Name of the act."))
@click.option("--outcome", help=N_("success, failure or denied."))
@click.option("--since", help=N_("From this time on."))
@click.option("--until", help=N_("Before this time."))
@list_options
@pass_app
def find(app: Any, ask: Any, **filters: str | None) -> None:
    page = app.audit.page(app.principal, ask.narrowed(**filters))
    app.out.page(
        page.map(vars),
        (N_("seq"), N_("at"), N_("actor_name"), N_("action"), N_("target"), N_("outcome"), N_("reason")),
        of="audit.records",
    )


@commands.command(
    "verify", help=N_("Read the whole chain and name every broken place; exit status 7 if there is one.")
)
@pass_app
def verify(app: Any) -> None:
    report = app.audit.verify(app.principal)
    rows = [{"seq": f.seq, "fault": f.kind, "explanation": translate(f.explanation)} for f in report.faults]
    if rows:
        app.out.rows(rows, (N_("seq"), N_("fault"), N_("explanation")))
        raise IntegrityFailed(
            N_("%(count)s places of the audit trail are broken."),
            mend=N_("Compare with the last export."),
            count=len(rows),
        )
    app.out.record({"records": report.records, "head": report.head_hash, "intact": True})


@commands.command("export", help=N_("Write every record as a JSON line that an outsider can verify."))
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True))
@pass_app
def export(app: Any, file: Any) -> None:
    count = 0
    for line in app.audit.export(app.principal):
        file.write(line)
        count += 1
    app.out.note(N_("%(count)s records exported."), count=count)
