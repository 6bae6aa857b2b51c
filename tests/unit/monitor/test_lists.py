"""Devices, findings, endpoints and notifications as people look through them, and the work they ask of the worker."""

import pytest

from kernel.assets import Asset, AssetKind
from kernel.errors import NotFound, NotPermitted
from kernel.events import EventBus
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.jobs.model import JobState
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from monitor import jobs
from monitor.links import LinkState, drawn_links
from monitor.model import FindingState, Problem, Trap
from monitor.picture import topology_svg
from monitor.standing import EndpointState
from tests.conftest import person
from tests.support.statements import counting
from tests.unit.monitor.conftest import World, neighbour
from tests.unit.netops.test_lists import MOST_QUERIES


@pytest.fixture
def county() -> Principal:
    return person("county-admin", Role.NETWORK_ADMINISTRATOR, "u_county")


def polls(network: World, admin: Principal, times: int) -> None:
    for _time in range(times):
        network.clock.advance(minutes=5)
        network.service.polling.poll(admin)


def test_availability_is_the_share_of_the_last_days_polls_that_were_answered(
    network: World, network_admin: Principal
) -> None:
    polls(network, network_admin, 3)
    network.agents.agents[network.id("nw-acc")] = Problem.TIMEOUT
    network.agents.agents[network.id("ww-core")] = Problem.AUTHENTICATION
    polls(network, network_admin, 1)
    found = {one.name: one for one in network.status(network_admin)}
    assert found["nw-core"].availability == 1.0
    assert found["nw-acc"].availability == 0.75
    assert found["ww-core"].availability == 1.0  # it answers, but does not accept our credential
    network.clock.advance(days=2)
    assert network.service.polling.get(network_admin, "nw-acc").availability is None


def test_states_are_filtered_counted_and_sorted_worst_first(network: World, network_admin: Principal) -> None:
    never = network.service.polling.page(network_admin, Ask())
    assert never.facets["state"] == {"unknown": 5}
    network.agents.agents[network.id("nw-acc")] = Problem.TIMEOUT
    polls(network, network_admin, 2)
    page = network.service.polling.page(network_admin, Ask(sort="-trouble"))
    assert page.items[0].name == "nw-acc"
    assert page.facets["state"] == {"down": 1, "up": 4}
    down = network.service.polling.page(network_admin, Ask().narrowed(state="down"))
    assert [one.name for one in down.items] == ["nw-acc"]
    assert down.items[0].zone_name == "内网"


def test_lists_take_few_queries(network: World, network_admin: Principal) -> None:
    polls(network, network_admin, 1)
    service = network.service
    for part in (service.polling, service.findings, service.endpoints, service.notifications):
        with counting(network.database) as sent:
            part.page(network_admin, Ask(text="core"))
        assert len(sent) <= MOST_QUERIES, sent


def test_another_units_things_are_as_if_they_did_not_exist(
    network: World, network_admin: Principal, county: Principal
) -> None:
    network.answer("nw-core", neighbour(23, "GE0/0/23", 5, "GE1/0/23"), index=1)
    polls(network, network_admin, 1)
    network.service.network.check(network_admin)
    (bypass,) = [one for one in network.findings(network_admin) if one.kind == "gateway-bypass"]
    service = network.service
    assert network.findings(county) == []
    for look in (
        lambda: service.findings.get(county, bypass.id),
        lambda: service.polling.get(county, "nw-core"),
        lambda: service.polling.neighbours(county, "nw-core"),
        lambda: service.endpoints.get(county, "nw-core"),
        lambda: service.notifications.get(county, "trap_1"),
        lambda: service.polling.request(county, ("nw-core",)),
    ):
        with pytest.raises(NotFound):
            look()


def test_an_exception_or_mended_finding_stands_behind_the_open_ones(
    network: World, network_admin: Principal
) -> None:
    network.answer("nw-core", neighbour(23, "GE0/0/23", 5, "GE1/0/23"), index=1)
    network.answer("nw-acc", neighbour(10, "GE1/0/10", 99, "8", "rogue"), index=2)
    polls(network, network_admin, 1)
    network.service.network.check(network_admin)
    first = network.service.findings.page(network_admin, Ask()).items
    assert first[0].finding.severity == "critical"
    network.service.findings.fixed(network_admin, first[0].finding.id, "unplugged")
    again = network.service.findings.page(network_admin, Ask()).items
    assert again[-1].finding.id == first[0].finding.id
    assert again[-1].finding.state is FindingState.FIXED
    assert again[-1].device == "nw-core"


