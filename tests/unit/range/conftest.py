"""One practice network for all tests of this folder, on ports of its own."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.range import control
from tests.range.plan import Host, load_plan
from tests.range.state import Folder


def _free_offset() -> int:
    """Ports that no other run of these tests uses, all below the kernel's own choice (32768)."""
    for offset in range(12000, 24000, 400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.10.0.254", 2222 + offset)):
                return offset
    raise OSError("no free ports for the practice network")


OFFSET = _free_offset()
PLAN = load_plan()
SIMULATED = [host.name for host in PLAN.of_kind("simulated")]


@dataclass(frozen=True)
class Network:
    """A running practice network as its users see it: the state file and what follows from it."""

    folder: Folder
    state: dict[str, Any]

    @property
    def credential(self) -> dict[str, str]:
        return self.state["credential"]  # type: ignore[no-any-return]

    def host(self, name: str) -> Host:
        return PLAN.host(name)

    def entry(self, name: str) -> dict[str, Any]:
        """The host's ports and state; skips the test where the machine can not run the host."""
        entry: dict[str, Any] = self.state["hosts"][name]
        if entry["state"] == "left_out":
            pytest.skip(f"{name}: {entry['reason']}")
        return entry

    def ssh(self, name: str, command: str = "", typed: str = "") -> "subprocess.CompletedProcess[str]":
        """OpenSSH's client with the key of the state file."""
        entry = self.entry(name)
        return subprocess.run(
            ["ssh", "-T", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", self.credential["key_file"],
             "-p", str(entry["ssh_port"]), f"{self.credential['username']}@{entry['address']}", *filter(None, [command])],
            input=typed, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def snmp(self, program: str, name: str, *oids: str, **changed: str) -> "subprocess.CompletedProcess[str]":
        """net-snmp's client, version 3; ``auth``, ``priv`` and ``user`` may be other than the right ones."""
        entry, credential = self.entry(name), self.credential
        return subprocess.run(
            [program, "-v3", "-l", "authPriv", "-a", "SHA-256", "-x", "AES", "-On", "-t", "2", "-r", "1",
             "-u", changed.get("user", credential["snmp_user"]), "-A", changed.get("auth", credential["snmp_auth"]),
             "-X", changed.get("priv", credential["snmp_priv"]), f"{entry['address']}:{entry['snmp_port']}", *oids],
            capture_output=True, text=True, timeout=30, check=False, env={"MIBS": "", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = Folder(tmp_path_factory.mktemp("range") / "state")
    yield Network(folder, control.up(folder, offset=OFFSET))
    assert control.down(folder)


@pytest.fixture
def state_folder(tmp_path: Path) -> Iterator[Folder]:
    """An empty folder for a practice network of the test's own, ended whatever the test did."""
    folder = Folder(tmp_path / "state")
    yield folder
    control.down(folder)
