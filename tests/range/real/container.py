"""Starting a real host: namespaces of its own around it, its two sockets opened out here on the loopback address.

The host's process is the first of a pid namespace: when it or the practice network's process dies, however it dies, the
kernel ends every program in it and takes its network, its mounts and its files along.
"""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.range.plan import FOLDER, Host, Plan
from tests.range.state import Folder

NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
WITHOUT_ROOT = ("--user", "--map-current-user", "--keep-caps")  # a user namespace, where we may do all this
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "linux": ("unshare", "setpriv", "ip", "sshd", "snmpd", "openssl"),
    "frr": ("unshare", "setpriv", "ip", "sshd", "snmpd", "openssl", "vtysh"),
}
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/lib/frr"])
START_SECONDS = 20.0


class CannotRun(Exception):
    """This machine can not run the host, and why; the others go on without it."""


class Container:
    """One real host."""

    def __init__(self, host: Host, plan: Plan, folder: Folder, state: Mapping[str, Any]) -> None:
        self._host = host
        self._plan = plan
        self._folder = folder
        self._state = state
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return when it serves. CannotRun when the machine does not allow it, OSError when a port is taken."""
        await _check(self._host.platform)
        listener = socket.create_server((self._host.address, self._plan.ports["ssh"]))
        agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with listener, agent:
            agent.bind((self._host.address, self._plan.ports["snmp"]))
            await self._spawn(listener.fileno(), agent.fileno())
        await self._wait_until_ready()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _spawn(self, listener: int, agent: int) -> None:
        log = self._log.open("ab")
        command = (*DIES_WITH_US, *_unshare(), sys.executable, "-m", "tests.range.real.init")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=FOLDER.parent.parent,
                env={**os.environ, "PATH": SEARCH},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                pass_fds=(listener, agent),
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._orders(listener, agent)).encode() + b"\n")
        await self._process.stdin.drain()

    def _orders(self, listener: int, agent: int) -> dict[str, Any]:
        """What the first process needs to know; over its standard input, because it holds secrets."""
        entry = self._state["hosts"][self._host.name]
        return {
            "name": self._host.name,
            "listener": listener,
            "agent": agent,
            "credential": self._state["credential"],
            "authorized_key": self._folder.client_key.with_suffix(".pub").read_text(),
            "host_key": self._folder.host_key(self._host).read_text(),
            "engine_id": entry["engine_id"],
            "boots": int(self._state["started"]) // 60 % 2**24,
            "snmp_port": entry["snmp_port"],
        }

    async def _wait_until_ready(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
        if line != b"ready\n":
            await self.stop()
            raise OSError(0, f"没有启动，见 | did not start, see {self._log}")

    @property
    def _log(self) -> Path:
        folder = self._folder.host(self._host)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / "host.log"


async def _check(platform: str) -> None:
    """CannotRun with what is missing: programs, or the right to make namespaces."""
    missing = [program for program in PROGRAMS[platform] if shutil.which(program, path=SEARCH) is None]
    if missing:
        raise CannotRun(f"缺少程序 | programs missing: {' '.join(missing)}")
    probe = await asyncio.create_subprocess_exec(
        *_unshare(), "mount", "-t", "tmpfs", "tmpfs", "/run",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await probe.wait():
        raise CannotRun(
            "不允许创建命名空间 | namespaces are not allowed here (needs root or user namespaces)"
        )


def _unshare() -> tuple[str, ...]:
    return ("unshare", *NAMESPACES) if os.geteuid() == 0 else ("unshare", *WITHOUT_ROOT, *NAMESPACES)
