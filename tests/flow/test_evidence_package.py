"""What an assessor does after the main job: exports packages from the command line and verifies them without the suite."""

import csv
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.conftest import ROOT


class Assessor:
    """A terminal on the demo's data."""

    def __init__(self, demo: Path, home: Path) -> None:
        self.root = demo / "tls" / "root.pem"
        self.home = home
        self._env = {
            **os.environ,
            "WEICHENG_CONFIG": str(demo / "weicheng.toml"),
            "WEICHENG_SESSION_FILE": str(home / "session"),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
        }

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "console.main", *arguments],
            cwd=self.home,
            capture_output=True,
            text=True,
            env=self._env,
            timeout=120,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "console.main", *arguments], cwd=ROOT, env=self._env)


@pytest.fixture(scope="module")
def terminal(finished_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assessor]:
    """Signed in as the assessor, with the signer's process running."""
    made = Assessor(finished_demo, tmp_path_factory.mktemp("assessor"))
    socket = finished_demo / "data" / "signer.sock"
    signer = made.start("serve", "signer")
    try:
        for _ in range(200):
            if socket.is_socket():
                break
            assert signer.poll() is None
            time.sleep(0.05)
        made.run("login", "--demo", "--user", "xu.tao")
        yield made
    finally:
        signer.terminate()
        signer.wait(20)


@pytest.fixture(scope="module")
def assessment(terminal: Assessor) -> str:
    return str(json.loads(terminal.run("-o", "json", "policies", "list"))[0]["id"])


def verified(folder: Path, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", str(folder / "verify.sh"), str(root)], capture_output=True, text=True, env=environment
    )


def test_a_package_of_the_failing_results_verifies_without_the_suite(
    terminal: Assessor, assessment: str, tmp_path: Path
) -> None:
    file = tmp_path / "failing.zip"
    terminal.run("policies", "export", assessment, str(file), "--outcome", "fails")
    assert file.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "package")
    done = verified(tmp_path / "package", terminal.root)
    assert done.returncode == 0, done.stdout + done.stderr
    table = (tmp_path / "package" / "controls.csv").read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(table)))[1:]
    assert {row[6] for row in rows} == {"不符合"}
    failing = {(row[1], row[5]) for row in rows}
    assert {("L3-8.1.4.1-c", "nw-acc-h3c"), ("L3-8.1.3.2-a", "ww-fw-asa")} <= failing


def test_the_suite_refuses_a_package_with_one_bit_changed(
    terminal: Assessor, assessment: str, tmp_path: Path
) -> None:
    file, spoilt = tmp_path / "whole.zip", tmp_path / "spoilt.zip"
    terminal.run("policies", "export", assessment, str(file))
    terminal.run("policies", "verify", str(file), "--root", str(terminal.root))
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(spoilt, "w") as target:
        for name in source.namelist():
            data = bytearray(source.read(name))
            if name == "report.html":
                data[100] ^= 1
            target.writestr(name, bytes(data))
    told = terminal.run("policies", "verify", str(spoilt), "--root", str(terminal.root), status=7)
    assert "report.html" in told


def test_a_masked_package_holds_no_management_address(
    terminal: Assessor, assessment: str, tmp_path: Path
) -> None:
    file = tmp_path / "masked.zip"
    terminal.run("policies", "export", assessment, str(file), "--masking", "addresses-and-accounts")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "package")
        whole = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".xlsx"))
    assert b"127.20.10.1" not in whole
    assert verified(tmp_path / "package", terminal.root).returncode == 0


def test_the_assessor_reads_and_changes_nothing(terminal: Assessor, assessment: str) -> None:
    (system,) = json.loads(terminal.run("-o", "json", "policies", "systems", "list"))
    assert (system["level"], system["state"]) == ("S3A3G3", "filed")
    results = json.loads(terminal.run("-o", "json", "policies", "controls", assessment, "--outcome", "fails"))
    terminal.run("policies", "assess", system["id"], status=5)
    terminal.run("policies", "confirm", results[0]["id"], "--note", "x", status=5)
    terminal.run("policies", "systems", "move", system["id"], "retired", "--document", "x", status=5)
    terminal.run("policies", "controls", "asm_none", status=4)


def test_the_evidence_of_the_main_job_is_whole_and_each_record_can_be_checked(terminal: Assessor) -> None:
    rows = json.loads(terminal.run("-o", "json", "evidence", "list"))
    kinds = {row["kind"] for row in rows}
    assert {
        "netops:config:checked",
        "backup:replica:verified",
        "audit:chain:anchored",
        "ca:status:checked",
    } <= kinds
    assert json.loads(terminal.run("-o", "json", "evidence", "verify", rows[-1]["id"]))["intact"] is True
    shown = json.loads(terminal.run("-o", "json", "evidence", "show", rows[-1]["id"]))
    assert shown["id"] == rows[-1]["id"]


def test_all_policy_data_of_the_suite_is_sound(terminal: Assessor) -> None:
    counts = json.loads(terminal.run("-o", "json", "policies", "check"))
    assert counts["catalogue"] == 10
    assert {"baselines", "detections", "cert_profiles", "backup_plans", "thresholds"} <= counts.keys()
