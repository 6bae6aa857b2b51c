"""Step 4 of the main job: the devices' logs are received, stored and judged; one alert becomes a case."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from console.commands.range import ROOT
from console.demo.model import RANGE, Check, Demo, StepResult
from kernel.errors import Unavailable
from kernel.i18n import N_, translate
from kernel.store.listing import Ask
from siem.jobs import subscriptions
from siem.model import Alert, CaseState
from siem.picture import Mark, timeline_svg
from siem.query import DateHistogram

SERVER_NAME = "collector.gov.internal"
HOUR = timedelta(hours=1)
_WAIT = 60.0  # seconds


def run(demo: Demo) -> StepResult:
    """Collector up, an hour of logs in, everything stored, exactly the planted alert raised, a case opened."""
    analyst, service = demo.people["analyst"], demo.app.siem
    _start_collector(demo)
    try:
        told = _relay_events(demo)
        tls, logger = _openssl_connects(demo), _logger_sends(demo)
        sent = _send_hour(demo)
        expected = sum(sent.values()) + (1 if logger.ok else 0)
        _wait_for(demo, expected)
    finally:
        demo.processes.stop("collector")
    alerts = service.triage.page(analyst, Ask()).items
    case = _open_case(demo, alerts)
    rules = service.rules.test(analyst)
    statistics = service.statistics(analyst)
    evidence = service.record_state(2 * HOUR, analyst)
    retention = service.retain(demo.people["officer"])
    figures = {
        "lines_sent": expected,
        "events": statistics["events"],
        "suite_events": told,
        "datasets": {bucket.key: bucket.count for bucket in statistics["datasets"]},
        "losses": {loss.name: loss.value for loss in service.sources.losses(analyst, Ask()).items},
        "rules": len({result.rule for result in rules}),
        "alerts": [_shown(alert) for alert in alerts],
        "case": case,
        "kept_days": retention.keep_days,
        "evidence": len(evidence),
    }
    checks = [tls, logger, _counts_equal(demo, sent), _rules_right(rules)]
    pictures = {translate(N_("Alert timeline"), "zh_CN"): _picture(demo, alerts)}
    return StepResult("siem", figures, demo.planted("siem"), _ids(demo, alerts), checks, pictures)


# --- the collector
def _start_collector(demo: Demo) -> None:
    log = demo.folder / "collector.log"
    demo.processes.start("collector", [sys.executable, "-m", "console.main", "serve", "collector"], log=log)
    collector = demo.floor.settings.collector

    def listening() -> bool:
        demo.processes.ensure_running("collector", log)
        return all(_accepts(collector.host, port) for port in (collector.tcp_port, collector.tls_port))

    _until(listening, N_("The collector does not listen."), log)


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def _until(done: Callable[[], bool], message: str, place: Path) -> None:
    deadline = time.monotonic() + _WAIT
    while not done():
        if time.monotonic() > deadline:
            raise Unavailable(message, place=str(place))
        time.sleep(0.1)


def _relay_events(demo: Demo) -> int:
    """What the other rooms have told so far goes into the event store too."""
    for name, (kinds, handler) in subscriptions(demo.app.siem).items():
        demo.floor.bus.subscribe(name, kinds, handler)
    return demo.floor.bus.relay(limit=10_000)


# --- senders
def _send_hour(demo: Demo) -> Mapping[str, int]:
    """The practice network's devices send what happened in the hour before now; how many lines by host."""
    command = [sys.executable, "-m", "tests.range", "logs", "--output", "json", "--server-name", SERVER_NAME]
    command += ["--ca", str(demo.folder / "tls" / "ca.pem")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(N_("The practice network could not send its logs."), place=done.stderr[-300:])
    result: dict[str, Any] = json.loads(done.stdout)
    demo.progress(
        translate(
            N_("%(lines)s lines sent by %(hosts)s devices"), lines=result["lines"], hosts=len(result["sent"])
        )
    )
    sent: Mapping[str, int] = result["sent"]
    return sent


def _logger_sends(demo: Demo) -> Check:
    """util-linux's logger, a sender that is not ours, with octet counting over TCP."""
    collector = demo.floor.settings.collector
    command = [
        "logger",
        "--tcp",
        "--octet-count",
        "--server",
        collector.host,
        "--port",
        str(collector.tcp_port),
    ]
    command += ["--tag", "demo", "--rfc5424", "卫城日志接收检查"]
    return _checked(translate(N_("logger delivers over TCP")), command)


def _openssl_connects(demo: Demo) -> Check:
    """OpenSSL verifies the collector's certificate up to our root."""
    collector, ca = demo.floor.settings.collector, str(demo.folder / "tls" / "ca.pem")
    command = ["openssl", "s_client", "-brief", "-verify_return_error", "-CAfile", ca]
    command += ["-verify_hostname", SERVER_NAME, "-connect", f"{collector.host}:{collector.tls_port}"]
    return _checked(translate(N_("OpenSSL accepts the collector's certificate")), command)


def _checked(name: str, command: list[str]) -> Check:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20
    )
    return Check(name, " ".join(command), done.returncode == 0, (done.stdout + done.stderr)[-300:])


