"""Processes that the demo starts, written down so that a run killed half-way is cleaned up by the next one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel.errors import Unavailable
from kernel.i18n import N_
from kernel.processes import started
from kernel.secrets import write_private


class Processes:
    """Children of one demo folder. A process is known by its id and its start time, since ids are used again."""

    def __init__(self, register: Path) -> None:
        self._register = register
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> int:
        """Start a child with its output in ``log`` and return its process id."""
        with log.open("ab") as output:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._children[name] = child
        self._write()
        return child.pid

    def ensure_running(self, name: str, log: Path) -> None:
        """Unavailable, with the end of its log, when the child has ended."""
        status = self._children[name].poll()
        if status is not None:
            tail = log.read_text(encoding="utf-8", errors="replace")[-400:]
            raise Unavailable(
                N_("%(name)s ended with status %(status)s: %(tail)s"), name=name, status=status, tail=tail
            )

    def stop(self, name: str) -> None:
        """End one child in good order, or by force after ten seconds."""
        child = self._children.pop(name, None)
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._write()

    def stop_all(self) -> None:
        for name in list(self._children):
            self.stop(name)

    def clean(self) -> int:
        """End what an earlier run left behind; returns how many processes that were."""
        if not self._register.exists():
            return 0
        left = [
            entry
            for entry in json.loads(self._register.read_text())
            if started(entry["pid"]) == entry["started"]
        ]
        for entry in left:
            _end(entry["pid"], entry["started"])
        self._register.unlink()
        return len(left)

    def _write(self) -> None:
        entries = [{"pid": child.pid, "started": started(child.pid)} for child in self._children.values()]
        write_private(self._register, json.dumps(entries).encode())


def _end(pid: int, since: str) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while started(pid) == since and time.monotonic() < deadline:
        time.sleep(0.05)
    if started(pid) == since:
        os.kill(pid, signal.SIGKILL)
