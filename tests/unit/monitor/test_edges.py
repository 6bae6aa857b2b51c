"""The edges: picture, jobs, command line."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest

from kernel.assets.service import Register
from kernel.config import Settings
from kernel.edges.cli import Output
from kernel.events import EventBus
from kernel.i18n import translate
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobState
from kernel.jobs.queue import JobQueue, next_cron_time
from kernel.store.listing import Ask
from monitor import cli, jobs
from monitor.model import Problem
from monitor.picture import topology_svg
from monitor.service import MonitorService
from tests.conftest import on_sqlite
from tests.unit.monitor.conftest import World, neighbour

SVG = "{http://www.w3.org/2000/svg}"


def spoiled(network: World) -> None:
    """A bypass, a stranger with a hostile name, a silent device."""
    network.answer("nw-core", neighbour(23, "GE0/0/23", 5, "GE1/0/23"), index=1)
    network.answer(
        "nw-acc", neighbour(10, "GE1/0/10", 99, "8", "<script>alert(1)</script>", "10.1.20.66"), index=2
    )
    network.agents.agents[network.id("gap-out")] = Problem.TIMEOUT


@on_sqlite
def test_the_picture_is_wellformed_says_what_it_shows_and_is_the_same_again(
    network: World, network_admin: Principal
) -> None:
    spoiled(network)
    network.service.polling.poll(network_admin)
    picture = topology_svg(network.service.network.view(network_admin))
    assert picture == topology_svg(network.service.network.view(network_admin))
    root = ElementTree.fromstring(picture)
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    for name in ("nw-core", "nw-acc", "gap-in", "gap-out", "ww-core"):
        assert name in texts
    assert translate("bypasses the isolation gateway", "en") in " ".join(texts)
    assert "<script" not in picture
    description = root.findtext(f"{SVG}desc") or ""
    assert "gateway-bypass" in description
    bypass = [
        line
        for line in root.iter(f"{SVG}line")
        if line.get("stroke-width") == "5" and line.find(f"{SVG}title") is not None
    ]
    assert len(bypass) == 1


@on_sqlite
def test_an_empty_network_has_a_picture_too(world: World, network_admin: Principal) -> None:
    for name in ("nw-core", "nw-acc", "gap-in", "gap-out", "ww-core"):
        asset = world.register.asset(name)
        world.register.retire(network_admin, name, version=asset.version, reason="empty")
    assert ElementTree.fromstring(topology_svg(world.service.network.view(network_admin))).tag == f"{SVG}svg"


# --- jobs
def test_the_worker_polls_compares_checks_and_records(network: World) -> None:
    queue = JobQueue(network.database, network.clock, Access(network.database))
    queue.register(jobs.handlers(network.service))
    assert {kind for _cron, kind in jobs.SCHEDULES.values()} == set(jobs.handlers(network.service))
    for name, (cron, kind) in jobs.SCHEDULES.items():
        assert next_cron_time(cron, network.clock.now()) > network.clock.now()
        queue.schedule(name, cron, kind)
    network.clock.advance(days=1)
    assert queue.run_schedules() == len(jobs.SCHEDULES)
    while queue.run_next("worker"):
        network.clock.advance(seconds=1)
    done = queue.page(Principal.system("test"), Ask()).items
    assert {job.state for job in done} == {JobState.SUCCEEDED}
    results = {job.kind: job.result for job in done}
    assert results["monitor.poll"] == {"polled": 5, "answered": 5}


@on_sqlite
def test_what_leaves_the_register_leaves_monitoring(network: World, network_admin: Principal) -> None:
    spoiled(network)
    network.service.polling.poll(network_admin)
    network.service.network.check(network_admin)
    assert "unregistered-device" in {str(one.kind) for one in network.findings(network_admin)}
    network.register.retire(network_admin, "nw-acc", version=1, reason="scrapped")
    faults: list[Exception] = []
    bus = EventBus(network.database, lambda _name, _event, error: faults.append(error))
    for name, (kinds, handler) in jobs.subscriptions(network.service).items():
        bus.subscribe(name, kinds, handler)
    assert bus.relay() == 1
    assert faults == []
    assert "unregistered-device" not in {str(one.kind) for one in network.findings(network_admin)}
    network.clock.advance(minutes=5)
    network.service.polling.poll(network_admin)
    network.service.network.check(network_admin)


# --- command line
@dataclass
class App:
    monitor: MonitorService
    assets: Register
    principal: Principal
    out: Output
    settings: Settings = field(default_factory=Settings)


def run(world: World, principal: Principal, *arguments: str) -> int:
    app = App(world.service, world.register, principal, Output("json"))
    result: Any = cli.commands.main(list(arguments), obj=app, standalone_mode=False)
    return result or 0


@on_sqlite
def test_every_command_answers_in_json(
    network: World,
    network_admin: Principal,
    officer: Principal,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    spoiled(network)

    def ask(*arguments: str, principal: Principal = network_admin, status: int = 0) -> Any:
        assert run(network, principal, *arguments) == status
        return json.loads(capsys.readouterr().out)

    assert {row["device"]: row["problem"] for row in ask("poll", status=3)}["gap-out"] == "timeout"
    assert len(ask("status")) == 5
    assert ask("interfaces", "nw-core") == []
    assert [row["value"] for row in ask("samples", "nw-core", "latency", "--hours", "9000")] == [0.001]
    picture = tmp_path / "network.svg"
    kinds = [row["kind"] for row in ask("topology", "--svg", str(picture), "--fail-on", "high", status=10)]
    assert {"gateway-bypass", "unregistered-device"} <= set(kinds)
    assert picture.read_text().startswith("<svg")
    assert ask("tls") == ask("certificates") == ask("traps") == []
    assert (
        ask("findings", "--kind", "gateway-bypass", "--fail-on", "critical", status=10)[0]["device"]
        == "nw-core"
    )
    finding = ask("findings", "--kind", "unregistered-device")[0]["id"]
    assert ask("acknowledge", finding, "--reason", "on my way")["state"] == "acknowledged"
    assert (
        ask("except", finding, "--until", "2026-12-24", "--reason", "test", principal=officer)["state"]
        == "excepted"
    )
    assert ask("fixed", finding, "--reason", "unplugged")["state"] == "fixed"
    assert finding in [row["id"] for row in ask("findings", "--all")]
    assert len(ask("record")) == 2


@on_sqlite
def test_wrong_use_is_told_by_the_command_line(network: World, network_admin: Principal) -> None:
    with pytest.raises(click.UsageError):
        run(network, network_admin, "findings", "--kind", "luck")
    with pytest.raises(click.UsageError):
        run(network, network_admin, "except", "find_x", "--until", "tomorrow", "--reason", "x")
