"""Runs the suite's processes on one machine: starts them in order, restarts what falls, ends all together.

On several machines each process is a service of its own (docker-compose.yml); this is the small installation's init.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

PARTS = (
    "signer",
    "ocsp",
    "enrol",
    "worker",
    "collector",
    "web",
)  # in the order in which they need one another
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_STEADY = 60.0  # a process that ran this long starts again with the shortest wait
_GRACE = 15.0


@dataclass
class _Child:
    part: str
    process: subprocess.Popen[bytes]
    started: float
    wait: float = _FIRST_WAIT
    due: float | None = None  # when to start it again, once it has ended


@dataclass
class Supervisor:
    """Keeps one process per part running until it is told to stop."""

    command: Callable[[str], Sequence[str]]
    parts: Sequence[str] = PARTS
    _children: list[_Child] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Start everything and watch it until SIGTERM or SIGINT; 0 after an orderly end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            for part in self.parts:
                self._children.append(self._start(part))
            while not self._stop.wait(0.2):
                self._restart_fallen()
        finally:
            self._end_all()
        return 0

    def stop(self) -> None:
        """Ask ``run`` to end."""
        self._stop.set()

    def _start(self, part: str, wait: float = _FIRST_WAIT) -> _Child:
        # a session of its own: Ctrl-C reaches the supervisor alone, which then ends the parts in order
        process = subprocess.Popen(list(self.command(part)), stdin=subprocess.DEVNULL, start_new_session=True)
        structlog.get_logger("supervisor").info("part started", part=part, pid=process.pid)
        return _Child(part, process, time.monotonic(), wait)

    def _restart_fallen(self) -> None:
        now = time.monotonic()
        for index, child in enumerate(self._children):
            status = child.process.poll()
            if status is None:
                continue
            if child.due is None:
                wait = _FIRST_WAIT if now - child.started > _STEADY else min(child.wait * 2, _LONGEST_WAIT)
                child.wait, child.due = wait, now + wait
                structlog.get_logger("supervisor").error(
                    "part ended", part=child.part, status=status, again_in=wait
                )
            elif now >= child.due:
                self._children[index] = self._start(child.part, child.wait)

    def _end_all(self) -> None:
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _GRACE
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                structlog.get_logger("supervisor").error("part killed", part=child.part)
                child.process.kill()
                child.process.wait()


def serve_command(part: str) -> list[str]:
    """The command line of one part, in this very interpreter and environment."""
    return [sys.executable, "-m", "console.main", "serve", part]


def supervise() -> int:
    """Run every part of the suite under this process."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    return Supervisor(serve_command).run()
