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
    assert ask("links") == [{"a": "sw1", "a_port": "GE1", "b": "sw2", "b_port": "GE1"}]
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
