"""``weicheng netops``: output that scripts can read, exit statuses they can trust."""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.edges.cli import Output
from kernel.errors import Invalid, NotFound, NotPermitted, WeichengError
from kernel.identity.model import Principal
from netops.cli import commands
from netops.service import NetopsService
from tests.unit.netops.conftest import RANGE, Room


@dataclass
class App:
    netops: NetopsService
    principal: Principal
    out: Output
    settings: Settings = field(default_factory=Settings)


@dataclass
class Cli:
    """Runs one command line and gives its exit status and what it wrote."""

    room: Room
    principal: Principal
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, form: str = "json", who: Principal | None = None) -> tuple[int, str]:
        app = App(self.room.netops, who or self.principal, Output(form))
        status = commands.main(list(arguments), standalone_mode=False, obj=app)
        return status or 0, self.capture.readouterr().out

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments)[1])


@pytest.fixture
def cli(room: Room, network_admin: Principal, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(room, network_admin, capsys)


IOS = "ww-core-ios"


def test_collecting_names_what_failed_and_says_partly(cli: Cli) -> None:
    status, out = cli("collect")
    rows = {row["device"]: row for row in json.loads(out)}
    assert status == 3
    assert rows[IOS]["state"] == "first"
    assert rows["ww-rtr-frr"]["state"] == "failed"
    assert "no recording" in rows["ww-rtr-frr"]["error"]


def test_collecting_one_device_and_failing_on_heavy_findings(cli: Cli) -> None:
    assert cli("collect", "--device", IOS)[0] == 0
    assert cli("collect", "--device", IOS, "--fail-on", "high")[0] == 10
    assert cli("collect", "--device", IOS, "--fail-on", "critical")[0] == 0
    assert cli("collect", "--device", "ww-rtr-frr")[0] == 1


def test_versions_show_and_diff(cli: Cli, clock: FixedClock) -> None:
    cli("collect", "--device", IOS)
    clock.advance(hours=1)
    screens = cli.room.collector.screens
    screens[IOS] = screens[IOS].replace("logging trap informational", "logging trap warnings")
    cli("collect", "--device", IOS)
    versions = cli.json("versions", IOS)
    assert [row["author"] for row in versions] == ["usr_network-admin", "usr_network-admin"]
    old = versions[1]["version"]
    assert "logging trap informational" in cli("show", IOS, "--version", old[:10])[1]
    diff = cli("diff", IOS)[1]
    assert "-logging trap informational\n+logging trap warnings" in diff
    assert cli("diff", IOS, old[:10], versions[0]["version"])[1] == diff
    collected = [row["device"] for row in cli.json("devices") if row["state"] == "changed"]
    assert collected == [IOS]


def test_findings_can_be_handled_from_the_command_line(cli: Cli, officer: Principal) -> None:
    cli("collect", "--device", IOS)
    findings = {row["rule"]: row for row in cli.json("findings", "--device", IOS)}
    public = findings["snmp-public"]
    line = cli("show", IOS)[1].splitlines().index("snmp-server community public RO 20") + 1
    assert public["place"] == f"{IOS}.cfg:{line}"
    assert "no snmp-server community public" in public["mend"]
    cli("acknowledge", public["id"], "--reason", "planned for Friday")
    weak = findings["weak-hash"]
    words = ("--owner", "li", "--until", "2026-12-31", "--reason", "migration")
    with pytest.raises(NotPermitted):
        cli("except", weak["id"], *words)
    cli("except", weak["id"], *words, who=officer)
    states = {row["rule"]: row["state"] for row in cli.json("findings")}
    assert states == {"snmp-public": "acknowledged", "weak-hash": "excepted"}
    assert [row["rule"] for row in cli.json("findings", "--state", "excepted")] == ["weak-hash"]
    screens = cli.room.collector.screens
    screens[IOS] = screens[IOS].replace("snmp-server community public RO 20\n", "")
    cli("collect", "--device", IOS)
    status, _ = cli("confirm", public["id"], "--reason", "seen on the device", who=officer)
    assert status == 0
    assert cli("findings", "--fail-on", "high", "--rule", "weak-hash")[0] == 10
    assert cli("findings", "--fail-on", "low", "--rule", "snmp-public")[0] == 0


def test_a_file_is_checked_without_devices_or_rights(cli: Cli, registrar: Principal) -> None:
    path = str(RANGE / "hosts" / IOS / "running-config")
    status, out = cli("check", path, "--platform", "cisco_ios", "--fail-on", "high", who=registrar)
    assert status == 10
    rows = {row["rule"]: row for row in json.loads(out)}
    assert set(rows) == {"snmp-public", "weak-hash"}
    text = Path(path).read_text("utf-8").splitlines()  # the line numbers are those of the file
    assert text[rows["snmp-public"]["line"] - 1] == rows["snmp-public"]["text"]
    assert rows["snmp-public"]["mend"][0] == "no snmp-server community public"
    with pytest.raises(Invalid):
        cli("check", path, "--platform", "windows")
    with pytest.raises(WeichengError):
        cli("check", path, "--platform", "huawei_vrp")


def test_csv_is_a_table_for_spreadsheets(cli: Cli) -> None:
    cli("collect", "--device", IOS)
    rows = list(csv.DictReader(io.StringIO(cli("findings", form="csv")[1])))
    assert {row["rule"] for row in rows} == {"snmp-public", "weak-hash"}
    assert cli("findings", form="table")[1].count("snmp-public") == 1


def test_the_original_goes_to_a_private_file(cli: Cli, tmp_path: Path) -> None:
    cli("collect", "--device", IOS)
    target = tmp_path / "restore.cfg"
    out = cli("restore", IOS, "--to", str(target), "--reason", "replacement")[1]
    assert out == ""
    assert target.stat().st_mode & 0o077 == 0
    assert "password 7 0608002F495B0A1C0B1E" in target.read_text()


def test_rules_and_archive(cli: Cli) -> None:
    rules = cli.json("rules", "--platform", "huawei_vrp")
    assert "gateway-bypass" in {row["rule"] for row in rules}
    cli("collect", "--device", IOS)
    status, out = cli("archive", "verify")
    assert (status, json.loads(out)) == (0, {"versions": 1, "faults": []})


def test_what_is_not_there(cli: Cli) -> None:
    for arguments in (("show", "nobody"), ("versions", "nobody"), ("acknowledge", "fnd_0", "--reason", "x")):
        with pytest.raises(NotFound):
            cli(*arguments)


def test_a_lost_version_is_found(cli: Cli) -> None:
    cli("collect", "--device", IOS)
    cli.room.netops.archive._archive._kept[IOS].clear()  # type: ignore[attr-defined]
    status, out = cli("archive", "verify")
    assert status == 7
    assert IOS in json.loads(out)["faults"][0]
