"""Simulated devices over the network, asked by clients that we did not write: netmiko and OpenSSH."""

import time
from typing import Any

import paramiko
import pytest
from netmiko import BaseConnection, ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, ReadException, ReadTimeout

from tests.range import control
from tests.range.ssh.server import SESSIONS
from tests.range.state import Folder
from tests.unit.range.conftest import OFFSET, PLAN, SIMULATED, Network

NETMIKO = {
    "huawei_vrp": ("huawei_vrp", "display current-configuration"),
    "h3c_comware": ("hp_comware", "display current-configuration"),
    "cisco_ios": ("cisco_ios", "show running-config"),
    "cisco_asa": ("cisco_asa", "show running-config"),
    "topsec_tos": ("generic", "show-running nostop"),
    "isolation_gateway": ("generic", "show config"),
}
PAGED = {"nw-core-vrp": "---- More ----", "nw-acc-h3c": "---- More ----", "ww-core-ios": "--More--",
         "ww-fw-asa": "<--- More --->", "exit-fw-topsec": "--More--", "gap-in": "--More--"}  # fmt: skip


def login(network: Network, name: str, **changed: Any) -> BaseConnection:
    entry, credential = network.entry(name), network.credential
    arguments = {
        "device_type": NETMIKO[entry["platform"]][0], "host": entry["address"], "port": entry["ssh_port"],
        "username": credential["username"], "password": credential["password"], "secret": credential["enable"],
    }  # fmt: skip
    return ConnectHandler(**arguments | changed)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize("name", SIMULATED)
def test_netmiko_reads_the_exact_configuration(network: Network, name: str) -> None:
    with login(network, name) as connection:
        if PLAN.host(name).platform.startswith("cisco"):
            connection.enable()
        if PLAN.host(name).platform == "isolation_gateway":
            connection.send_command("terminal length 0")
        command = NETMIKO[PLAN.host(name).platform][1]
        shown = connection.send_command(command, read_timeout=20)
    assert lines(shown) == lines(PLAN.host(name).text("running-config"))


def test_netmiko_logs_in_with_the_key_alone(network: Network) -> None:
    key = network.credential["key_file"]
    with login(network, "nw-core-vrp", password=None, use_keys=True, key_file=key) as connection:
        assert connection.find_prompt() == "<nw-core-vrp>"


def test_a_wrong_password_is_refused(network: Network) -> None:
    with pytest.raises(NetmikoAuthenticationException):
        login(network, "ww-core-ios", password="wrong")


@pytest.mark.parametrize("name", PAGED)
def test_a_long_answer_stops_at_the_pager_until_a_key_is_pressed(network: Network, name: str) -> None:
    channel = raw_session(network, name)
    if PLAN.host(name).platform.startswith("cisco"):
        talk(channel, "enable\n", "assword: ")
        talk(channel, network.credential["enable"] + "\n", "#")
    command = "show-running" if name == "exit-fw-topsec" else NETMIKO[PLAN.host(name).platform][1]
    first = talk(channel, command + "\n", PAGED[name])
    assert len(first.splitlines()) < 30
    second = talk(channel, " ", PAGED[name])
    assert second.strip()
    assert PAGED[name] not in talk(channel, "q", name)


def test_every_typed_character_is_echoed_and_can_be_erased(network: Network) -> None:
    channel = raw_session(network, "nw-core-vrp")
    channel.sendall(b"display versiom")
    assert talk(channel, "", "versiom").endswith("display versiom")
    shown = talk(channel, "\x7fn\r\n", "<nw-core-vrp>")
    assert "VRP (R) software, Version 5.170" in shown


def test_openssh_runs_a_command_on_ios_and_not_on_vrp(network: Network) -> None:
    shown = network.ssh("ww-core-ios", "show version")
    assert shown.returncode == 0
    assert "Catalyst L3 Switch Software" in shown.stdout
    assert "未经授权禁止登录" in shown.stderr  # the banner comes before the login
    assert network.ssh("nw-core-vrp", "display version").returncode == 1


def test_a_sixth_session_finds_no_free_line(network: Network) -> None:
    entry = network.entry("gap-out")
    held = [raw_session(network, "gap-out") for _ in range(SESSIONS)]
    with pytest.raises((paramiko.SSHException, EOFError, OSError)):
        raw_session(network, "gap-out")
    held[0].get_transport().close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert raw_session(network, "gap-out")
            break
        except (paramiko.SSHException, EOFError, OSError):
            assert time.monotonic() < deadline, entry
            time.sleep(0.1)
    for channel in held[1:]:
        channel.get_transport().close()


# --- sessions that go wrong
@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = Folder(tmp_path_factory.mktemp("faulty") / "state")
    injected = {
        "nw-core-vrp": "cut_after=40",
        "nw-acc-h3c": "password_question,pause_at_hash=0.3",
        "ww-core-ios": "hang_after=30",
        "gap-in": "slow=1",
    }
    yield Network(folder, control.up(folder, list(injected), injected, offset=OFFSET + 100))
    control.down(folder)


def test_a_session_cut_in_the_middle_breaks_off(faulty: Network) -> None:
    connection = login(faulty, "nw-core-vrp")
    with pytest.raises((OSError, EOFError, ReadException, ReadTimeout)):
        connection.send_command("display current-configuration", read_timeout=3)


def test_a_session_that_hangs_runs_into_the_readers_time_limit(faulty: Network) -> None:
    connection = login(faulty, "ww-core-ios")
    connection.enable()
    with pytest.raises(ReadTimeout):
        connection.send_command("show running-config", read_timeout=2)
    connection.paramiko_cleanup()  # a polite good-bye would wait for the device


def test_a_pause_behind_a_bare_hash_is_not_the_end(faulty: Network) -> None:
    channel = raw_session(faulty, "nw-acc-h3c", wait_for="[Y/N]:")
    talk(channel, "N\n", "<nw-acc-h3c>")
    talk(channel, "screen-length disable\n", "<nw-acc-h3c>")
    started = time.monotonic()
    shown = talk(channel, "display current-configuration\n", "\nreturn")
    assert time.monotonic() - started >= 0.6
    assert "local-user weicheng class manage" in shown


def test_slow_answers_come_late_but_whole(faulty: Network) -> None:
    channel = raw_session(faulty, "gap-in")
    started = time.monotonic()
    assert "5.2.1" in talk(channel, "show version\n", "gap-in>")
    assert time.monotonic() - started >= 1


def raw_session(network: Network, name: str, wait_for: str = "") -> paramiko.Channel:
    """A terminal without any driver's preparations."""
    entry, credential = network.entry(name), network.credential
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        entry["address"], entry["ssh_port"], credential["username"], credential["password"],
        allow_agent=False, look_for_keys=False, timeout=5, banner_timeout=5,
    )  # fmt: skip
    channel = client.invoke_shell()
    channel.keep = client  # type: ignore[attr-defined]  # closed with its client
    talk(channel, "", wait_for or name)
    return channel


def talk(channel: paramiko.Channel, typed: str, wait_for: str) -> str:
    """Type, and read up to the awaited text."""
    channel.settimeout(10)
    channel.sendall(typed.encode())
    shown = ""
    while wait_for not in shown.replace("\r\n", "\n"):
        data = channel.recv(4096)
        assert data, shown
        shown += data.decode("utf-8", "replace")
    return shown
