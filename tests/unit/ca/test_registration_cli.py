"""Registration at the command line: papers, the telephone, batches, renewals, one's own certificates."""

import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ca.cli import commands
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.identity.model import Principal
from tests.unit.ca.conftest import Terminal, World
from tests.unit.ca.test_batches import HEADS, Worker, people, workbook
from tests.unit.ca.test_holders import HOLDER, bind, new_csr
from tests.unit.ca.test_papers import PDF, PNG
from tests.unit.ca.test_telephone import PHRASE


@dataclass
class Desk:
    """People at their terminals."""

    world: World
    clock: FixedClock

    def __call__(self, who: Principal, *arguments: str, typed: str = "") -> Any:
        at = Terminal(self.world.ca, self.clock, who, Output("json"))
        done = CliRunner().invoke(commands, arguments, obj=at, input=typed, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def run(world: World, clock: FixedClock) -> Desk:
    return Desk(world, clock)


def test_papers_and_phrase_from_filing_to_the_telephone(run: Desk, world: World, tmp_path: Path) -> None:
    (tmp_path / "id.pdf").write_bytes(PDF)
    (tmp_path / "photo.png").write_bytes(PNG)
    filed = run(
        world.registrar,
        *("request", "person", "-s", "O=临江县大数据中心", "-s", "CN=陈晓明", "--unit", "u_county"),
        *("--evidence", "身份证原件", "--paper", str(tmp_path / "id.pdf"), "--phrase"),
        typed=f"{PHRASE}\n{PHRASE}\n",
    )
    run(world.registrar, "attach", filed["id"], str(tmp_path / "photo.png"))
    listed = run(world.officer, "papers", filed["id"])
    assert {one["name"] for one in listed} == {"id.pdf", "photo.png"}
    paper = next(one["id"] for one in listed if one["name"] == "photo.png")
    run(world.officer, "papers", filed["id"], "--save", paper, "--file", str(tmp_path / "seen.png"))
    assert (tmp_path / "seen.png").read_bytes() == PNG
    issued = run(world.officer, "approve", filed["id"])
    held = run(
        world.registrar, "hold-by-phone", issued["serial"], "--reason", "电话挂失", typed=f"{PHRASE}\n"
    )
    assert held["state"] == "held"


def test_a_phrase_that_is_made_is_shown(run: Desk, world: World) -> None:
    issued = world.issue()
    made = run(world.registrar, "phrase", str(issued.request), "--made")["phrase"]
    held = run(world.registrar, "hold-by-phone", issued.serial, "--reason", "挂失", typed=f"{made}\n")
    assert held["state"] == "held"


def test_a_batch_from_template_to_passwords(run: Desk, world: World, tmp_path: Path) -> None:
    worker = Worker(world)
    run(world.registrar, "batch", "template", "person", str(tmp_path / "empty.xlsx"))
    assert zipfile.is_zipfile(tmp_path / "empty.xlsx")
    table, same = tmp_path / "people.xlsx", ("--unit", "u_county", "--evidence", "花名册核对")
    table.write_bytes(workbook(HEADS, [*people(3), ("", "科", "无组织", "", "", "", "")]))
    (fault,) = run(world.registrar, "batch", "check", "person", str(table), *same)
    assert (fault["row"], fault["column"]) == (5, "组织")
    table.write_bytes(workbook(HEADS, people(3)))
    batch = run(world.registrar, "batch", "file", "person", str(table), *same, "--together")["id"]
    worker.run()
    assert [one["state"] for one in run(world.officer, "batch", "list")] == ["waiting"]
    assert len(run(world.officer, "batch", "show", batch)["digest"]) == 64
    run(world.officer, "batch", "approve", batch)
    worker.run()
    run(world.registrar, "batch", "results", batch, str(tmp_path / "results.csv"))
    assert (tmp_path / "results.csv").read_text("utf-8-sig").count("干部") == 3
    run(world.registrar, "batch", "make-keys", batch)
    worker.run()
    run(world.registrar, "batch", "take-keys", batch, str(tmp_path / "keys.zip"))
    run(world.officer, "batch", "take-passwords", batch, str(tmp_path / "passwords.csv"))
    assert len(zipfile.ZipFile(tmp_path / "keys.zip").namelist()) == 3
    for name in ("keys.zip", "passwords.csv"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_a_batch_is_turned_down_with_a_reason(run: Desk, world: World, tmp_path: Path) -> None:
    table = tmp_path / "people.xlsx"
    table.write_bytes(workbook(HEADS, people(2)))
    arguments = ("--unit", "u_county", "--evidence", "花名册核对", "--together")
    batch = run(world.registrar, "batch", "file", "person", str(table), *arguments)["id"]
    Worker(world).run()
    assert run(world.officer, "batch", "reject", batch, "--reason", "名单作废")["state"] == "rejected"


def test_what_has_to_be_renewed_is_listed(run: Desk, world: World, clock: FixedClock) -> None:
    issued = world.issue()
    clock.advance(days=(issued.not_after - clock.now()).days - 10)
    world.ca.renewals.remind()
    (due,) = run(world.registrar, "renewals")
    assert due["serial"] == issued.serial
    assert (
        run(world.registrar, "renew", issued.serial, "--evidence", "身份证原件")["replaces"] == issued.serial
    )
    assert run(world.registrar, "renewals") == []


def test_ones_own_certificate_is_looked_at_renewed_and_suspended(
    run: Desk, world: World, tmp_path: Path
) -> None:
    mine = world.issue()
    bind(world, mine)
    (tmp_path / "new.csr").write_bytes(new_csr())
    assert [one["serial"] for one in run(HOLDER, "own")] == [mine.serial]
    assert run(HOLDER, "renew-own", mine.serial, "--csr", str(tmp_path / "new.csr"))["state"] == "requested"
    by_password = replace(HOLDER, method="password")
    assert run(by_password, "suspend-own", mine.serial, "--reason", "令牌遗失")["state"] == "held"


def test_what_is_handed_over_once_is_not_lost_to_a_place_where_it_can_not_lie(
    world: World, clock: FixedClock, tmp_path: Path
) -> None:
    filed = world.request()
    world.ca.registration.approve(world.officer, filed.id)
    at = Terminal(world.ca, clock, world.registrar, Output("json"))
    refused = CliRunner().invoke(commands, ["deliver", filed.id, str(tmp_path / "no" / "chen.p12")], obj=at)
    assert refused.exit_code == 2
    assert world.ca.registration.show(world.registrar, filed.id).key_waiting
    at.run("deliver", filed.id, str(tmp_path / "chen.p12"))
