"""The register on the command line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kernel.assets import Asset, AssetKind, Network, Zone, cli
from kernel.assets.service import Register
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Invalid
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database


@dataclass
class App:
    assets: Register
    principal: Principal
    out: Output


@pytest.fixture
def app(database: Database, clock: FixedClock, access: Access, network_admin: Principal) -> App:
    register = Register(database, clock, access)
    register.put_zone(network_admin, Zone("intranet", "内网", Network.INTRANET, ("10.1.0.0/16",), 3))
    return App(register, network_admin, Output("json"))


def run(app: App, *arguments: str) -> int:
    result: Any = cli.commands.main(list(arguments), obj=app, standalone_mode=False)
    return result or 0


def test_from_a_table_to_the_register_and_back(
    app: App, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    table = tmp_path / "devices.csv"
    table.write_text(
        "name,kind,unit,zone,address\nsw1,device,u_city,intranet,10.1.0.1\nsw2,device,u_city,intranet,10.1.0.2\n"
        "bad,device,u_city,intranet,10.9.0.1\n"
    )
    links = tmp_path / "links.csv"
    links.write_text("a,a_port,b,b_port\nsw1,GE1,sw2,GE1\n")

    def ask(*arguments: str, status: int = 0) -> Any:
        assert run(app, *arguments) == status
        return json.loads(capsysbinary.readouterr().out)

    assert [fault["row"] for fault in ask("import", str(table), "--dry-run", status=3)] == [4]
    assert ask("list") == []
    assert [fault["column"] for fault in ask("import", str(table), status=3)] == ["address"]
    assert [row["name"] for row in ask("list", "--kind", "device")] == ["sw1", "sw2"]
    assert ask("links", "--import", str(links)) == []
    (link,) = ask("links")
    assert {(link["a"], link["a_port"]), (link["b"], link["b_port"])} == {("sw1", "GE1"), ("sw2", "GE1")}
    assert ask("zones")[0]["prefixes"] == ["10.1.0.0/16"]
    assert ask("show", "sw1")["address"] == "10.1.0.1"
    assert run(app, "retire", "sw1", "--reason", "scrapped") == 0
    assert run(app, "export", "--form", "csv") == 0
    assert b"sw2" in capsysbinary.readouterr().out
    exported = tmp_path / "out.xlsx"
    assert run(app, "export", "--form", "xlsx", "--to", str(exported)) == 0
    assert exported.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("kind", "command", "row"),
    [("assets", ["import"], "sw1,设备,u_city,intranet,10.1.0.1" + "," * 11),
     ("zones", ["zones", "--import"], "dmz,外网服务区,外网,10.2.0.0/24,2"),
     ("links", ["links", "--import"], "core,GE1,acc,GE1")],
)  # fmt: skip
def test_a_template_filled_in_can_be_imported(
    app: App, tmp_path: Path, kind: str, command: list[str], row: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, address in (("core", "10.1.0.8"), ("acc", "10.1.0.9")):
        app.assets.put_asset(app.principal, Asset("", AssetKind.DEVICE, name, "u_city", "intranet", address))
    file = tmp_path / "表.csv"
    assert run(app, "template", kind, str(file)) == 0
    file.write_bytes(file.read_bytes() + row.encode())
    assert run(app, *command, str(file)) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_file_that_is_not_there_is_named(app: App, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.csv"):
        run(app, "import", str(tmp_path / "none.csv"))


def test_one_entry_one_zone_and_one_link_by_hand(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(*arguments: str) -> Any:
        assert run(app, *arguments) == 0
        text = capsys.readouterr().out
        return json.loads(text) if text else None

    why = ("--reason", "新建机房")
    where = ("--kind", "device", "--unit", "u_city", "--zone", "dmz")
    assert ask(
        "zone-put", "dmz", "--name", "外网服务区", "--network", "extranet", "--prefix", "10.2.0.0/24", *why
    )
    made = ask("add", "fw-1", *where, "--address", "10.2.0.1", "--attribute", "ssh_port=2222")
    assert (made["version"], made["attributes"]) == (1, {"ssh_port": 2222})
    changed = ask(
        "change", "fw-1", "--level", "3", "--attribute", "ssh_port=", "--attribute", "site=一号", *why
    )
    assert (changed["version"], changed["level"], changed["attributes"]) == (2, 3, {"site": "一号"})
    ask("add", "fw-2", *where)
    ask("link", "fw-1", "GE0/0/1", "fw-2", "GE0/0/1", *why)
    assert len(ask("links", "--find", "fw-1")) == 1
    ask("unlink", "fw-2", "GE0/0/1", "fw-1", "GE0/0/1", *why)
    assert ask("links") == []
    for name in ("fw-1", "fw-2"):
        ask("retire", name, *why)
    ask("zone-remove", "dmz", *why)
    assert [zone["id"] for zone in ask("zones")] == ["intranet"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "fw-1", "--kind", "device"),
        ("add", "fw-1", "--kind", "device", "--unit", "u_city", "--attribute", "x"),
    ],
)
def test_what_lacks_for_an_entry_is_named(app: App, arguments: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match=r"--unit|name=value"):
        run(app, *arguments)


def test_a_long_list_says_how_to_go_on(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        app.assets.put_asset(app.principal, Asset("", AssetKind.SYSTEM, f"system-{number}", "u_city"))
    run(app, "list", "--limit", "2")
    first = capsys.readouterr()
    assert [row["name"] for row in json.loads(first.out)] == ["system-0", "system-1"]
    cursor = first.err.split("--after ")[1].split()[0]
    run(app, "list", "--limit", "2", "--after", cursor)
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["system-2"]
