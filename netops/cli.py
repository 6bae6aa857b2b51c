"""``weicheng netops``: collect, look, compare, check, decide."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import click

from kernel.clock import end_of_day
from kernel.config import Settings
from kernel.edges.cli import Output, group, pass_app, reason_option
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from kernel.store.listing import Ask, every
from netops.service import NetopsService

commands = group("netops", N_("Device configurations: collect, compare, check."))
archive = group("archive", N_("The archive of configurations."))
commands.add_command(archive)

EXIT_FAILED, EXIT_PARTIAL, EXIT_INTEGRITY, EXIT_FINDINGS = 1, 3, 7, 10
SEVERITIES = ("low", "medium", "high", "critical")
STATES = ("open", "acknowledged", "excepted", "fixed", "verified")
_RESULTS = (
    N_("device"),
    N_("state"),
    N_("version"),
    N_("lines"),
    N_("opened"),
    N_("fixed"),
    N_("seconds"),
    N_("error"),
)
_VERSIONS = (
    N_("version"),
    N_("at"),
    N_("author"),
    N_("source"),
    N_("added"),
    N_("removed"),
    N_("digest"),
)
_FINDINGS = (
    N_("id"),
    N_("severity"),
    N_("device"),
    N_("place"),
    N_("rule"),
    N_("text"),
    N_("controls"),
    N_("mend"),
    N_("state"),
)
_CHECKED = (N_("severity"), N_("place"), N_("rule"), N_("text"), N_("controls"), N_("mend"))
_RULES = (N_("rule"), N_("severity"), N_("title"), N_("controls"), N_("platforms"))
_fail_on = click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help=N_("Exit with 10 on findings this heavy or heavier.")
)


class NetopsApp(Protocol):
    """What these commands need of the application."""

    @property
    def netops(self) -> NetopsService: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def out(self) -> Output: ...


@commands.command("collect", help=N_("Collect configurations from devices now, all at once."))
@click.option("--device", "devices", multiple=True, help=N_("Only this device; may be repeated."))
@click.option(
    "--accept-shrink",
    is_flag=True,
    help=N_("Keep a configuration that has lost more than half of its lines."),
)
@_fail_on
@pass_app
def collect(app: NetopsApp, devices: tuple[str, ...], accept_shrink: bool, fail_on: str | None) -> int:
    bars: list[Any] = []

    def step(done: int, total: int, message: str) -> None:
        if not bars:
            bars.append(app.out.progress(total, "collect"))
        bars[0].step(message)

    report = app.netops.collection.collect(app.principal, devices, accept_shrink=accept_shrink, progress=step)
    app.out.rows([_result_row(result) for result in report.results], _RESULTS)
    if report.failed:
        return EXIT_PARTIAL if len(report.failed) < len(report.results) else EXIT_FAILED
    return EXIT_FINDINGS if _reaches(report.findings, fail_on) else 0


@commands.command("devices", help=N_("The newest result of every device."))
@pass_app
def devices(app: NetopsApp) -> None:
    columns = (N_("device"), N_("state"), N_("version"), N_("at"), N_("error"))
    found = every(partial(app.netops.devices.page, app.principal))
    app.out.rows([_device_row(device) for device in found], columns, of="netops.devices")


@commands.command("versions", help=N_("The versions of a device's configuration, newest first."))
@click.argument("device")
@pass_app
def versions(app: NetopsApp, device: str) -> None:
    asked = Ask().narrowed(device=app.netops.devices.get(app.principal, device).name)
    found = every(partial(app.netops.versions.page, app.principal), asked)
    app.out.rows([_version_row(version) for version in found], _VERSIONS, of="netops.versions")


@commands.command("show", help=N_("Show a version, secrets masked; the newest by default."))
@click.argument("device")
@click.option("--version", default="", help=N_("The version, or its first digits."))
@pass_app
def show(app: NetopsApp, device: str, version: str) -> None:
    app.out.text(app.netops.archive.text(app.principal, device, version).rstrip("\n"))


@commands.command("diff", help=N_("What changed between two versions; between the last two by default."))
@click.argument("device")
@click.argument("old", default="")
@click.argument("new", default="")
@pass_app
def diff(app: NetopsApp, device: str, old: str, new: str) -> None:
    app.out.text(app.netops.archive.diff(app.principal, device, old, new).rstrip("\n"))


@commands.command("restore", help=N_("Write the original of a version, with its secrets, to a private file."))
@click.argument("device")
@click.option("--version", default="", help=N_("The version, or its first digits."))
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help=N_("The file to write (0600)."),
)
@reason_option
@pass_app
def restore(app: NetopsApp, device: str, version: str, to: Path, reason: str) -> None:
    from kernel.secrets import write_private

    write_private(to, app.netops.archive.original(app.principal, device, version, reason=reason).encode())
    app.out.note(N_("Written to %(path)s; it holds secrets, delete it after use."), path=to)


@commands.command(
    "check", help=N_("Check a configuration file against the baseline; asks no device, stores nothing.")
)
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"))
@click.option("--platform", required=True, help=N_("The platform, such as huawei_vrp."))
@_fail_on
@pass_app
def check(app: NetopsApp, file: Any, platform: str, fail_on: str | None) -> int:
    report = app.netops.check_text(file.read(), platform)
    name = Path(file.name).name
    app.out.rows(
        [_finding_row(item, app.out.form) | {"place": f"{name}:{item.line}"} for item in report.deviations],
        _CHECKED,
    )
    app.out.note(
        N_("%(rules)d rules, %(lines)d lines, %(unread)d of them not understood."),
        rules=report.rules_run,
        lines=report.lines,
        unread=len(report.unread),
    )
    return EXIT_FINDINGS if _reaches({item.severity.value: 1 for item in report.deviations}, fail_on) else 0


@commands.command("findings", help=N_("Findings that are there; with --state also others."))
@click.option("--device", help=N_("Only of this device."))
@click.option("--rule", help=N_("Only of this rule."))
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(STATES),
    help=N_("Only in this state; may be repeated."),
)
@_fail_on
@pass_app
def findings(
    app: NetopsApp, device: str | None, rule: str | None, states: tuple[str, ...], fail_on: str | None
) -> int:
    from netops.compliance.model import PRESENT

    wanted = states or tuple(sorted(PRESENT))
    asked = Ask(filters={"state": wanted}).narrowed(device=device, rule=rule)
    found = list(every(partial(app.netops.findings.page, app.principal), asked))
    app.out.rows(
        [_finding_row(item, app.out.form) | _kept_columns(item) for item in found],
        _FINDINGS,
        of="netops.findings",
    )
    return EXIT_FINDINGS if _reaches({item.severity.value: 1 for item in found}, fail_on) else 0


@commands.command("acknowledge", help=N_("Take a finding on."))
@click.argument("finding")
@reason_option
@pass_app
def acknowledge(app: NetopsApp, finding: str, reason: str) -> None:
    done = app.netops.findings.acknowledge(app.principal, finding, reason=reason)
    app.out.record(_finding_row(done, app.out.form) | _kept_columns(done), of="netops.findings")


@commands.command("except", help=N_("Accept a finding until a date, with somebody who answers for it."))
@click.argument("finding")
@click.option("--owner", required=True, help=N_("Who answers for it."))
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help=N_("The last day, such as 2026-12-31.")
)
@reason_option
@pass_app
def grant_exception(app: NetopsApp, finding: str, owner: str, until: datetime, reason: str) -> None:
    last_moment = end_of_day(until.date(), ZoneInfo(app.settings.timezone))
    done = app.netops.findings.grant_exception(
        app.principal, finding, owner=owner, until=last_moment, reason=reason
    )
    app.out.record(_finding_row(done, app.out.form) | _kept_columns(done), of="netops.findings")


@commands.command("confirm", help=N_("Confirm that a fixed finding was really mended."))
@click.argument("finding")
@reason_option
@pass_app
def confirm(app: NetopsApp, finding: str, reason: str) -> None:
    done = app.netops.findings.confirm_fix(app.principal, finding, reason=reason)
    app.out.record(_finding_row(done, app.out.form) | _kept_columns(done), of="netops.findings")


@commands.command("trust", help=N_("Pin a device's new host key after making sure that it is the device's."))
@click.option("--device", required=True, help=N_("The device."))
@click.option("--fingerprint", required=True, help=N_("SHA256:… as ssh-keygen -lf shows it."))
@reason_option
@pass_app
def trust(app: NetopsApp, device: str, fingerprint: str, reason: str) -> None:
    app.netops.collection.trust(app.principal, device, fingerprint, reason=reason)


@commands.command("rules", help=N_("The baseline rules in force."))
@click.option("--platform", help=N_("Only rules of this platform."))
@pass_app
def rules(app: NetopsApp, platform: str | None) -> None:
    chosen = every(partial(app.netops.rules.page, app.principal), Ask().narrowed(platform=platform))
    language = current_language()
    rows = [
        {
            "rule": rule.id,
            "severity": rule.severity.value,
            "title": rule.title.text(language),
            "controls": rule.controls,
            "platforms": sorted(rule.platforms),
        }
        for rule in chosen
    ]
    app.out.rows(rows, _RULES, of="netops.rules")


@archive.command("verify", help=N_("Read every version and check its digest."))
@pass_app
def verify(app: NetopsApp) -> int:
    report = app.netops.archive.verify(app.principal)
    app.out.record({"versions": report.versions, "faults": list(report.faults)})
    return EXIT_INTEGRITY if report.faults else 0


def _device_row(device: Any) -> dict[str, Any]:
    return {
        "device": device.name,
        "state": device.state.value,
        "version": device.version[:12],
        "at": device.at,
        "error": device.error.text(current_language()) if device.error else "",
        "platform": device.platform,
        "zone": device.zone,
        "findings": {severity.value: number for severity, number in device.findings.items()},
    }


def _version_row(version: Any) -> dict[str, Any]:
    return {
        "version": version.version,
        "at": version.collected_at,
        "author": version.actor,
        "source": version.source,
        "digest": version.digest,
        "lines": version.lines,
        "added": version.added,
        "removed": version.removed,
    }


def _result_row(result: Any) -> dict[str, Any]:
    return {
        "device": result.device,
        "state": result.state.value,
        "version": result.version[:12],
        "lines": result.lines,
        "opened": result.opened,
        "fixed": result.fixed,
        "seconds": round(result.seconds, 1),
        "error": result.error.text(current_language()) if result.error else "",
    }


def _finding_row(item: Any, form: str) -> dict[str, Any]:
    return {
        "severity": item.severity.value,
        "rule": item.rule,
        "line": item.line,
        "text": item.text,
        "path": list(item.path),
        "controls": list(item.controls),
        "mend": "\n".join(item.mend) if form in ("table", "csv") else list(item.mend),
    }


def _kept_columns(item: Any) -> dict[str, Any]:
    return {
        "id": item.id,
        "device": item.device,
        "place": f"{item.file}:{item.line}",
        "state": item.state.value,
        "version": item.version[:12],
        "owner": item.owner,
        "until": item.until,
        "first_seen": item.first_seen,
        "last_seen": item.last_seen,
    }


def _reaches(present: Iterable[str], severity: str | None) -> bool:
    """Whether any of the severities present is ``severity`` or heavier; never when no limit was given."""
    return severity is not None and any(
        SEVERITIES.index(found) >= SEVERITIES.index(severity) for found in present
    )
