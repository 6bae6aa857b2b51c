"""The main job: exactly what was planted is found, other people's tools agree, nothing secret is left lying about."""

import json
from pathlib import Path

import pytest
import yaml

from console.demo.processes import Processes
from tests.flow.conftest import ROOT, kill_at, run_demo

STEPS = ("ca", "netops", "monitor", "siem", "backup", "policies")


@pytest.fixture(scope="module")
def summary(finished_demo: Path) -> dict[str, dict[str, object]]:
    data = json.loads((finished_demo / "summary.json").read_text())
    assert data["passed"] is True
    return {step["name"]: step for step in data["steps"]}


def test_every_step_found_exactly_what_was_planted(summary: dict[str, dict[str, object]]) -> None:
    faults = yaml.safe_load((ROOT / "tests" / "range" / "faults.yaml").read_text())["faults"]
    assert tuple(summary) == STEPS
    for room in ("netops", "monitor", "siem", "backup"):
        planted = sorted(f["id"] for f in faults if any(entry["room"] == room for entry in f["expected"]))
        assert planted
        assert sorted(summary[room]["found"]) == planted  # type: ignore[call-overload]


def test_independent_tools_agreed(summary: dict[str, dict[str, object]]) -> None:
    checks = {name: step["checks"] for name, step in summary.items()}
    for name in STEPS:
        assert checks[name], name
        assert all(check["ok"] for check in checks[name])  # type: ignore[attr-defined]
    commands = " ".join(check["command"] for found in checks.values() for check in found)  # type: ignore[attr-defined]
    for tool in ("openssl verify", "openssl ocsp", "openssl ts", "git ", "restic", "verify.sh"):
        assert tool in commands, tool


def test_the_report_is_one_file_with_pictures_and_no_request_to_anywhere(finished_demo: Path) -> None:
    report = (finished_demo / "report.html").read_text()
    assert report.count("<svg") >= 3
    assert "<script" not in report
    for outside in ('src="http', "src='http", 'href="http', "url(http", "@import"):
        assert outside not in report


def test_no_secret_is_readable_by_others_or_left_in_logs(finished_demo: Path) -> None:
    accounts = json.loads((finished_demo / "people" / "accounts.json").read_text())
    state = finished_demo / "range" / "state.json"
    secrets = [account["password"] for account in accounts]
    if state.exists():
        credential = json.loads(state.read_text())["credential"]
        secrets += [
            value
            for key, value in credential.items()
            if value and key not in ("username", "key_file", "snmp_user")
        ]
    assert (finished_demo / "people" / "accounts.json").stat().st_mode & 0o077 == 0
    for path in finished_demo.rglob("*"):
        if (
            path.is_file()
            and path.suffix in (".log", ".html", ".json", ".txt")
            and path.parent.name not in ("people", "range")
        ):
            text = path.read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], path
    assert (finished_demo.stat().st_mode & 0o077) == 0


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run_demo(tmp_path)
    assert done.returncode == 6
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_killed_in_the_middle_it_left_nobody_behind(finished_demo: Path) -> None:
    """The power was cut at the fourth step before the job ran to its end."""
    _nobody_is_left(finished_demo)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2, 3, 5, 6])
def test_killed_at_any_step_it_runs_again_and_leaves_nobody_behind(tmp_path: Path, step: int) -> None:
    folder = tmp_path / "demo"
    kill_at(folder, step)
    again = run_demo(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    _nobody_is_left(folder)


def _nobody_is_left(folder: Path) -> None:
    assert Processes(folder / "processes.json").clean() == 0
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if str(folder) in cmdline(pid)]


def cmdline(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
