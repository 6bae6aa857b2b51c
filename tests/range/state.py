"""The folder of a running practice network: its secrets, its keys, its state file, and which processes are its own."""

import json
import os
import secrets
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh

from kernel.secrets import write_private
from tests.range.plan import Host, Plan
from tests.range.snmp.usm import Engine

VERSION = 1
GRACE = 5.0  # seconds between the polite and the other signal


@dataclass(frozen=True)
class Process:
    """A process by pid and start time (clock ticks since boot): a pid alone may have become another's."""

    name: str
    pid: int
    started: int

    @classmethod
    def current(cls, name: str) -> "Process":
        return cls(name, os.getpid(), _start_of(os.getpid()))

    @property
    def is_alive(self) -> bool:
        return self.pid > 1 and _start_of(self.pid) == self.started

    def end(self) -> None:
        """SIGTERM, after GRACE seconds SIGKILL; nothing when it is gone or the pid is another's by now."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_alive:
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + GRACE
            while self.is_alive and time.monotonic() < deadline:
                time.sleep(0.02)


def _start_of(pid: int) -> int:
    """Start time from /proc/PID/stat (field 22); 0 when there is no such process, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


class Folder:
    """DIR of ``--state``."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def state_file(self) -> Path:
        return self.path / "state.json"

    @property
    def log_file(self) -> Path:
        return self.path / "range.log"

    @property
    def client_key(self) -> Path:
        return self.path / "id_ed25519"

    @property
    def certificates(self) -> Path:
        return self.path / "certificates"

    def host(self, host: Host) -> Path:
        """The folder of one host's own files (keys, daemons' settings)."""
        return self.path / "hosts" / host.name

    def make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.chmod(0o700)

    def read(self) -> dict[str, Any]:
        """The state; empty when there is none or a killed ``up`` left it unreadable."""
        try:
            state = json.loads(self.state_file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) and state.get("version") == VERSION else {}

    def write(self, state: Mapping[str, Any]) -> None:
        write_private(self.state_file, json.dumps(state, ensure_ascii=False, indent=1).encode())

    # --- processes
    def record(self, process: Process) -> None:
        """Called by the process itself as its first act, so that no started process is ever unknown."""
        write_private(self.path / "range.pid", json.dumps(process.__dict__).encode())

    def process(self) -> Process | None:
        """The recorded process, whether it lives or not."""
        try:
            return Process(**json.loads((self.path / "range.pid").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def forget(self) -> None:
        """Nothing runs any more: secrets and state go, host keys and the log stay."""
        for name in ("state.json", "range.pid", "id_ed25519", "id_ed25519.pub"):
            (self.path / name).unlink(missing_ok=True)

    # --- keys
    def host_key(self, host: Host) -> Path:
        """The host's ed25519 key, made at the first start and kept: devices do not change their keys."""
        path = self.host(host) / "ssh_host_ed25519_key"
        if not path.exists():
            _write_key(path)
        return path


def new_state(folder: Folder, plan: Plan, names: list[str], offset: int) -> dict[str, Any]:
    """A state with fresh secrets and every chosen host not yet up."""
    _write_key(folder.client_key)
    started = time.time()
    return {
        "version": VERSION,
        "started_at": datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "started": started,
        "folder": str(folder.path),
        "offset": offset,
        "processes": [],
        "credential": _credential(folder, plan),
        "hosts": {name: _host_entry(plan.host(name), plan, started) for name in names},
        "left_out": [],
        "ca_file": str(folder.certificates / "ca.pem"),
    }


def _credential(folder: Folder, plan: Plan) -> dict[str, str]:
    return {
        "username": plan.username,
        "password": secrets.token_urlsafe(12),
        "enable": secrets.token_urlsafe(12),
        "key_file": str(folder.client_key),
        "snmp_user": plan.username,
        "snmp_auth": secrets.token_urlsafe(15),
        "snmp_priv": secrets.token_urlsafe(15),
        "snmp_community": "",
    }


def _host_entry(host: Host, plan: Plan, started: float) -> dict[str, Any]:
    engine = Engine.of(host, started)
    return {
        "address": host.address,
        "platform": host.platform,
        "ssh_port": plan.ports["ssh"],
        "snmp_port": plan.ports["snmp"],
        "tls_port": plan.ports["tls"] if host.tls else 0,
        "engine_id": engine.id.hex(),
        "state": "starting",
        "reason": "",
    }


def _write_key(path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="weicheng-range")
    write_private(path, key.export_private_key())
    path.with_name(path.name + ".pub").write_bytes(key.export_public_key())
