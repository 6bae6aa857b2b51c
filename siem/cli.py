"""``weicheng siem``: take in, search, triage, work on cases, check the rules."""

from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import click

from kernel.edges.cli import Output, group, pass_app, reason_option
from kernel.errors import Invalid
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from kernel.store.listing import MOST, Ask, Page
from siem.model import AlertState, CaseState, Verdict
from siem.rows import alert_row, case_record, case_row, event_row, rule_row, source_row
from siem.service import SiemService

commands = group("siem", N_("Logs: search, alerts, cases, rules."))
alert = group("alert", N_("One alert: show, acknowledge, close."))
case = group("case", N_("Cases: open, work on them, close."))
rules = group("rules", N_("Detection rules: list, check, test."))
for part in (alert, case, rules):
    commands.add_command(part)

EXIT_FAILED, EXIT_PARTIAL, EXIT_FINDINGS = 1, 3, 10
_EVENTS = (
    N_("time"),
    N_("host"),
    N_("dataset"),
    N_("action"),
    N_("source"),
    N_("destination"),
    N_("message"),
)
_ALERTS = (N_("id"), N_("risk"), N_("level"), N_("title"), N_("state"), N_("count"), N_("group"), N_("last"))
_CASES = (N_("id"), N_("level"), N_("title"), N_("state"), N_("verdict"), N_("opened_at"))
_RULES = (N_("rule"), N_("level"), N_("title"), N_("alerts"), N_("place"))
_TESTS = (N_("rule"), N_("example"), N_("fired"), N_("right"))
_SOURCES = (N_("source"), N_("state"), N_("received"), N_("malformed"), N_("truncated"), N_("last"))
_NUMBERS = (N_("value"), N_("count"))
_verdict = click.option(
    "--verdict", type=click.Choice([str(v) for v in Verdict]), help=N_("What it turned out to be.")
)


class SiemApp(Protocol):
    """What these commands need of the application."""

    @property
    def siem(self) -> SiemService: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def out(self) -> Output: ...


# --- events
@commands.command("ingest", help=N_("Take in a log file, a line an event."))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", default="", help=N_("Name or address of the sender; the file's name unless set."))
@pass_app
def ingest(app: SiemApp, file: Path, source: str) -> None:
    done = app.siem.import_file(app.principal, file, source)
    if done.report is None:
        app.out.note(N_("The running collector processes the lines."))
        app.out.record({"lines": done.lines})
        return
    found = done.report
    app.out.record(
        {
            "lines": done.lines,
            "stored": found.stored,
            "duplicates": found.duplicates,
            "malformed": found.malformed,
            "alerts": list(found.alerts),
        }
    )


@commands.command("search", help=N_("Search events: source.ip:10.0.0.0/8 AND NOT user.name:root"))
@click.argument("query", nargs=-1)
@click.option("--since", help=N_("From this time on (ISO 8601 with zone)."))
@click.option("--until", help=N_("Before this time."))
@click.option("--size", type=click.IntRange(0, 10_000), default=50, help=N_("Events on a page."))
@click.option("--after", help=N_("The cursor that the page before ended with."))
@click.option("--top", help=N_("Count the values of this field instead."))
@pass_app
def search(
    app: SiemApp,
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    size: int,
    after: str | None,
    top: str | None,
) -> None:
    from siem.query import TermsAgg

    text, begin, end = " ".join(query), _moment(since), _moment(until)
    if top:
        page = app.siem.events.search(
            app.principal, text, size=0, since=begin, until=end, aggregations={"top": TermsAgg(top, size)}
        )
        app.out.rows([{"value": b.key, "count": b.count} for b in page.aggregations["top"]], _NUMBERS)
        return
    page = app.siem.events.search(app.principal, text, since=begin, until=end, size=size, after=after)
    full = app.out.form in ("json", "yaml")
    app.out.rows([dict(d) if full else event_row(d) for d in page.documents], _EVENTS)
    app.out.note(N_("%(shown)s of %(total)s events."), shown=len(page.documents), total=page.total)
    if page.cursor:
        app.out.note(N_("Next page: --after %(cursor)s"), cursor=page.cursor)


@commands.command("stats", help=N_("Events by data set, senders, and what was lost."))
@pass_app
def stats(app: SiemApp) -> None:
    found = app.siem.statistics(app.principal)
    counted = [{"value": b.key, "count": b.count} for b in found["datasets"]]
    losses = app.siem.sources.losses(app.principal, Ask(limit=MOST)).items
    lost = [{"value": loss.name, "count": loss.value} for loss in losses]
    senders = app.siem.sources.all(app.principal)
    if app.out.form in ("json", "yaml"):
        sources = [source_row(sender) for sender in senders]
        app.out.record({**found, "datasets": counted, "losses": lost, "senders": sources})
        return
    app.out.rows(counted, _NUMBERS)
    app.out.rows([source_row(sender) for sender in senders], _SOURCES, of="siem.sources")
    app.out.rows(lost, _NUMBERS)
    app.out.note(
        N_("%(total)s events since %(oldest)s."), total=found["events"], oldest=found["oldest"] or "-"
    )


