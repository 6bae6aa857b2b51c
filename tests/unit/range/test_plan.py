"""The written plan, the register table, the list of faults and the devices' configurations say the same."""

import csv
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.range.plan import FOLDER, load_faults
from tests.unit.range.conftest import PLAN

FRR = "etc/frr/weicheng-range/frr.conf"


def table(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_planned_fault_of_the_demo_is_in_the_one_list() -> None:
    assert [fault["id"] for fault in load_faults()] == [
        "telnet-open", "snmp-public", "any-any", "weak-hash", "no-log-server", "gateway-bypass",
        "unregistered-device", "expired-certificate", "brute-force", "changed-byte",
    ]  # fmt: skip


def test_each_host_lies_in_its_network_and_no_two_share_an_address() -> None:
    for host in PLAN.hosts:
        prefixes = PLAN.networks[host.network]["prefixes"]
        assert any(ip_address(host.address) in ip_network(prefix) for prefix in prefixes), host.name
    addresses = [host.address for host in PLAN.hosts]
    assert len(set(addresses)) == len(addresses)


def test_the_register_table_has_every_host_but_the_unregistered_one() -> None:
    rows = {row["name"]: row for row in table("register.csv") if row["kind"] in ("device", "gateway")}
    assert set(rows) == {host.name for host in PLAN.hosts if host.kind != "seen"}
    for name, row in rows.items():
        host = PLAN.host(name)
        assert (row["address"], row["platform"], row["zone"]) == (host.address, host.platform, host.network)
        assert (int(row["ssh_port"]), int(row["snmp_port"])) == (PLAN.ports["ssh"], PLAN.ports["snmp"])


def test_the_register_table_has_every_tls_endpoint() -> None:
    services = {
        (row["address"], int(row["tls_port"])) for row in table("register.csv") if row["kind"] == "service"
    }
    assert services == {(host.address, PLAN.ports["tls"]) for host in PLAN.hosts if host.tls}


def test_the_table_of_links_leaves_out_exactly_the_planted_ones() -> None:
    rows = {(row["a"], row["a_port"], row["b"], row["b_port"]) for row in table("links.csv")}
    assert rows == {(link.a, link.a_port, link.b, link.b_port) for link in PLAN.links if link.registered}
    planted = {(link.a, link.b) for link in PLAN.links if not link.registered}
    assert planted == {("nw-core-vrp", "ww-core-ios"), ("nw-acc-h3c", "nw-rogue-sw")}


def configuration(name: str) -> list[str]:
    folder = PLAN.host(name).folder
    path = folder / "running-config" if (folder / "running-config").exists() else folder / FRR
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", [host.name for host in PLAN.of_kind("simulated")])
def test_a_configuration_shows_the_planned_address_and_name(name: str) -> None:
    lines = configuration(name)
    assert any(PLAN.host(name).address in line.split() for line in lines if "ip add" in line)
    assert any(line.split()[-1:] == [name] for line in lines)
    assert len(lines) >= 70


def netops_faults() -> list[dict[str, str]]:
    return [entry for fault in load_faults() for entry in fault["expected"] if entry["room"] == "netops"]


@pytest.mark.parametrize("entry", [e for e in netops_faults() if e["text"]], ids=lambda e: str(e["rule"]))
def test_a_planted_line_stands_in_its_configuration_once(entry: dict[str, str]) -> None:
    lines = configuration(entry["host"])
    assert sum(line.strip().startswith(entry["text"]) for line in lines) == 1


def test_what_is_planted_by_absence_is_absent_there_and_present_elsewhere() -> None:
    assert not any(line.startswith("log ") for line in configuration("ww-rtr-frr"))
    senders = {
        "nw-core-vrp": "info-center loghost 1",
        "ww-core-ios": "logging host",
        "exit-fw-topsec": "log log set",
    }
    for name, text in senders.items():
        assert any(line.strip().startswith(text) for line in configuration(name)), name


def test_the_baseline_finds_the_planted_faults_and_nothing_else() -> None:
    """The rules that the suite ships, on the configurations as the devices hold them."""
    from netops.compliance.detect import Checker, Circumstances
    from netops.compliance.rules import load_rules
    from netops.config.masking import Masker
    from netops.config.text import clean
    from netops.vendors import load_vendors

    vendors = load_vendors()
    checker = Checker(load_rules(FOLDER.parent.parent / "policies/data/baselines"), Masker(b"k" * 32))
    prefixes = tuple((name, ip_network(p)) for name, net in PLAN.networks.items() for p in net["prefixes"])
    found = set()
    for host in PLAN.of_kind("simulated"):
        vendor = vendors[host.platform]
        here = Circumstances(host.network, prefixes, gateway=host.platform == "isolation_gateway")
        report = checker.check(clean(host.text("running-config"), vendor), vendor, here)
        found |= {(deviation.rule, host.name) for deviation in report.deviations}
    assert found == {(e["rule"], e["host"]) for e in netops_faults() if e["text"]}


def test_no_secret_of_a_running_network_can_be_in_the_checked_in_files() -> None:
    """Private keys and pass phrases are made at each start; none may slip in."""
    for path in Path(FOLDER).rglob("*"):
        if path.is_file() and path.suffix not in (".pyc",):
            assert "PRIVATE KEY" not in path.read_text("utf-8"), path
