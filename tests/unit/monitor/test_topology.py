"""The network that is seen against the network that is registered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.assets import Asset, AssetKind, Link, Network, Zone
from monitor.model import FindingKind, Neighbour
from monitor.topology import Comparison, Sighting, compare, port_key

ZONES = [
    Zone("in", "内网", Network.INTRANET),
    Zone("ex", "外网", Network.EXTRANET),
    Zone("exit", "出口", Network.EXIT),
]


def asset(name: str, zone: str = "in", kind: AssetKind = AssetKind.DEVICE) -> Asset:
    return Asset(f"id-{name}", kind, name, "u_city", zone, f"10.0.0.{sum(map(ord, name)) % 250}")


A, B, C, D = asset("a"), asset("b"), asset("c"), asset("d", "ex")
GAP_IN, GAP_OUT = asset("gap-in", "in", AssetKind.GATEWAY), asset("gap-out", "ex", AssetKind.GATEWAY)
EXIT = asset("fw", "exit")
ALL = [A, B, C, D, GAP_IN, GAP_OUT, EXIT]


def mac(name: str) -> str:
    return f"00:00:00:00:00:{sum(map(ord, name)) % 256:02x}"


def sees(port: str, peer: str, peer_port: str, name: str | None = None) -> Neighbour:
    return Neighbour(port, mac(peer), peer_port, peer if name is None else name)


def run(sightings: dict[str, list[Neighbour]], links: list[tuple[str, str, str, str]]) -> Comparison:
    registered = [Link(f"id-{a}", a_port, f"id-{b}", b_port) for a, a_port, b, b_port in links]
    seen = [Sighting(f"id-{name}", True, mac(name), tuple(listed)) for name, listed in sightings.items()]
    return compare(ALL, ZONES, registered, seen)


def faults(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(str(one.kind), one.asset.removeprefix("id-"), one.subject) for one in comparison.observations]


def test_a_network_as_it_is_registered_has_no_findings_and_each_link_once() -> None:
    comparison = run(
        {
            "a": [sees("GigabitEthernet0/0/1", "b", "Gi1/0/2")],
            "b": [sees("GigabitEthernet1/0/2", "a", "GE0/0/1")],
        },
        [("a", "GE0/0/1", "b", "GigabitEthernet1/0/2")],
    )
    assert (faults(comparison), len(comparison.edges), comparison.unverifiable) == ([], 1, ())


def test_a_device_nobody_registered() -> None:
    comparison = run({"a": [Neighbour("GE1", "00:90:4c:66:66:66", "Port 8", "new-sw", ("10.0.9.9",))]}, [])
    (fault,) = comparison.observations
    assert (fault.kind, fault.asset) == (FindingKind.UNREGISTERED_DEVICE, A.id)
    assert fault.details == {
        "port": "GE1",
        "neighbour": "new-sw",
        "neighbour_port": "Port 8",
        "chassis": "00:90:4c:66:66:66",
        "addresses": ["10.0.9.9"],
    }


def test_a_stranger_that_bears_a_registered_name_is_a_stranger_all_the_same() -> None:
    impostor = Neighbour("GE1", "66:66:66:66:66:66", "1", "b", (B.address,))
    comparison = run({"a": [impostor], "b": []}, [])
    assert faults(comparison) == [("unregistered-device", "a", "GE1 - 66:66:66:66:66:66")]


def test_a_registered_device_that_is_not_polled_is_known_by_address_or_name() -> None:
    for neighbour in (
        Neighbour("GE1", "00:11:22:33:44:55", "eth0", "", (B.address,)),
        Neighbour("GE1", "00:11:22:33:44:55", "eth0", "B.city.gov.cn"),
    ):
        assert faults(run({"a": [neighbour]}, [("a", "GE1", "b", "eth0")])) == []


@pytest.mark.parametrize(
    ("near", "far", "bypass"),
    [("a", "d", True), ("a", "fw", True), ("a", "gap-out", True), ("gap-in", "d", True),
     ("a", "gap-in", False), ("gap-in", "gap-out", False), ("d", "fw", False), ("d", "gap-out", False)],
)  # fmt: skip
def test_only_the_isolation_gateway_joins_the_networks(near: str, far: str, bypass: bool) -> None:
    """Registered or not: a link past the gateway is a finding, told from its intranet end."""
    for a, b in ((near, far), (far, near)):
        comparison = run({a: [sees("p1", b, "p2")], b: []}, [(a, "p1", b, "p2")])
        told = [(kind, device) for kind, device, _subject in faults(comparison)]
        assert told == ([("gateway-bypass", near)] if bypass else [])
        assert comparison.edges[0].bypass is bypass


def test_a_link_that_moved_to_another_port_is_told_once() -> None:
    comparison = run(
        {"a": [sees("GE2", "b", "GE9")], "b": [sees("GE9", "a", "GE2")]}, [("a", "GE1", "b", "GE9")]
    )
    (fault,) = comparison.observations
    assert fault.kind is FindingKind.MOVED_LINK
    assert fault.details["registered"] == "a GE1 - b GE9"


def test_a_further_link_between_two_devices_is_new_and_not_moved() -> None:
    """Both registered links are still there, so the third can not be one of them."""
    pair = [("a", "GE1", "b", "GE1"), ("a", "GE2", "b", "GE2")]
    comparison = run({"a": [sees(f"GE{n}", "b", f"GE{n}") for n in (1, 2, 3)], "b": []}, pair)
    assert faults(comparison) == [("unregistered-link", "a", "GigabitEthernet3 - b GigabitEthernet3")]


def test_a_link_nobody_registered_and_one_that_is_gone() -> None:
    comparison = run({"a": [sees("GE2", "c", "GE9")], "b": [], "c": []}, [("a", "GE1", "b", "GE1")])
    assert faults(comparison) == [
        ("missing-link", "a", "GigabitEthernet1 - b GigabitEthernet1"),
        ("unregistered-link", "a", "GigabitEthernet2 - c GigabitEthernet9"),
    ]


def test_what_nobody_can_see_is_not_called_missing() -> None:
    links = [("a", "GE1", "b", "GE1")]
    comparison = run({"a": []}, links)
    assert comparison.observations == ()
    assert len(comparison.unverifiable) == 1


def test_a_link_is_the_same_finding_whichever_end_tells_of_it() -> None:
    from_a = run({"a": [sees("GE1", "d", "Gi2")], "d": []}, [])
    from_d = run({"d": [sees("GigabitEthernet2", "a", "GigabitEthernet1")], "a": []}, [])
    assert [one.key for one in from_a.observations] == [one.key for one in from_d.observations]


def test_ports_have_many_names() -> None:
    same = {"Gi1/0/1", "GE1/0/1", "GigabitEthernet1/0/1", "gigabitethernet 1/0/1"}
    assert len({port_key(port) for port in same}) == 1
    assert port_key("XGE0/0/1") == port_key("Ten-GigabitEthernet0/0/1") != port_key("GE0/0/1")
    assert port_key("Port 8") == port_key("port8")


neighbours = st.builds(
    Neighbour,
    st.text(max_size=8),
    st.sampled_from([*map(mac, ("a", "b", "d")), "", "odd"]) | st.text(max_size=8),
    st.text(max_size=8),
    st.sampled_from(["a", "b", "d.x"]) | st.text(max_size=8),
    st.lists(st.sampled_from([A.address, D.address, "nonsense"]), max_size=2).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "d", "gap-in"]), st.lists(neighbours, max_size=5)))
def test_whatever_neighbours_claim_the_comparison_ends_and_is_the_same_again(
    sightings: dict[str, list[Neighbour]],
) -> None:
    links = [("a", "1", "b", "1"), ("a", "2", "gap-in", "1")]
    comparison = run(sightings, links)
    assert comparison == run(dict(reversed(sightings.items())), links)
    assert len({one.key for one in comparison.observations}) <= len(comparison.observations)
