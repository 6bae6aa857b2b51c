"""The hosts made of real programs, and the TLS endpoints, seen with OpenSSH, net-snmp, FRR's vtysh and OpenSSL."""

import os
import subprocess

import pytest
from netmiko import ConnectHandler

from tests.unit.range.conftest import Network


def test_the_linux_host_has_files_and_a_network_of_its_own(network: Network) -> None:
    shown = network.ssh("nw-srv-linux", "hostname; id -un; cat /etc/ssh/sshd_config; ip -brief address")
    assert shown.returncode == 0, shown.stderr
    first, second, *rest = shown.stdout.splitlines()
    assert (first, second) == ("nw-srv-linux", "weicheng")
    assert "PermitRootLogin no" in rest
    assert any(line.startswith("eth0") and "127.10.10.5/24" in line for line in rest)
    assert "未经授权禁止登录" in shown.stderr


def test_secrets_of_the_linux_host_are_not_for_its_user(network: Network) -> None:
    if os.geteuid() != 0:
        pytest.skip("without root every account of the host is the caller's own")
    shown = network.ssh(
        "nw-srv-linux", "cat /etc/shadow /var/lib/snmp/snmpd.conf /etc/ssh/ssh_host_ed25519_key"
    )
    assert shown.stdout == ""
    assert shown.stderr.count("Permission denied") == 3


def test_netmiko_logs_in_to_the_linux_host_with_the_password(network: Network) -> None:
    entry, credential = network.entry("nw-srv-linux"), network.credential
    with ConnectHandler(
        device_type="linux", host=entry["address"], port=entry["ssh_port"],
        username=credential["username"], password=credential["password"],
    ) as connection:  # fmt: skip
        assert "127.10.10.5" in connection.send_command("cat /etc/hosts")


@pytest.mark.parametrize(
    ("name", "ports"), [("nw-srv-linux", ["lo", "eth0"]), ("ww-rtr-frr", ["lo", "eth0", "eth1", "eth2"])]
)
def test_the_real_agent_sees_the_hosts_own_ports(network: Network, name: str, ports: list[str]) -> None:
    shown = network.snmp("snmpwalk", name, ".1.3.6.1.2.1.2.2.1.2").stdout
    assert [line.rpartition(": ")[2].strip('"') for line in shown.splitlines()] == ports


@pytest.mark.parametrize("name", ["nw-srv-linux", "ww-rtr-frr"])
def test_the_real_agent_has_the_planned_engine_id(network: Network, name: str) -> None:
    shown = network.snmp("snmpget", name, "-Ox", ".1.3.6.1.6.3.10.2.1.1.0").stdout
    assert (
        shown.partition("Hex-STRING: ")[2].replace(" ", "").strip().lower()
        == network.entry(name)["engine_id"]
    )


def test_the_router_shows_its_running_configuration(network: Network) -> None:
    shown = network.ssh("ww-rtr-frr", "show running-config")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert "hostname ww-rtr-frr" in lines
    assert "router bgp 65020" in lines
    assert lines[-1] == "end"
    assert not any(line.startswith("log ") for line in lines)  # planted: no-log-server


def test_the_routers_daemons_really_route(network: Network) -> None:
    """zebra has put the connected and the static routes into the namespace's kernel table."""
    shown = network.ssh("ww-rtr-frr", "show ip route").stdout
    assert "C>* 10.20.255.0/30 is directly connected, eth1" in shown
    assert "S>* 10.20.99.0/24 [1/0] unreachable (blackhole)" in shown


def test_netmiko_reads_the_router_like_any_cisco(network: Network) -> None:
    entry, credential = network.entry("ww-rtr-frr"), network.credential
    with ConnectHandler(
        device_type="cisco_ios", host=entry["address"], port=entry["ssh_port"],
        username=credential["username"], password=credential["password"],
    ) as connection:  # fmt: skip
        shown = connection.send_command("show running-config")
    assert shown.splitlines()[-1] == "end"


def test_a_wrong_password_is_refused_by_the_real_hosts(network: Network) -> None:
    from netmiko.exceptions import NetmikoAuthenticationException

    entry = network.entry("nw-srv-linux")
    with pytest.raises(NetmikoAuthenticationException):
        ConnectHandler(
            device_type="linux",
            host=entry["address"],
            port=entry["ssh_port"],
            username="weicheng",
            password="wrong",
        )


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("nw-srv-linux", "0 (ok)"), ("exit-fw-topsec", "0 (ok)"), ("ww-fw-asa", "10 (certificate has expired)")],
)
def test_openssl_judges_the_certificates_as_planned(network: Network, name: str, verdict: str) -> None:
    entry = network.entry(name)
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{entry['address']}:{entry['tls_port']}", "-CAfile", network.state["ca_file"],
         "-verify_hostname", name, "-ign_eof"],
        input="GET / HTTP/1.1\r\nHost: x\r\n\r\n", capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert f"Verify return code: {verdict}" in shown.stdout
    assert f"<h1>{name}</h1>" in shown.stdout
