"""The room as its users meet it: polls, states, findings over time, evidence, rights."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from kernel.assets import Asset, AssetKind
from kernel.audit.chain import audit_records
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.events import event_outbox
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from monitor import mib
from monitor.model import (
    FINDING_TRANSITIONS,
    DeviceState,
    FindingKind,
    FindingState,
    Problem,
    next_state,
)
from monitor.platforms import platform_of
from tests.conftest import on_sqlite
from tests.unit.monitor.conftest import World, neighbour


def local() -> Principal:
    return Principal("usr_local", "local", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_county", "password")


def states(world: World, principal: Principal) -> dict[str, str]:
    return {one.name: str(one.device.state) for one in world.status(principal)}


def events(world: World, kind: str) -> list[dict[str, object]]:
    with world.database.read() as connection:
        query = select(event_outbox.c.data).where(event_outbox.c.kind == kind).order_by(event_outbox.c.seq)
        return list(connection.execute(query).scalars())


def check(world: World, principal: Principal) -> list[tuple[str, str]]:
    """Poll, compare; (kind, state) of what stands."""
    world.clock.advance(minutes=5)
    world.service.polling.poll(principal)
    return [(str(one.kind), str(one.state)) for one in world.service.network.check(principal).findings]


# --- polling
def test_a_poll_tells_how_every_device_stands(network: World, network_admin: Principal) -> None:
    assert set(states(network, network_admin).values()) == {"unknown"}
    polled = network.service.polling.poll(network_admin)
    assert {one.device.state for one in polled} == {DeviceState.UP}
    assert {one.version for one in polled} == {"v3"}
    assert states(network, network_admin) == dict.fromkeys(
        ("gap-in", "gap-out", "nw-acc", "nw-core", "ww-core"), "up"
    )


def test_one_lost_answer_is_no_alarm_two_are_and_others_go_on(
    network: World, network_admin: Principal
) -> None:
    network.service.polling.poll(network_admin)
    network.agents.agents[network.id("nw-acc")] = Problem.TIMEOUT
    for expected in ("up", "down", "down"):
        network.clock.advance(minutes=5)
        network.service.polling.poll(network_admin)
        assert states(network, network_admin)["nw-acc"] == expected
        assert states(network, network_admin)["nw-core"] == "up"
    network.answer("nw-acc", index=2)
    network.clock.advance(minutes=5)
    network.service.polling.poll(network_admin)
    moves = [(e["device"], e["from"], e["to"]) for e in events(network, "monitor:device:state-changed")]
    assert moves[-2:] == [("nw-acc", "up", "down"), ("nw-acc", "down", "up")]


@on_sqlite
def test_an_agent_that_refuses_our_credential_is_unknown_not_down(
    network: World, network_admin: Principal
) -> None:
    network.service.polling.poll(network_admin)
    network.agents.agents[network.id("nw-acc")] = Problem.AUTHENTICATION
    network.clock.advance(minutes=5)
    network.service.polling.poll(network_admin)
    assert states(network, network_admin)["nw-acc"] == "unknown"


@on_sqlite
def test_a_device_without_credential_is_named_and_not_asked(world: World, network_admin: Principal) -> None:
    world.register.put_asset(
        network_admin, Asset("", AssetKind.DEVICE, "bare", "u_city", "intranet", "10.1.0.9")
    )
    (bare,) = world.service.polling.poll(network_admin, ("bare",))
    assert (bare.device.problem, bare.device.state) == (Problem.CREDENTIAL, DeviceState.UNKNOWN)


def test_rates_samples_and_thresholds_follow_from_polls(world: World, network_admin: Principal) -> None:
    cpu = (1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 1, 1, 7, 1)
    for minute in range(4):
        port = {
            (*mib.IF_NAME, 1): b"Gi1/0/1", (*mib.IF_HIGH_SPEED, 1): 1000, (*mib.IF_ADMIN, 1): 1, (*mib.IF_OPER, 1): 1,
            (*mib.IF_HC_IN, 1): minute * 7_125_000_000, (*mib.IF_HC_OUT, 1): 0,
            mib.SYS_UPTIME: 100_000 + minute * 6_000, cpu: 95,
        }  # fmt: skip
        world.answer("ww-core", port)
        world.service.polling.poll(network_admin, ("ww-core",))
        world.clock.advance(minutes=1)
    (interface,) = world.service.polling.interfaces(network_admin, "ww-core")
    assert (interface.in_rate, interface.out_rate) == (950_000_000, 0)
    use = world.service.polling.samples(network_admin, "ww-core", "in_use", "Gi1/0/1")
    assert [sample.value for sample in use] == [95, 95, 95]
    status = next(one for one in world.status(network_admin) if one.name == "ww-core")
    assert status.device.state is DeviceState.DEGRADED
    assert {crossing.threshold for crossing in status.crossed} == {"cpu-high", "link-in-full"}
    crossed = [event["threshold"] for event in events(world, "monitor:threshold:crossed")]
    assert sorted(map(str, crossed)) == ["cpu-high", "link-in-full"]


def test_old_samples_are_pruned(world: World, network_admin: Principal) -> None:
    world.answer("ww-core")
    world.service.polling.poll(network_admin, ("ww-core",))
    world.clock.advance(days=401)
    world.service.polling.poll(network_admin, ("ww-core",))
    assert world.service.prune()["samples"] == 2  # its latency, and that it answered
    assert world.service.prune()["samples"] == 0


def test_every_state_can_be_reached_and_left() -> None:
    reached = frozenset().union(*FINDING_TRANSITIONS.values())
    assert reached == FINDING_TRANSITIONS.keys()
    assert all(FINDING_TRANSITIONS.values())
    for state in DeviceState:
        outcomes = {
            next_state(state, problem=problem, failures=2, crossed=crossed)
            for problem in (None, *Problem)
            for crossed in (True, False)
        }
        assert outcomes == set(DeviceState)


# --- topology and findings over time
@on_sqlite
def test_the_registered_network_has_no_findings(network: World, network_admin: Principal) -> None:
    assert check(network, network_admin) == []


def test_a_bypass_and_a_stranger_are_found_opened_once_and_closed_when_gone(
    network: World, network_admin: Principal
) -> None:
    clean = dict(network.agents.agents)
    core = dict(clean[network.id("nw-core")]) | neighbour(
        23, "GigabitEthernet0/0/23", 5, "GigabitEthernet1/0/23"
    )  # type: ignore[call-overload]
    network.agents.agents[network.id("nw-core")] = core
    network.answer("nw-acc", neighbour(24, "GigabitEthernet1/0/24", 1, "GigabitEthernet0/0/1"),
                   neighbour(10, "GigabitEthernet1/0/10", 99, "Port 8", "rogue", "10.1.20.66"), index=2)  # fmt: skip
    assert sorted(check(network, network_admin)) == [
        ("gateway-bypass", "open"),
        ("unregistered-device", "open"),
    ]
    assert len(events(network, "monitor:finding:opened")) == 2
    network.agents.agents.update(clean)
    assert check(network, network_admin) == []
    listed = network.findings(network_admin, tuple(FindingState))
    assert {one.state for one in listed} == {FindingState.FIXED}
    assert check(network, network_admin) == []
    listed = network.findings(network_admin, tuple(FindingState))
    assert {one.state for one in listed} == {FindingState.VERIFIED}
    network.agents.agents[network.id("nw-core")] = core
    assert check(network, network_admin) == [("gateway-bypass", "open")]


def rogue(network: World) -> None:
    network.answer("nw-acc", neighbour(24, "GigabitEthernet1/0/24", 1, "GigabitEthernet0/0/1"),
                   neighbour(10, "GigabitEthernet1/0/10", 99, "Port 8", "rogue"), index=2)  # fmt: skip


@on_sqlite
def test_a_device_that_is_silent_keeps_its_findings(network: World, network_admin: Principal) -> None:
    rogue(network)
    assert check(network, network_admin) == [("unregistered-device", "open")]
    network.agents.agents[network.id("nw-acc")] = Problem.TIMEOUT
    check(network, network_admin)
    (finding,) = network.findings(network_admin)
    assert finding.state is FindingState.OPEN


@on_sqlite
def test_a_device_whose_neighbours_could_not_be_read_to_the_end_keeps_its_findings(
    network: World, network_admin: Principal
) -> None:
    rogue(network)
    assert check(network, network_admin) == [("unregistered-device", "open")]
    network.answer("nw-acc", index=2)  # no neighbours any more, but not because there are none
    network.agents.gaps[network.id("nw-acc")] = (mib.query_for(platform_of("cisco_ios")).tables[3],)
    check(network, network_admin)
    assert [str(one.state) for one in network.findings(network_admin)] == ["open"]
    network.agents.gaps.clear()
    check(network, network_admin)
    assert len(network.findings(network_admin)) == 0


def test_a_finding_goes_through_peoples_hands(
    network: World, network_admin: Principal, officer: Principal
) -> None:
    rogue(network)
    check(network, network_admin)
    service = network.service.findings
    (finding,) = network.findings(network_admin)
    service.acknowledge(network_admin, finding.id, "looking for it")
    assert check(network, network_admin) == [("unregistered-device", "acknowledged")]
    with pytest.raises(NotPermitted):
        service.except_until(network_admin, finding.id, network.clock.now() + timedelta(days=9), "mine")
    with pytest.raises(Invalid):
        service.except_until(officer, finding.id, network.clock.now(), "too late")
    service.except_until(officer, finding.id, network.clock.now() + timedelta(days=9), "a test set-up")
    assert check(network, network_admin) == [("unregistered-device", "excepted")]
    with pytest.raises(Conflict):
        service.acknowledge(network_admin, finding.id, "no longer mine")
    network.clock.advance(days=10)
    assert check(network, network_admin) == [("unregistered-device", "open")]
    service.fixed(network_admin, finding.id, "unplugged")
    assert check(network, network_admin) == [("unregistered-device", "open")]
    with network.database.read() as connection:
        moved = select(audit_records.c.actor).where(audit_records.c.action == "monitor:finding:move")
        assert connection.execute(moved).scalars().all() == [network_admin.id, officer.id, network_admin.id]


# --- rights and units
def test_a_county_sees_and_polls_its_own_devices_only(network: World, network_admin: Principal) -> None:
    rogue(network)
    check(network, network_admin)
    network.clock.advance(minutes=1)
    polled = network.service.polling.poll(local())
    assert [one.asset.name for one in polled] == ["nw-acc"]
    assert list(states(network, local())) == ["nw-acc"]
    assert len(network.findings(local())) == 1
    with pytest.raises(NotFound):
        network.service.polling.poll(local(), ("nw-core",))
    with pytest.raises(NotFound):
        network.service.polling.interfaces(local(), "nw-core")
    other = Principal("usr_o", "o", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_other", "password")
    assert network.findings(other) == []
    (finding,) = network.findings(network_admin)
    with pytest.raises(NotFound):
        network.service.findings.acknowledge(other, finding.id, "not mine")


@on_sqlite
def test_without_the_permission_nothing_is_read_or_done(
    network: World, registrar: Principal, assessor: Principal
) -> None:
    service = network.service
    for act in (
        lambda who: service.polling.poll(who),
        lambda who: service.network.check(who),
        lambda who: service.endpoints.check(who),
        lambda who: service.records.record(who),
        lambda who: service.findings.acknowledge(who, "find_x", "mine"),
    ):
        for who in (registrar, assessor):
            with pytest.raises(NotPermitted):
                act(who)
    for look in (
        lambda: service.polling.page(registrar, Ask()),
        lambda: service.polling.interfaces(registrar, "nw-core"),
        lambda: service.network.view(registrar),
        lambda: service.endpoints.page(registrar, Ask()),
        lambda: service.notifications.page(registrar, Ask()),
        lambda: service.findings.page(registrar, Ask()),
    ):
        with pytest.raises(NotPermitted):
            look()
    assert len(network.status(assessor)) == 5


# --- evidence
def test_what_was_found_becomes_evidence(network: World, network_admin: Principal) -> None:
    rogue(network)
    network.agents.agents[network.id("gap-in")] = Problem.TIMEOUT
    check(network, network_admin)
    availability, topology = (
        network.evidence.get(one) for one in network.service.records.record(network_admin)
    )
    assert availability.summary["polled"] == 5
    assert availability.summary["version"] == "v3"
    assert availability.summary["unanswered"] == [{"device": "gap-in", "problem": "timeout"}]
    (stranger,) = topology.summary["unregistered"]
    assert (stranger["device"], stranger["neighbour"]) == ("nw-acc", "rogue")
    assert topology.summary["bypasses"] == []
    assert [attachment.name for attachment in topology.attachments] == ["topology.svg"]


def test_kinds_of_findings_know_their_weight() -> None:
    from monitor.model import SEVERITIES, SEVERITY

    assert SEVERITY.keys() == set(FindingKind)
    assert set(SEVERITY.values()) <= set(SEVERITIES)
