"""``weicheng monitor``: monitoring on the command line."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import click

from kernel.assets.service import Register
from kernel.clock import end_of_day
from kernel.config import Settings
from kernel.edges.cli import Output, group, pass_app, reason_option
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store.listing import MOST, Ask, every
from monitor.model import SEVERITIES, STANDING, Finding, FindingKind
from monitor.service import MonitorService

commands = group("monitor", N_("Devices: poll, topology, traps, active checks."))

EXIT_PARTIAL, EXIT_FINDINGS = 3, 10
_FINDING_COLUMNS = (
    N_("id"),
    N_("kind"),
    N_("severity"),
    N_("state"),
    N_("device"),
    N_("subject"),
    N_("last_seen"),
)
_fail_on = click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help=N_("Exit with 10 when a finding is at least this severe."),
)


class MonitorApp(Protocol):
    """What these commands need of the application."""

    @property
    def monitor(self) -> MonitorService: ...
    @property
    def assets(self) -> Register: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def out(self) -> Output: ...


@commands.command("poll", help=N_("Poll devices by SNMP: all, or the named ones."))
@click.argument("names", nargs=-1)
@pass_app
def poll(app: MonitorApp, names: tuple[str, ...]) -> int:
    polled = app.monitor.polling.poll(app.principal, names)
    rows = [
        {
            "device": one.asset.name,
            "state": one.device.state,
            "problem": one.device.problem or "",
            "latency": one.device.latency,
            "interfaces": one.interfaces,
            "neighbours": one.neighbours,
            "gaps": one.device.facts.get("gaps", ()),
        }
        for one in polled
    ]
    app.out.rows(
        rows,
        (
            N_("device"),
            N_("state"),
            N_("problem"),
            N_("latency"),
            N_("interfaces"),
            N_("neighbours"),
            N_("gaps"),
        ),
        of="monitor.devices",
    )
    return EXIT_PARTIAL if any(one.device.problem for one in polled) else 0


@commands.command("status", help=N_("How every device stands."))
@pass_app
def status(app: MonitorApp) -> None:
    rows = [
        {
            "device": one.name,
            "address": one.address,
            "state": one.device.state,
            "since": one.device.since,
            "problem": one.device.problem or "",
            **one.device.facts.get("metrics", {}),
            "availability": one.availability,
            "thresholds": [f"{crossing.threshold} {crossing.object}".strip() for crossing in one.crossed],
        }
        for one in every(partial(app.monitor.polling.page, app.principal))
    ]
    app.out.rows(
        rows,
        (
            N_("device"),
            N_("address"),
            N_("state"),
            N_("since"),
            N_("problem"),
            N_("cpu"),
            N_("memory"),
            N_("temperature"),
            N_("thresholds"),
        ),
        of="monitor.devices",
    )


@commands.command("interfaces", help=N_("A device's interfaces; rates in bit/s."))
@click.argument("name")
@pass_app
def interfaces(app: MonitorApp, name: str) -> None:
    columns = (
        N_("name"),
        N_("alias"),
        N_("speed"),
        N_("admin_up"),
        N_("oper_up"),
        N_("in_rate"),
        N_("out_rate"),
        N_("error_rate"),
    )
    listed = app.monitor.polling.interfaces(app.principal, name)
    app.out.rows([one.__dict__ for one in listed], columns)


@commands.command("samples", help=N_("Measured values of a device, oldest first."))
@click.argument("name")
@click.argument("metric")
@click.option("--object", "obj", default="", help=N_("An interface's name, for values of interfaces."))
@click.option("--hours", type=click.IntRange(1, 24 * 400), default=24, help=N_("How far back."))
@pass_app
def samples(app: MonitorApp, name: str, metric: str, obj: str, hours: int) -> None:
    since = datetime.now(UTC) - timedelta(hours=hours)
    listed = app.monitor.polling.samples(app.principal, name, metric, obj, since=since)
    app.out.rows([{"at": one.at, "value": one.value} for one in listed], (N_("at"), N_("value")))


@commands.command("topology", help=N_("Compare the network with the register; --svg writes a picture."))
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False), help=N_("Where to write the picture.")
)
@_fail_on
@pass_app
def topology(app: MonitorApp, svg: Path | None, fail_on: str | None) -> int:
    from monitor.picture import topology_svg

    check = app.monitor.network.check(app.principal)
    if svg is not None:
        svg.write_text(topology_svg(check.view), encoding="utf-8")
        app.out.note(N_("Written: %(path)s"), path=svg)
    return _show_findings(app, check.findings, fail_on)


@commands.command("tls", help=N_("Check the TLS endpoints of the register: all, or the named ones."))
@click.argument("names", nargs=-1)
@_fail_on
@pass_app
def tls(app: MonitorApp, names: tuple[str, ...], fail_on: str | None) -> int:
    check = app.monitor.endpoints.check(app.principal, names)
    return _show_findings(app, check.findings, fail_on)


@commands.command("certificates", help=N_("What the TLS endpoints presented last."))
@pass_app
def certificates(app: MonitorApp) -> None:
    listed = every(partial(app.monitor.endpoints.page, app.principal))
    rows = [{**vars(one), **one.facts} for one in listed]
    app.out.rows(
        rows,
        (
            N_("name"),
            N_("endpoint"),
            N_("state"),
            N_("tls"),
            N_("subject"),
            N_("issuer"),
            N_("not_after"),
            N_("key"),
            N_("checked_at"),
        ),
        of="monitor.endpoints",
    )


@commands.command("traps", help=N_("Traps and informs, newest first."))
@click.option("--limit", type=click.IntRange(1, MOST), default=50, help=N_("At most so many."))
@pass_app
def traps(app: MonitorApp, limit: int) -> None:
    found = app.monitor.notifications.page(app.principal, Ask(limit=limit)).items
    rows = [{**vars(one.trap), "device": one.device} for one in found]
    app.out.rows(
        rows,
        (
            N_("last_at"),
            N_("device"),
            N_("source"),
            N_("name"),
            N_("version"),
            N_("severity"),
            N_("count"),
            N_("varbinds"),
        ),
        of="monitor.notifications",
    )


@commands.command("findings", help=N_("Findings that stand; --all shows the mended ones too."))
@click.option("--all", "everything", is_flag=True, help=N_("Mended and verified ones too."))
@click.option("--kind", type=click.Choice([str(kind) for kind in FindingKind]), help=N_("Only this kind."))
@_fail_on
@pass_app
def findings(app: MonitorApp, everything: bool, kind: str | None, fail_on: str | None) -> int:
    states = () if everything else tuple(map(str, STANDING))
    asked = Ask(filters={"state": states}).narrowed(kind=kind)
    found = every(partial(app.monitor.findings.page, app.principal), asked)
    return _show_findings(app, [one.finding for one in found], fail_on)


@commands.command("acknowledge", help=N_("Take a finding on."))
@click.argument("finding")
@reason_option
@pass_app
def acknowledge(app: MonitorApp, finding: str, reason: str) -> None:
    app.out.record(
        _finding_row(app.monitor.findings.acknowledge(app.principal, finding, reason), _names(app))
    )


@commands.command("fixed", help=N_("Say that a finding is mended; the next check verifies it."))
@click.argument("finding")
@reason_option
@pass_app
def fixed(app: MonitorApp, finding: str, reason: str) -> None:
    app.out.record(
        _finding_row(app.monitor.findings.fixed(app.principal, finding, reason), _names(app)),
        of="monitor.findings",
    )


@commands.command("except", help=N_("Bear a finding until a date."))
@click.argument("finding")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help=N_("The last day."))
@reason_option
@pass_app
def except_until(app: MonitorApp, finding: str, until: datetime, reason: str) -> None:
    end = end_of_day(until.date(), ZoneInfo(app.settings.timezone))
    moved = app.monitor.findings.except_until(app.principal, finding, end, reason)
    app.out.record(_finding_row(moved, _names(app)), of="monitor.findings")


@commands.command("record", help=N_("Write what was polled and checked last into the evidence."))
@pass_app
def record(app: MonitorApp) -> None:
    app.out.rows([{"id": one} for one in app.monitor.records.record(app.principal)], (N_("id"),))


def _names(app: MonitorApp) -> Mapping[str, str]:
    return {asset.id: asset.name for asset in app.assets.assets()}


def _finding_row(finding: Finding, names: Mapping[str, str]) -> dict[str, Any]:
    return {**finding.__dict__, "device": names.get(finding.asset, finding.asset)}


def _show_findings(app: MonitorApp, listed: Any, fail_on: str | None) -> int:
    names = _names(app)
    app.out.rows(
        [_finding_row(finding, names) for finding in listed], _FINDING_COLUMNS, of="monitor.findings"
    )
    least = SEVERITIES.index(fail_on) if fail_on else len(SEVERITIES)
    return EXIT_FINDINGS if any(SEVERITIES.index(finding.severity) >= least for finding in listed) else 0
