"""Starting and stopping: once, twice, after kill -9, with a port taken, and never at the cost of somebody else's process."""

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.range import control
from tests.range.__main__ import main
from tests.range.real import container
from tests.range.state import Folder, Process
from tests.unit.range.conftest import OFFSET, Network

OWN = OFFSET + 200  # ports of the networks that these tests start
SMALL = ["gap-in", "ww-fw-asa"]


def free(port: int, address: str = "127.10.0.254") -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


def test_all_hosts_are_up_and_answer(network: Network) -> None:
    state = control.status(network.folder)
    assert {entry["state"] for entry in state["hosts"].values()} <= {"up", "left_out"}
    assert len(state["hosts"]) == 9


def test_the_state_file_is_for_its_owner_alone_and_has_what_it_promises(network: Network) -> None:
    path = network.folder.state_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    state = json.loads(path.read_text())
    assert set(state["credential"]) == {
        "username", "password", "enable", "key_file", "snmp_user", "snmp_auth", "snmp_priv", "snmp_community",
    }  # fmt: skip
    assert stat.S_IMODE(Path(state["credential"]["key_file"]).stat().st_mode) == 0o600
    assert Path(state["ca_file"]).exists()


def test_no_secret_is_in_the_arguments_of_any_process_or_in_the_output(network: Network, capsys: Any) -> None:
    secrets = [network.credential[name] for name in ("password", "enable", "snmp_auth", "snmp_priv")]
    main(["status", "--state", str(network.folder.path), "--output", "json"])
    shown = (
        capsys.readouterr().out
        + subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    )
    logs = [path.read_text("utf-8", "replace") for path in network.folder.path.rglob("*.log")]
    assert not any(secret in text for secret in secrets for text in [shown, *logs])


def test_up_twice_starts_one_network(state_folder: Folder) -> None:
    first = control.up(state_folder, SMALL, offset=OWN)
    assert control.up(state_folder, SMALL, offset=OWN) == first
    assert control.down(state_folder)
    assert not control.down(state_folder)
    assert free(2222 + OWN)


def test_each_start_has_new_secrets_and_the_same_host_keys(state_folder: Folder) -> None:
    first = control.up(state_folder, SMALL, offset=OWN)
    key = (state_folder.path / "hosts/gap-in/ssh_host_ed25519_key.pub").read_text()
    control.down(state_folder)
    assert not state_folder.state_file.exists()
    second = control.up(state_folder, SMALL, offset=OWN)
    assert first["credential"]["password"] != second["credential"]["password"]
    assert (state_folder.path / "hosts/gap-in/ssh_host_ed25519_key.pub").read_text() == key


def children(pid: int) -> list[int]:
    shown = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in shown.splitlines()]
    found = [child for child, parent in pairs if parent == pid]
    return found + [deeper for child in found for deeper in children(child)]


def runs(pid: int) -> bool:
    """Whether the process is there and is more than the zombie of a child of ours."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_a_killed_network_leaves_no_process_and_the_next_start_works(state_folder: Folder) -> None:
    state = control.up(state_folder, ["gap-in", "nw-srv-linux", "ww-rtr-frr"], offset=OWN)
    pid = state["processes"][0]["pid"]
    family = [pid, *children(pid)]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(map(runs, family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [one for one in family if runs(one)] == []
    assert control.status(state_folder) == {}
    assert (
        control.up(state_folder, ["gap-in", "nw-srv-linux"], offset=OWN)["hosts"]["gap-in"]["state"] == "up"
    )


def test_an_interrupted_start_leaves_nothing_running(
    state_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the process is only just starting, before it has recorded itself."""

    def interrupted(pipe: Any, folder: Folder) -> None:
        started.update(children(os.getpid()))
        raise KeyboardInterrupt

    before, started = set(children(os.getpid())), set[int]()
    monkeypatch.setattr(control, "_heard", interrupted)
    with pytest.raises(KeyboardInterrupt):
        control.up(state_folder, SMALL, offset=OWN)
    assert started - before
    assert not any(map(runs, started - before))
    assert not state_folder.state_file.exists()


def test_a_process_that_only_has_the_recorded_pid_is_left_alone(state_folder: Folder) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        state_folder.make()
        state_folder.record(Process("range", stranger.pid, 1))
        control.down(state_folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.fixture
def taken() -> Iterator[None]:
    with socket.create_server(("127.20.10.1", 2222 + OWN)):
        yield


def test_a_taken_port_is_named_and_nothing_stays_behind(state_folder: Folder, taken: None) -> None:
    with pytest.raises(control.NotStarted, match=r"ww-fw-asa 127\.20\.10\.1"):
        control.up(state_folder, SMALL, offset=OWN)
    assert control.status(state_folder) == {}
    assert not state_folder.state_file.exists()
    assert free(2222 + OWN)


def test_an_unknown_host_is_named(state_folder: Folder) -> None:
    with pytest.raises(control.NotStarted, match="nw-core-junos"):
        control.up(state_folder, ["nw-core-junos"])


def test_a_machine_that_can_not_run_the_real_hosts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "SEARCH", "/nonexistent")
    with pytest.raises(container.CannotRun, match="programs missing: unshare"):
        asyncio.run(container._check("frr"))


def test_without_root_the_real_hosts_run_in_a_user_namespace(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """As an account that is nobody on this machine: both real hosts come up and answer."""
    if os.geteuid() != 0:
        pytest.skip("the other tests of this file run without root then")
    python = readable_python()
    folder = Path(tempfile.mkdtemp(prefix="weicheng-range-"))
    os.chown(folder, 61077, 61077)
    options = ["--state", str(folder / "state")]
    try:
        up = ["up", "--only", "nw-srv-linux,ww-rtr-frr", "--offset", str(OWN), *options]
        done = as_nobody(python, "-m", "tests.range", *up)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        assert as_nobody(python, "-m", "tests.range", "down", *options).returncode == 0
        shutil.rmtree(folder)


def as_nobody(python: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["setpriv", "--reuid=61077", "--regid=61077", "--clear-groups", python, *arguments],
        cwd=control.ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def readable_python() -> str:
    """A Python of our version that another account may run, with our packages; skips when there is none."""
    trial = "import subprocess, sys, asyncssh, cryptography, yaml, tests.range.control; "
    trial += f"assert sys.version_info[:2] == {sys.version_info[:2]}; "
    trial += "subprocess.run([sys.executable, '-c', ''], check=True)"
    for python in (sys.executable, "/usr/bin/python3"):
        if as_nobody(python, "-c", trial).returncode == 0:
            return python
    pytest.skip("another account can not read this checkout or its Python")


def test_left_out_hosts_show_in_the_exit_status(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"address": "127.20.0.3", "platform": "frr", "ssh_port": 2222, "snmp_port": 1161, "tls_port": 0,
             "state": "left_out", "reason": "needs root"}  # fmt: skip
    monkeypatch.setattr(control, "status", lambda folder: {"hosts": {"ww-rtr-frr": entry}})
    assert main(["status"]) == 3
    assert "needs root" in capsys.readouterr().out


def test_status_of_nothing_and_the_list_of_faults(tmp_path: Path, capsys: Any) -> None:
    assert main(["status", "--state", str(tmp_path)]) == 1
    assert "not running" in capsys.readouterr().err
    assert main(["faults", "--output", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 10
