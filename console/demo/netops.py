"""Step 2 of the main job: every device's configuration collected, versioned, masked and checked against the baseline."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from console.demo.model import RANGE, Check, Demo, StepResult
from kernel.i18n import N_, translate
from kernel.secrets import write_private
from kernel.store.listing import Ask, every
from netops.archive.git import branch_of
from netops.archive.names import archive_name
from netops.collection.model import DeviceState, RunReport
from netops.compliance.model import PRESENT, Finding

ARCHIVE = Path("netops") / "archive.git"


def run(demo: Demo) -> StepResult:
    """Collect twice (the second time nothing may have changed), compare the findings with the planted list."""
    admin, netops = demo.people["network_admin"], demo.app.netops
    report = netops.collection.collect(admin, progress=lambda _done, _all, text: demo.progress(text))
    again = netops.collection.collect(admin)
    findings = list(every(partial(netops.findings.page, admin), Ask(filters={"state": tuple(PRESENT)})))
    archive = netops.archive.verify(demo.people["dr_admin"])
    figures = {
        "devices": len(report.results),
        "collected": len(report.results) - len(report.failed),
        "failed": [f"{result.device}: {result.error}" for result in report.failed],
        "lines": sum(result.lines for result in report.results),
        "lines_not_understood": sum(result.unread for result in report.results),
        "versions": archive.versions,
        "rules": netops.rules.page(admin, Ask()).total,
        "findings": [_shown(finding) for finding in findings],
    }
    folder = demo.floor.settings.data_dir / ARCHIVE
    checks = [
        _nothing_changed(again),
        _git(folder, N_("git finds the archive whole"), "fsck", "--full", "--strict"),
        _no_secret(demo, folder),
        *(_line_in_archive(folder, finding) for finding in findings if finding.line),
    ]
    return StepResult("netops", figures, demo.planted("netops"), _ids(findings), checks)


def _ids(findings: Sequence[Finding]) -> list[str]:
    """The planted fault's id for a finding that is one; rule@device, which no list expects, for any other."""
    planted = {
        (entry["host"], entry["rule"]): (fault["id"], entry["text"])
        for fault in yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
        for entry in fault["expected"]
        if entry["room"] == "netops"
    }
    found = []
    for finding in findings:
        fault, text = planted.get((finding.device, finding.rule), ("", ""))
        known = bool(fault) and (finding.text.startswith(text) if text else finding.line == 0)
        found.append(fault if known else f"{finding.rule}@{finding.device}")
    return found


def _shown(finding: Finding) -> Mapping[str, Any]:
    return {
        "device": finding.device,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "place": f"{finding.file}:{finding.line}",
        "text": finding.text,
        "controls": list(finding.controls),
        "mend": list(finding.mend),
    }


def _nothing_changed(again: RunReport) -> Check:
    other = [f"{r.device}: {r.state.value}" for r in again.results if r.state is not DeviceState.UNCHANGED]
    name = translate(N_("A second collection changes nothing"))
    return Check(name, "weicheng netops collect", not other, "\n".join(other))


def _git(folder: Path, name: str, *arguments: str, wanted: int = 0) -> Check:
    done = _run(folder, *arguments)
    command = " ".join(["git", f"--git-dir={folder.name}", *arguments])
    return Check(
        translate(name), command, done.returncode == wanted, (done.stdout + done.stderr).strip()[-400:]
    )


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["git", f"--git-dir={folder}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _no_secret(demo: Demo, folder: Path) -> Check:
    """git searches every version for the passwords that logged in and for the hashes of the practice devices."""
    state = json.loads(demo.range_state.read_text())
    secrets = [
        value for key, value in state["credential"].items() if key not in ("username", "snmp_user") and value
    ]
    patterns = demo.folder / "secrets" / "netops-patterns"
    write_private(patterns, ("\n".join([*secrets, "$9$2MJBozw/", "0608002F495B"]) + "\n").encode())
    versions = _run(folder, "rev-list", "--branches").stdout.split()
    try:
        name = N_("git finds no secret in any version")
        check = _git(
            folder, name, "grep", "--count", "--fixed-strings", "-f", str(patterns), *versions, wanted=1
        )
    finally:
        patterns.unlink()
    command = (
        f"git --git-dir={folder.name} grep --count --fixed-strings -f <passwords> $(git rev-list --branches)"
    )
    return Check(check.name, command, check.ok, check.output)


def _line_in_archive(folder: Path, finding: Finding) -> Check:
    """The archive's file has the offending text at the line that the finding names."""
    blob = f"{branch_of(archive_name(finding.device))}:{finding.file}"
    line = dict(enumerate(_run(folder, "show", blob).stdout.splitlines(), 1)).get(finding.line, "")
    name = translate(N_("%(place)s is the offending line"), place=f"{finding.file}:{finding.line}")
    return Check(
        name, f"git show {blob} | sed -n {finding.line}p", line.strip() == finding.text, line.strip()
    )
