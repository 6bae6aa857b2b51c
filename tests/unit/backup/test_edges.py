"""The command line and the worker's jobs: what they print, and with which exit status they end."""

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

import console.main
from backup import jobs
from backup.model import RunState, Verdict
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from tests.unit.backup.world import SITES, World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def weicheng(
    world: World, dr_admin: Principal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run ``weicheng --lang en -o json backup …`` on the world as the DR administrator: status, output, errors."""
    app = SimpleNamespace(backup=world.service, principal=dr_admin)
    monkeypatch.setattr(
        console.main, "_Lazy", lambda output: SimpleNamespace(**vars(app), out=Output(output.form))
    )

    def run(*arguments: str, form: str = "json") -> tuple[int, str, str]:
        status = console.main.run(["--lang", "en", "-o", form, "backup", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_day_on_the_command_line(weicheng: Run, world: World) -> None:
    status, out, _ = weicheng("plans")
    assert (status, json.loads(out)[0]["plan"]) == (0, "city")
    status, out, err = weicheng("run", "city")
    assert status == 0
    assert [row["source"] for row in json.loads(out)] == ["database", "keys", "configurations"]
    assert '"progress": "Backing up"' in err
    status, out, _ = weicheng("verify", "city")
    assert (status, [row["verdict"] for row in json.loads(out)]) == (0, ["pass"] * 3)
    status, out, _ = weicheng("status")
    assert (status, {row["level"] for row in json.loads(out)}) == (0, {"V2"})
    for listing in ("runs", "receipts", "drills"):
        assert weicheng(listing, "city")[0] == 0
    status, out, _ = weicheng("levels")
    assert len(json.loads(out)) == 12


def test_damage_ends_with_7_and_names_the_file(weicheng: Run, world: World) -> None:
    weicheng("run", "city")
    pack = world.largest_pack("remote")
    world.flip(pack)
    status, out, err = weicheng("verify", "city", "--site", "remote")
    (row,) = json.loads(out)
    assert status == 7
    assert (row["kind"], row["file"]) == ("changed", pack.relative_to(world.repository("remote")).as_posix())
    assert json.loads(err.splitlines()[-1])["code"] == "integrity"
    status, out, _ = weicheng("drill", "city", "--site", "remote")
    assert (status, json.loads(out)["verdict"]) == (7, "fail")
    status, out, _ = weicheng("mend", "city", "remote", "--reason", "disk replaced")
    assert (status, json.loads(out)["verdict"]) == (0, "pass")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("run", "nothing"), 4),
        (("verify", "city"), 4),
        (("verify", "city", "--level", "V9"), 2),
        (("verify", "city", "--budget", "0"), 2),
    ],
)
def test_exit_status_follows_the_error(weicheng: Run, arguments: tuple[str, ...], status: int) -> None:
    assert weicheng(*arguments)[0] == status


def test_a_part_that_fails_ends_with_3(weicheng: Run, world: World) -> None:
    (world.folder / "source" / "application.sqlite").unlink()
    status, _, err = weicheng("run", "city")
    assert status == 3
    assert "database" in err


def test_a_dry_run_does_nothing(weicheng: Run, world: World, dr_admin: Principal) -> None:
    status, out, _ = weicheng("run", "city", "--dry-run")
    assert (status, [row["available"] for row in json.loads(out)]) == (0, [True, True, True])
    assert world.service.lists.runs(dr_admin, Ask()).items == ()
    assert not (world.folder / "sites").exists()


@pytest.mark.parametrize("form", ["table", "csv", "yaml"])
def test_every_form_of_output(weicheng: Run, form: str) -> None:
    weicheng("run", "city")
    for arguments in (("status",), ("receipts", "city"), ("verify", "city"), ("drill", "city"), ("levels",)):
        status, out, _ = weicheng(*arguments, form=form)
        assert out
        assert status in (0, 3, 7)


def test_the_worker_runs_verifies_and_drills_what_is_due(
    world: World, dr_admin: Principal, clock: FixedClock
) -> None:
    queue = JobQueue(world.room.database, clock, Access(world.room.database))
    queue.register(jobs.handlers(world.service))
    for name, (cron, kind) in jobs.SCHEDULES.items():
        queue.schedule(name, cron, kind)

    def work() -> None:
        queue.run_schedules()
        while queue.run_next("worker"):
            pass

    clock.advance(minutes=1)
    work()
    assert world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.REPLICATED
    clock.advance(days=1)
    work()
    found = world.service.lists.verifications(dr_admin, Ask()).items
    assert {(one.site, one.verdict) for one in found} == {(site, Verdict.PASS) for site in SITES}
    clock.advance(days=31)
    work()
    assert world.service.lists.drills(dr_admin, Ask()).items


def test_a_job_asked_for_twice_is_one_job(weicheng: Run) -> None:
    first = json.loads(weicheng("run", "city", "--queue")[1])
    assert json.loads(weicheng("run", "city", "--queue")[1]) == first
