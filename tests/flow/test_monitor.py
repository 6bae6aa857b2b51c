"""Monitoring on the practice network: real SNMP, LLDP, TLS and traps, and exactly what was planted is found."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.compose.app import App
from console.compose.tables import import_all_tables
from console.demo import monitor as step
from console.demo.model import RANGE, Demo, StepResult
from console.demo.processes import Processes
from kernel.config import Settings
from kernel.credentials import Credential
from kernel.identity.model import Principal
from kernel.identity.store import units
from tests.conftest import UNITS, person
from tests.range.state import Folder
from tests.unit.monitor.netsnmp import free_udp_port

ROOT = RANGE.parent.parent
OFFSET = 21_000  # other ports than those of a practice network that somebody has running


def range_command(verb: str, folder: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.range", verb, "--state", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=60).returncode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("monitor")
    started = range_command("up", made / "range", "--offset", str(OFFSET))
    if started not in (0, 3):
        pytest.fail(f"the practice network did not start ({started})")
    yield made
    range_command("down", made / "range")


def register(app: App, admin: Principal, folder: Path) -> None:
    """The practice network's tables, with the ports it uses this time."""
    with (RANGE / "register.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {
            name: str(int(row[name]) + OFFSET) for name in ("ssh_port", "snmp_port", "tls_port") if row[name]
        }
    table = folder / "register.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for report in (
        app.assets.import_zones(admin, RANGE / "zones.csv"),
        app.assets.import_table(admin, table),
        app.assets.import_links(admin, RANGE / "links.csv"),
    ):
        assert report.rows_bad == ()
    app.floor.credentials.put(admin, "range", Credential(**Folder(folder / "range").read()["credential"]))


@pytest.fixture(scope="module")
def demo(folder: Path) -> Demo:
    from kernel.identity.model import Role

    settings = Settings(data_dir=folder / "data", collector={"trap_port": free_udp_port()})  # type: ignore[arg-type]
    app = App(settings)
    import_all_tables()
    app.floor.database.create_all()
    with app.floor.database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    admin = person("network-admin", Role.NETWORK_ADMINISTRATOR)
    register(app, admin, folder)
    return Demo(
        app, folder, {"network_admin": admin}, lambda _text: None, Processes(folder / "processes.json")
    )


@pytest.fixture(scope="module")
def result(demo: Demo) -> StepResult:
    return step.run(demo)


def left_out(demo: Demo) -> set[str]:
    """Hosts this machine can not run (a namespace needs root, say)."""
    return set(Folder(demo.folder / "range").read()["left_out"])


def test_every_agent_answers_by_version_3(result: StepResult, demo: Demo) -> None:
    assert {entry.split(":")[0] for entry in result.figures["silent"]} == left_out(demo)
    assert result.figures["answered"] == 9 - len(left_out(demo))
    assert set(result.figures["snmp_versions"]) == {"v3"}


def test_exactly_what_was_planted_is_found(result: StepResult, demo: Demo) -> None:
    """On these ports the expired certificate stands at another endpoint than in the list: told as one that is not in it."""
    gone = ["unreachable-service@nw-srv-linux-tls"] if "nw-srv-linux" in left_out(demo) else []
    assert set(result.expected) == {"gateway-bypass", "unregistered-device", "expired-certificate"}
    assert sorted(result.found) == sorted(
        ["gateway-bypass", "unregistered-device", "expired-certificate@ww-fw-asa-tls", *gone]
    )


def test_links_that_nobody_can_see_are_counted_and_not_called_missing(result: StepResult) -> None:
    assert result.figures["links_seen"] == 6
    assert result.figures["links_without_lldp"] == 3


def test_traps_of_the_devices_are_kept_under_their_names(result: StepResult) -> None:
    assert result.figures["traps"]["accepted"] == 4
    assert result.figures["traps_by_name"] == [
        "exit-fw-topsec coldStart",
        "nw-core-vrp linkDown",
        "nw-core-vrp linkUp",
        "ww-core-ios authenticationFailure",
    ]


def test_independent_checks_agree(result: StepResult, demo: Demo) -> None:
    failed = [check.name for check in result.checks if not check.ok]
    assert len(failed) == (1 if left_out(demo) else 0), failed
    assert any("openssl s_client" in check.command for check in result.checks)


def test_the_picture_shows_the_bypass_and_the_stranger(result: StepResult) -> None:
    (picture,) = result.pictures.values()
    assert "nw-rogue-sw" in picture
    assert "绕过网闸" in picture