def test_every_link_is_told_once_with_its_state(network: World, network_admin: Principal) -> None:
    network.answer(
        "nw-core",
        neighbour(1, "GE0/0/1", 2, "GE1/0/24"),
        neighbour(23, "GE0/0/23", 5, "GE1/0/23"),
        neighbour(7, "GE0/0/7", 99, "8", "rogue", "10.1.20.66"),
        index=1,
    )
    polls(network, network_admin, 1)
    links = drawn_links(network.service.network.view(network_admin))
    found = {(link.a_name, link.b_name): link for link in links}
    assert found["nw-core", "ww-core"].state is LinkState.BYPASS
    assert found["nw-core", "rogue"].state is LinkState.STRANGER
    assert found["nw-core", "rogue"].b_address == "10.1.20.66"
    assert {link.state for link in links} >= {LinkState.SEEN, LinkState.BYPASS, LinkState.STRANGER}
    assert len(links) == len({frozenset(((link.a, link.a_port), (link.b, link.b_port))) for link in links})


def test_what_a_silent_device_told_before_is_remembered_until_somebody_knows_better(
    network: World, network_admin: Principal
) -> None:
    network.answer("nw-core", neighbour(23, "GE0/0/23", 5, "GE1/0/23"), index=1)
    polls(network, network_admin, 1)
    network.agents.agents[network.id("nw-core")] = Problem.TIMEOUT
    polls(network, network_admin, 1)
    view = network.service.network.view(network_admin)
    (bypass,) = [link for link in drawn_links(view) if link.state is LinkState.BYPASS]
    assert bypass.remembered
    assert view.comparison.observations == ()
    picture = topology_svg(view)
    assert picture.count('stroke-opacity="0.45"') == 2  # the link and its sample in the legend
    network.answer("ww-core", neighbour(23, "GE1/0/23", 77, "3", "other"), index=5)
    polls(network, network_admin, 1)
    links = drawn_links(network.service.network.view(network_admin))
    assert LinkState.BYPASS not in {link.state for link in links}


def test_an_endpoint_that_was_never_checked_is_listed(world: World, network_admin: Principal) -> None:
    portal = Asset(
        "", AssetKind.SERVICE, "portal", "u_city", "intranet", "10.1.0.80", "", 3, {"tls_port": 443}
    )
    world.register.put_asset(network_admin, portal)
    page = world.service.endpoints.page(network_admin, Ask())
    assert [(one.name, one.state, one.endpoint) for one in page.items] == [
        ("portal", EndpointState.NEVER, "10.1.0.80:443")
    ]
    assert page.facets["state"] == {"never": 1}
    world.service.endpoints.check(network_admin)
    assert world.service.endpoints.get(network_admin, "portal").state is EndpointState.UNREACHABLE


def test_notifications_of_unknown_senders_are_for_the_topmost_unit(
    world: World, network_admin: Principal, county: Principal
) -> None:
    for source in ("10.1.0.1", "10.1.0.2", "192.0.2.9"):
        world.service.notifications.receive(Trap(source, "v2c", "", False, (1, 3, 6, 1), 1))
    assert {one.device for one in world.service.notifications.page(network_admin, Ask()).items} == {
        "nw-core",
        "nw-acc",
        "",
    }
    (own,) = world.service.notifications.page(county, Ask()).items
    assert own.device == "nw-acc"
    assert world.service.notifications.get(county, own.trap.id).trap.source == "10.1.0.2"


def test_what_people_ask_of_the_worker_is_done_within_their_units(
    network: World, network_admin: Principal, county: Principal, assessor: Principal
) -> None:
    bus = EventBus(network.database, lambda _name, _event, error: pytest.fail(str(error)))
    queue = JobQueue(network.database, network.clock, Access(network.database))
    queue.register(jobs.handlers(network.service))
    service = network.service
    asked = [service.polling.request(county), service.network.request(network_admin)]
    asked.append(service.records.request(network_admin))
    assert asked[0] == service.polling.request(county)
    while queue.run_next("worker"):
        bus.relay()
    assert {queue.get(network_admin, job).state for job in asked} == {JobState.SUCCEEDED}
    assert [one.name for one in network.status(network_admin) if one.device.polled_at] == ["nw-acc"]
    for ask in (service.polling.request, service.endpoints.request, service.network.request):
        with pytest.raises(NotPermitted):
            ask(assessor)
    with pytest.raises(NotFound):
        service.endpoints.request(county)  # none there
