"""Step 3 of the main job: every agent polled by SNMPv3, the network compared with the register, traps, certificates."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml

from console.commands.range import ROOT
from console.compose.monitor import build_trap_receiver
from console.demo.model import RANGE, Check, Demo, StepResult
from kernel.i18n import N_, translate
from kernel.store.listing import MOST, Ask
from monitor.adapters.traps import TrapReceiver
from monitor.model import Finding, FindingKind, TrapRecord
from monitor.picture import topology_svg
from monitor.services.polling import Polled

# what the devices are made to say, as the practice network's command has it: host, kind, port
TRAPS = (
    ("nw-core-vrp", "link-down", "GigabitEthernet0/0/1"),
    ("nw-core-vrp", "link-up", "GigabitEthernet0/0/1"),
    ("ww-core-ios", "authentication-failure", ""),
    ("exit-fw-topsec", "cold-start", ""),
)
_TRAP_NAMES = {
    "link-down": "linkDown",
    "link-up": "linkUp",
    "authentication-failure": "authenticationFailure",
    "cold-start": "coldStart",
}
_WAIT = 10.0  # seconds


def run(demo: Demo) -> StepResult:
    """Poll, compare, probe, listen; what is found must be the planted list and nothing else."""
    admin, service = demo.people["network_admin"], demo.app.monitor
    polled = service.polling.poll(admin)
    for one in polled:
        demo.progress(f"{one.asset.name}: {translate(one.device.state)} {one.device.problem or ''}".rstrip())
    network = service.network.check(admin)
    endpoints = service.endpoints.check(admin)
    with _listening(demo) as receiver:
        sent = [_send(demo, receiver.port, trap) for trap in TRAPS]
        _wait_for(receiver, len(TRAPS))
        counts = receiver.counts
    received = [one.trap for one in service.notifications.page(admin, Ask(limit=MOST)).items]
    findings = (*network.findings, *endpoints.findings)
    names = {asset.id: asset.name for asset in network.view.assets}
    figures = {
        **_polled_figures(polled),
        "links_seen": len(network.view.comparison.seen),
        "links_without_lldp": len(network.view.comparison.unverifiable),
        "tls_endpoints": len(endpoints.endpoints),
        "traps": dict(counts.__dict__),
        "traps_by_name": sorted(f"{names.get(one.asset, one.source)} {one.name}" for one in received),
        "evidence": len(service.records.record(admin)),
        "findings": [_shown(finding, names) for finding in findings],
    }
    checks = [_all_answered(figures), *sent, _all_received(received, names), *_openssl(findings)]
    pictures = {translate(N_("Network topology"), "zh_CN"): topology_svg(network.view)}
    return StepResult("monitor", figures, demo.planted("monitor"), _ids(findings, names), checks, pictures)


def _polled_figures(polled: Sequence[Polled]) -> dict[str, Any]:
    return {
        "devices": len(polled),
        "answered": sum(one.device.problem is None for one in polled),
        "silent": [f"{one.asset.name}: {one.device.problem}" for one in polled if one.device.problem],
        "snmp_versions": sorted({one.version for one in polled}),
        "interfaces": sum(one.interfaces for one in polled),
    }


def _ids(findings: Sequence[Finding], names: Mapping[str, str]) -> list[str]:
    """The planted fault's id for a finding that is one in every detail; rule@device, which no list expects, for any other."""
    faults = yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
    planted = [
        (fault["id"], entry) for fault in faults for entry in fault["expected"] if entry["room"] == "monitor"
    ]
    found = []
    for finding in findings:
        device = names[finding.asset]
        known = (fault for fault, entry in planted if _is(entry, finding, device))
        found.append(next(known, f"{finding.kind}@{device}"))
    return found


def _is(entry: Mapping[str, Any], finding: Finding, device: str) -> bool:
    """Whether a finding is the planted one: rule, host (of an endpoint: its address) and every further detail."""
    details = {key: value for key, value in entry.items() if key not in ("room", "rule", "host")}
    host = device == entry["host"] or "endpoint" in details
    return entry["rule"] == finding.kind and host and details.items() <= dict(finding.details).items()


def _shown(finding: Finding, names: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "device": names[finding.asset],
        "rule": str(finding.kind),
        "severity": finding.severity,
        "subject": finding.subject,
    }


# --- traps
@contextmanager
def _listening(demo: Demo) -> Iterator[TrapReceiver]:
    receiver = build_trap_receiver(demo.floor, demo.app.monitor)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def _send(demo: Demo, receiver: int, trap: tuple[str, str, str]) -> Check:
    """Have a device of the practice network send one trap."""
    host, kind, port = trap
    to = f"{demo.floor.settings.collector.host}:{receiver}"
    command = ["tests.range", "trap", "--state", str(demo.range_state.parent), "--to", to, host, kind]
    command += ["--port", port] if port else []
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    name = translate(N_("%(host)s sends a trap: %(kind)s"), host=host, kind=kind)
    return Check(name, f"python -m tests.range trap {host} {kind}", done.returncode == 0, done.stderr[-300:])


def _wait_for(receiver: TrapReceiver, wanted: int) -> None:
    deadline = time.monotonic() + _WAIT
    while receiver.counts.accepted < wanted and time.monotonic() < deadline:
        time.sleep(0.05)


# --- checks by others
def _all_answered(figures: Mapping[str, Any]) -> Check:
    ok = figures["answered"] == figures["devices"] and figures["snmp_versions"] == ["v3"]
    name = translate(N_("Every registered agent answers by SNMPv3"))
    return Check(name, "weicheng monitor poll", ok, ", ".join(figures["silent"]))


def _all_received(received: Sequence[TrapRecord], names: Mapping[str, str]) -> Check:
    """Each trap was kept once, under the name of its sender and of its kind."""
    kept = {(names.get(one.asset, ""), one.name) for one in received if one.version == "v3"}
    wanted = {(host, _TRAP_NAMES[kind]) for host, kind, _port in TRAPS}
    missing = ", ".join(f"{host} {name}" for host, name in sorted(wanted - kept))
    return Check(
        translate(N_("Every trap arrived by SNMPv3")), "weicheng monitor traps", not missing, missing
    )


def _openssl(findings: Sequence[Finding]) -> list[Check]:
    """OpenSSL's own client is shown the same expired certificate."""
    checks = []
    for finding in findings:
        if finding.kind is not FindingKind.EXPIRED_CERTIFICATE:
            continue
        endpoint = str(finding.details["endpoint"])
        command = ["openssl", "s_client", "-connect", endpoint]
        shown = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20
        )
        expired = "certificate has expired" in shown.stdout + shown.stderr
        name = translate(
            N_("OpenSSL says that the certificate of %(endpoint)s has expired"), endpoint=endpoint
        )
        checks.append(Check(name, " ".join(command), expired, shown.stderr.strip()[-300:]))
    return checks
