"""Configurations of the practice network, over real SSH: collected, judged, mended; and what faulty sessions leave behind."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.compose.floor import Floor, build_floor
from console.compose.netops import build
from console.compose.tables import import_all_tables
from kernel.assets.service import Register
from kernel.clock import SystemClock
from kernel.config import Netops, Settings
from kernel.credentials import Credential
from kernel.evidence.model import EvidenceKind
from kernel.evidence.ports import NullSealer
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.store.listing import Ask, every
from netops.collection.model import DeviceState, RunReport
from netops.compliance.model import PRESENT, Finding, FindingState
from netops.service import NetopsService
from tests.conftest import UNITS, person

ROOT = Path(__file__).parent.parent.parent
RANGE = ROOT / "tests" / "range"
OFFSET = 4100  # beside a practice network that may be running for somebody else


def ranged(verb: str, folder: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.range", verb, "--state", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120).returncode


@dataclass
class Network:
    """A running practice network and the room that looks after it."""

    folder: Path
    floor: Floor
    netops: NetopsService
    admin: Principal

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return state

    @property
    def up(self) -> list[str]:
        return sorted(name for name, entry in self.state["hosts"].items() if entry["state"] == "up")

    def collect(self, *devices: str) -> RunReport:
        return self.netops.collection.collect(self.admin, devices or self.up)

    def findings(self, states: Iterable[FindingState] = PRESENT) -> list[Finding]:
        asked = Ask(filters={"state": tuple(states)})
        return list(every(partial(self.netops.findings.page, self.admin), asked))

    def found(self) -> set[tuple[str, str]]:
        return {(finding.device, finding.rule) for finding in self.findings()}

    def restart(self, *inject: str) -> None:
        ranged("down", self.folder)
        faults = [word for fault in inject for word in ("--inject", fault)]
        assert ranged("up", self.folder, "--offset", str(OFFSET), *faults) in (0, 3)
        self.floor.credentials.put(self.admin, "range", Credential(**self.state["credential"]))


@pytest.fixture
def network(tmp_path: Path, network_admin: Principal) -> Iterator[Network]:
    settings = Settings(data_dir=tmp_path / "data", netops=Netops(connect_seconds=8, read_seconds=8))
    floor = build_floor(settings, SystemClock(), NoCertificates(), NullSealer())
    import_all_tables()
    floor.database.create_all()
    with floor.database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    register_range(floor.register, network_admin)
    made = Network(tmp_path / "range", floor, build(floor), network_admin)
    try:
        made.restart()
        yield made
    finally:
        ranged("down", made.folder)
        floor.database.close()


class NoCertificates:
    """Nobody signs in by certificate here."""

    def good(self, certificate: bytes) -> bool:
        return False


def register_range(register: Register, admin: Principal) -> None:
    register.import_zones(admin, RANGE / "zones.csv", all_or_nothing=True)
    register.import_table(admin, RANGE / "register.csv", all_or_nothing=True)
    for asset in register.assets():
        if "ssh_port" in asset.attributes:
            moved = {**asset.attributes, "ssh_port": int(asset.attributes["ssh_port"]) + OFFSET}
            register.put_asset(admin, replace(asset, attributes=moved))


def planted(hosts: list[str]) -> set[tuple[str, str]]:
    faults = yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
    expected = [entry for fault in faults for entry in fault["expected"] if entry["room"] == "netops"]
    return {(entry["host"], entry["rule"]) for entry in expected if entry["host"] in hosts}


def type_into(network: Network, device: str, commands: tuple[str, ...]) -> None:
    """As the network administrator would: log in with netmiko and type the commands in configuration mode."""
    from netmiko import ConnectHandler

    asset, credential = network.floor.register.asset(device), network.state["credential"]
    driver = network.netops.vendors[asset.platform].driver
    with ConnectHandler(
        device_type=driver, host=asset.address, port=asset.attributes["ssh_port"], username=credential["username"],
        password=credential["password"], secret=credential["enable"],
    ) as connection:  # fmt: skip
        if not connection.check_enable_mode():
            connection.enable()
        connection.send_config_set(list(commands))


def test_exactly_the_planted_faults_and_their_commands_mend_them(network: Network) -> None:
    report = network.collect()
    assert [str(result.error) for result in report.failed] == []
    assert {result.device for result in report.results} >= {
        "nw-core-vrp",
        "nw-acc-h3c",
        "ww-core-ios",
        "ww-fw-asa",
    }
    assert network.found() == planted(network.up)
    again = network.collect()
    assert {result.state for result in again.results} == {DeviceState.UNCHANGED}

    findings = {finding.rule: finding for finding in network.findings()}
    for rule in ("telnet-open", "snmp-public", "any-any", "gateway-bypass"):
        type_into(network, findings[rule].device, findings[rule].mend)
    mended = network.collect()
    assert sum(result.fixed for result in mended.results) == 4
    fixed = network.findings([FindingState.FIXED])
    assert {finding.rule for finding in fixed} == {"telnet-open", "snmp-public", "any-any", "gateway-bypass"}
    diff = network.netops.archive.diff(network.admin, "nw-acc-h3c")
    assert "- telnet server enable" in diff

    archive = network.floor.settings.data_dir / "netops" / "archive.git"
    done = subprocess.run(
        ["git", f"--git-dir={archive}", "fsck", "--full", "--strict"], capture_output=True, check=False
    )
    assert done.returncode == 0
    assert len(network.floor.evidence.find(EvidenceKind.CONFIG_CHECKED, limit=100)) == 3 * len(network.up)


def test_faulty_sessions_leave_nothing_half_done(network: Network) -> None:
    network.collect()
    before = {name: network.netops.archive.text(network.admin, name) for name in network.up}
    network.restart(
        "gap-in:cut_after=20", "nw-acc-h3c:hang_after=30", "nw-core-vrp:pause_at_hash=0.6,password_question",
        "ww-core-ios:slow=0.3",
    )  # fmt: skip
    wrong = Credential(**{**network.state["credential"], "password": "not-the-password", "key_file": ""})
    network.floor.credentials.put(network.admin, "wrong", wrong)
    asset = network.floor.register.asset("exit-fw-topsec")
    attributes = {**asset.attributes, "credential": "wrong"}
    network.floor.register.put_asset(network.admin, replace(asset, attributes=attributes))

    report = network.collect()
    errors = {result.device: type(result.error).__name__ for result in report.failed}
    assert errors == {
        "gap-in": "SessionBroken",
        "nw-acc-h3c": "SessionBroken",
        "exit-fw-topsec": "LoginFailed",
    }
    states = {result.device: result.state for result in report.results if not result.error}
    assert set(states.values()) == {DeviceState.UNCHANGED}
    assert "nw-core-vrp" in states
    assert {name: network.netops.archive.text(network.admin, name) for name in network.up} == before
    assert (
        "nw-acc-h3c",
        "telnet-open",
    ) in network.found()  # what could not be collected is not taken for mended
    for result in report.failed:
        assert result.error is not None
        assert result.error.mend
        assert "not-the-password" not in str(result.error)


def test_a_device_with_another_host_key_gets_no_password_until_it_is_trusted(network: Network) -> None:
    network.collect("gap-out")
    shutil.rmtree(network.folder / "hosts" / "gap-out")
    network.restart()
    report = network.collect("gap-out", "gap-in")
    assert [(result.device, type(result.error).__name__) for result in report.failed] == [
        ("gap-out", "HostKeyChanged")
    ]
    error = report.failed[0].error
    assert error is not None
    shown: str = error.shown.fingerprint  # type: ignore[attr-defined]
    network.netops.collection.trust(network.admin, "gap-out", shown, reason="the device was replaced")
    assert not network.collect("gap-out").failed
    assert not network.collect("gap-out").failed


def test_a_killed_collection_loses_nothing_and_the_next_completes_it(network: Network) -> None:
    """kill -9 at several moments of a run in a process of its own; then archive, database and findings agree again."""
    devices = network.up
    for pause in (0.15, 0.3, 0.45):
        process = multiprocessing.get_context("fork").Process(
            target=_collect_forever, args=(network, devices)
        )
        process.start()
        time.sleep(pause)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(10)
    report = network.collect()
    assert not report.failed
    assert network.found() == planted(devices)
    assert network.netops.archive.verify(network.admin).faults == ()
    for device in devices:
        assert len(network.netops.versions.page(network.admin, Ask().narrowed(device=device)).items) == 1
        assert network.netops.archive.original(network.admin, device, reason="proof")
    findings = network.findings(())
    assert len(findings) == len({(finding.device, finding.rule) for finding in findings})
    assert network.floor.trail.verify(person("auditor", Role.AUDITOR)).intact


def _collect_forever(network: Network, devices: list[str]) -> None:
    network.floor.database.engine.dispose(close=False)  # connections are the parent's
    while True:
        network.collect(*devices)