def _wait_for(demo: Demo, lines: int) -> None:
    """Until everything that was sent can be found: a datagram that got lost would show here."""
    analyst, service = demo.people["analyst"], demo.app.siem

    def stored() -> bool:
        return service.events.search(analyst, "NOT event.module:weicheng", size=0).total >= lines

    _until(stored, N_("Not all lines that were sent are stored."), demo.folder / "collector.log")


def _counts_equal(demo: Demo, sent: Mapping[str, int]) -> Check:
    """What each device says it sent against what we have of its address."""
    analyst, service = demo.people["analyst"], demo.app.siem
    addresses = {asset.name: asset.address for asset in demo.floor.register.assets()}
    stored = {
        name: service.events.search(analyst, f"log.source.ip:{addresses[name]}", size=0).total
        for name in sent
    }
    different = {name: (sent[name], stored[name]) for name in sent if sent[name] != stored[name]}
    name = translate(N_("Every line that was sent is stored once"))
    return Check(name, "python -m tests.range logs", not different, str(different or sum(stored.values())))


def _rules_right(results: Any) -> Check:
    wrong = [f"{result.place} {result.kind}" for result in results if not result.ok]
    name = translate(N_("Every rule fires on its bad example and is silent on its good one"))
    return Check(name, "weicheng siem rules test", not wrong, ", ".join(wrong) or str(len(results)))


# --- alerts
def _ids(demo: Demo, alerts: Sequence[Alert]) -> list[str]:
    """The planted fault's id for an alert that is one in every detail; rule@source, which no list expects, for any other."""
    faults = yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
    planted = [(f["id"], entry) for f in faults for entry in f["expected"] if entry["room"] == "siem"]
    names = {asset.id: asset.name for asset in demo.floor.register.assets()}
    found = []
    for alert in alerts:
        seen = (alert.rule_name, names.get(alert.asset, ""), alert.group.get("source.ip", ""))
        known = (i for i, entry in planted if (entry["rule"], entry["host"], entry["source"]) == seen)
        found.append(next(known, "@".join(seen[::2])))
    return found


def _shown(alert: Alert) -> dict[str, Any]:
    return {
        "rule": alert.rule_name,
        "title": alert.titles["zh_CN"],
        "risk": alert.risk,
        "count": alert.count,
        "group": dict(alert.group),
    }


def _open_case(demo: Demo, alerts: Sequence[Alert]) -> str:
    """The gravest alert is taken on and becomes a case; its source is contained, the rest is left to do."""
    if not alerts:
        return ""
    analyst, cases = demo.people["analyst"], demo.app.siem.cases
    demo.app.siem.triage.acknowledge(analyst, alerts[0].id)
    case = cases.open(analyst, [alerts[0].id]).case
    demo.app.siem.work.add_task(analyst, case.id, "核查来源地址的使用人并更换被猜测账号的口令")
    cases.add_note(analyst, case.id, "来源地址位于县级接入区，登录均失败，未发现成功登录")
    cases.move(analyst, case.id, CaseState.CONTAINED, "已通知临江县封堵来源地址")
    demo.progress(f"{alerts[0].titles['zh_CN']} → {case.id}")
    return case.id


def _picture(demo: Demo, alerts: Sequence[Alert]) -> str:
    """Events of the hour by the minute, and when the alerts' first events were."""
    zone = ZoneInfo(demo.floor.settings.timezone)
    end = demo.floor.clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    minutes = [end - HOUR + timedelta(minutes=n) for n in range(60)]
    page = demo.app.siem.events.search(
        demo.people["analyst"], since=minutes[0], until=end, size=0, aggregations={"m": DateHistogram(60)}
    )
    counts = {datetime.fromisoformat(bucket.key): bucket.count for bucket in page.aggregations["m"]}
    marks = [Mark(alert.first_seen, alert.titles["zh_CN"], alert.level) for alert in alerts]
    return timeline_svg([(minute, counts.get(minute, 0)) for minute in minutes], marks, zone)
