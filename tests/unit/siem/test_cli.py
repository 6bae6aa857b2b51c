"""The command line of the centre, driven as a user would, with the application's services behind it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from kernel.edges.cli import Output
from kernel.errors import Invalid
from kernel.i18n import speaking
from kernel.identity.model import Principal
from siem.cli import commands
from siem.service import SiemService
from tests.unit.siem.conftest import Centre, failed


@dataclass
class SmallApp:
    siem: SiemService
    principal: Principal
    out: Output


class Shell:
    def __init__(self, centre: Centre, principal: Principal) -> None:
        self._app = SmallApp(centre.service, principal, Output("json"))

    def run(self, *arguments: str) -> tuple[Any, int]:
        with speaking("en"):
            result = CliRunner().invoke(commands, list(arguments), obj=self._app, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout) if result.stdout else None, result.return_value or 0


@pytest.fixture
def shell(centre: Centre, analyst: Principal) -> Shell:
    centre.take(*failed(12), "<13>app: 发现病毒")
    return Shell(centre, analyst)


def test_from_alert_to_closed_case(shell: Shell) -> None:
    alerts, status = shell.run("alerts", "--fail-on", "60")
    assert status == 10
    alert = alerts[0]["id"]
    assert shell.run("alert", "ack", alert)[0]["state"] == "acknowledged"
    shown, _ = shell.run("alert", "show", alert)
    assert len(shown["events"]) == 12
    case = shell.run("case", "open", alert, "--title", "县区暴力破解")[0]["id"]
    shell.run("case", "note", case, "联系临江县")
    task = shell.run("case", "task", case, "封堵地址")[0]["tasks"][0].split()[0]
    shell.run("case", "task", case, task, "--done")
    for state in ("contained", "recovered"):
        shell.run("case", "move", case, state, "--reason", "完成")
    done, _ = shell.run("case", "move", case, "closed", "--verdict", "true", "--reason", "处置完毕")
    assert (done["state"], done["verdict"]) == ("closed", "true")
    assert [row["id"] for row in shell.run("case", "list", "--state", "closed")[0]] == [case]
    assert shell.run("alerts", "--fail-on", "60")[1] == 0


def test_search_and_count(shell: Shell) -> None:
    found, _ = shell.run("search", "病毒")
    assert [row["message"] for row in found] == ["发现病毒"]
    assert found[0]["event.original"] == "<13>app: 发现病毒"
    top, _ = shell.run("search", "event.outcome:failure", "--top", "source.ip")
    assert top == [{"value": "203.0.113.50", "count": 12}]
    with pytest.raises(Invalid, match="is no time"):
        shell.run("search", "--since", "yesterday")


def test_statistics_and_rules(shell: Shell) -> None:
    stats, _ = shell.run("stats")
    assert stats["events"] == 13
    assert stats["senders"][0]["source"] == "10.10.10.5"
    rules, _ = shell.run("rules", "list")
    assert "brute-force" in {row["rule"] for row in rules}
    assert shell.run("rules", "check") == ([], 0)
    results, status = shell.run("rules", "test")
    assert status == 0
    assert all(row["right"] for row in results)