@commands.command("retain", help=N_("Delete days past their time, and record how far the logs go back."))
@pass_app
def retain(app: SiemApp) -> None:
    report = app.siem.retain(app.principal)
    app.out.record(
        {
            "days": report.keep_days,
            "covered_days": report.covered_days,
            "deleted": [part.name for part in report.deleted],
            "parts": len(report.kept),
        }
    )


# --- alerts
_limit = click.option("--limit", type=click.IntRange(1, MOST), default=200, help=N_("At most so many."))


@commands.command(
    "alerts", help=N_("List alerts, those that need work first, highest risk first among them.")
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([str(s) for s in AlertState]),
    help=N_("Only these."),
)
@click.option("--find", "text", default="", help=N_("Text in rule, title, values or asset."))
@click.option("--assignee", default="", help=N_("Whose: me, nobody or an account's id."))
@_limit
@click.option(
    "--fail-on", type=click.IntRange(0, 100), help=N_("Exit with 10 on an open alert of this risk or more.")
)
@pass_app
def alerts(
    app: SiemApp, states: tuple[str, ...], text: str, assignee: str, limit: int, fail_on: int | None
) -> int:
    filters = {"state": states, "assignee": (assignee,) if assignee else ()}
    page = app.siem.triage.page(app.principal, Ask(text, filters, limit=limit))
    app.out.rows([alert_row(one) for one in page.items], _ALERTS, of="siem.alerts")
    _tell_rest(app, page)
    if fail_on is None:
        return 0
    unfinished = tuple(s for s in states or map(str, AlertState) if s != AlertState.CLOSED)
    worst = app.siem.triage.page(
        app.principal, Ask(text, {**filters, "state": unfinished}, sort="-risk", limit=1)
    )
    grave = bool(unfinished) and any(one.risk >= fail_on for one in worst.items)
    return EXIT_FINDINGS if grave else 0


@alert.command("show", help=N_("Show an alert and the events behind it."))
@click.argument("alert_id")
@pass_app
def show_alert(app: SiemApp, alert_id: str) -> None:
    found = app.siem.triage.alert(app.principal, alert_id)
    events = app.siem.triage.evidence_of(app.principal, alert_id)
    app.out.record(
        {**alert_row(found), "tags": found.tags, "events": [d["event.original"] for d in events]},
        of="siem.alerts",
    )


@alert.command("ack", help=N_("Take an alert on."))
@click.argument("alert_id")
@click.option("--note", default="", help=N_("Goes into the audit trail."))
@pass_app
def acknowledge(app: SiemApp, alert_id: str, note: str) -> None:
    app.out.record(alert_row(app.siem.triage.acknowledge(app.principal, alert_id, note)), of="siem.alerts")


@alert.command("close", help=N_("Close an alert with a verdict."))
@click.argument("alert_id")
@click.option(
    "--verdict",
    type=click.Choice([str(v) for v in Verdict]),
    required=True,
    help=N_("What it turned out to be."),
)
@reason_option
@pass_app
def close_alert(app: SiemApp, alert_id: str, verdict: str, reason: str) -> None:
    app.out.record(
        alert_row(app.siem.triage.close(app.principal, alert_id, Verdict(verdict), reason)), of="siem.alerts"
    )


@alert.command("assign", help=N_("Give an alert to somebody; to yourself unless named."))
@click.argument("alert_id")
@click.option("--to", "assignee", default="", help=N_("The account's id."))
@click.option("--note", default="", help=N_("Goes into the audit trail."))
@pass_app
def assign(app: SiemApp, alert_id: str, assignee: str, note: str) -> None:
    to = assignee or app.principal.id
    app.out.record(alert_row(app.siem.triage.assign(app.principal, alert_id, to, note)), of="siem.alerts")


@alert.command("reopen", help=N_("Open a closed alert again."))
@click.argument("alert_id")
@reason_option
@pass_app
def reopen_alert(app: SiemApp, alert_id: str, reason: str) -> None:
    app.out.record(alert_row(app.siem.triage.reopen(app.principal, alert_id, reason)), of="siem.alerts")


# --- cases
@case.command("open", help=N_("Make a case of one or more alerts."))
@click.argument("alert_ids", nargs=-1, required=True)
@click.option("--title", default="", help=N_("Title; the gravest alert's unless set."))
@pass_app
def open_case(app: SiemApp, alert_ids: tuple[str, ...], title: str) -> None:
    app.out.record(case_record(app.siem.cases.open(app.principal, alert_ids, title)))


@case.command("list", help=N_("List cases, newest first."))
@click.option(
    "--state", "states", multiple=True, type=click.Choice([str(s) for s in CaseState]), help=N_("Only these.")
)
@_limit
@pass_app
def list_cases(app: SiemApp, states: tuple[str, ...], limit: int) -> None:
    page = app.siem.cases.page(app.principal, Ask(filters={"state": states}, limit=limit))
    app.out.rows([case_row(one) for one in page.items], _CASES, of="siem.cases")
    _tell_rest(app, page)


@case.command("show", help=N_("Show a case with its timeline."))
@click.argument("case_id")
@pass_app
def show_case(app: SiemApp, case_id: str) -> None:
    app.out.record(case_record(app.siem.cases.case(app.principal, case_id)))


@case.command("note", help=N_("Write into the timeline."))
@click.argument("case_id")
@click.argument("text")
@pass_app
def note(app: SiemApp, case_id: str, text: str) -> None:
    app.out.record(case_record(app.siem.cases.add_note(app.principal, case_id, text)))


@case.command("add", help=N_("Put one more alert into a case."))
@click.argument("case_id")
@click.argument("alert_id")
@pass_app
def add_alert(app: SiemApp, case_id: str, alert_id: str) -> None:
    app.out.record(case_record(app.siem.cases.add_alerts(app.principal, case_id, [alert_id])))


@case.command("task", help=N_("Add a task, or finish one with --done."))
@click.argument("case_id")
@click.argument("title_or_id")
@click.option("--done", is_flag=True, help=N_("The task with this id is done."))
@pass_app
def task(app: SiemApp, case_id: str, title_or_id: str, done: bool) -> None:
    work = app.siem.work
    file = (
        work.finish_task(app.principal, title_or_id)
        if done
        else work.add_task(app.principal, case_id, title_or_id)
    )
    app.out.record(case_record(file))


@case.command("take", help=N_("Become the owner of a case."))
@click.argument("case_id")
@pass_app
def take_case(app: SiemApp, case_id: str) -> None:
    app.out.record(case_record(app.siem.cases.take(app.principal, case_id)))


@case.command("move", help=N_("Contain, recover, close or open a case again."))
@click.argument("case_id")
@click.argument("state", type=click.Choice([str(s) for s in CaseState]))
@_verdict
@reason_option
@pass_app
def move(app: SiemApp, case_id: str, state: str, verdict: str | None, reason: str) -> None:
    kept = Verdict(verdict) if verdict else None
    app.out.record(case_record(app.siem.cases.move(app.principal, case_id, CaseState(state), reason, kept)))


# --- rules
@rules.command("list", help=N_("List the rules in use."))
@pass_app
def list_rules(app: SiemApp) -> None:
    found = app.siem.rules.all(app.principal)
    quiet = {rule.info.id for rule in found.rules if not rule.alerts}
    infos = [item.info for item in (*found.rules, *found.correlations)]
    app.out.rows([rule_row(info, info.id not in quiet) for info in infos], _RULES, of="siem.rules")


@rules.command("check", help=N_("Check every rule file; exit status 1 when one is broken."))
@pass_app
def check_rules(app: SiemApp) -> int:
    found = app.siem.rules.all(app.principal)
    app.out.rows(
        [{"place": e.place, "error": e.text(current_language())} for e in found.errors],
        (N_("place"), N_("error")),
    )
    whole = len(found.rules) + len(found.correlations)
    app.out.note(N_("%(whole)s rules are whole, %(broken)s broken."), whole=whole, broken=len(found.errors))
    return EXIT_FAILED if found.errors else 0


@rules.command("test", help=N_("Try every rule on its good and bad example."))
@pass_app
def test_rules(app: SiemApp) -> int:
    results = app.siem.rules.test(app.principal)
    rows = [
        {"rule": r.rule, "example": f"{r.place} {r.kind}", "fired": r.fired, "right": r.ok} for r in results
    ]
    app.out.rows(rows, _TESTS)
    return 0 if all(result.ok for result in results) else EXIT_FAILED


# --- rendering
def _tell_rest(app: SiemApp, page: Page[Any]) -> None:
    if page.next_cursor:
        app.out.note(N_("There are more than these; name states or raise --limit."))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            N_("%(text)s is no time."), mend=N_("Write it like 2026-11-23T09:00:00+08:00."), text=text
        )
    return moment
