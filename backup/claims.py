"""One piece of work on a plan at a time, and cleaning up after a process that was killed at it."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from backup import store
from backup.model import RunState
from kernel.clock import Clock
from kernel.errors import Conflict
from kernel.i18n import N_, translate
from kernel.ids import new_id
from kernel.processes import started
from kernel.store import Database


@dataclass(frozen=True)
class ProcessMark:
    """A process, known by host, id and start time, since ids are used again."""

    host: str
    pid: int
    process: str


def this_process() -> ProcessMark:
    return ProcessMark(socket.gethostname(), os.getpid(), started(os.getpid()) or "")


def is_gone(mark: ProcessMark) -> bool:
    """Whether the process has surely ended; of another host nothing is sure."""
    return mark.host == socket.gethostname() and started(mark.pid) != mark.process


class Claims:
    """Claims of plans, and scratch folders named for their process. ``longest``: no work takes longer than that."""

    def __init__(self, database: Database, clock: Clock, scratch: Path, longest: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._scratch = scratch
        self._longest = longest

    @contextmanager
    def hold(self, plan: str, work: str) -> Iterator[None]:
        """Hold the plan for ``work``; Conflict while somebody alive holds it. What a dead holder left is cleaned up."""
        token, mark = new_id("clm"), this_process()
        with self._database.begin() as uow:
            held = store.claim_row(uow.connection, plan)
            if held is not None and not self._void(held.host, held.pid, held.process, held.claimed_at):
                raise Conflict(
                    N_("Plan %(plan)s is being worked on (%(work)s, process %(pid)s on %(host)s)."),
                    mend=N_("Wait for it to end."),
                    plan=plan,
                    work=held.work,
                    pid=held.pid,
                    host=held.host,
                )
            values = {"plan": plan, "work": work, "token": token, "claimed_at": self._clock.now()}
            store.put_claim(uow.connection, {**values, **vars(mark)})
            for run in store.unfinished_runs(uow.connection, plan):
                error = translate(N_("interrupted: the process that ran it was killed"))
                store.move_run(
                    uow.connection, run.id, RunState.FAILED, error=error, finished_at=self._clock.now()
                )
        try:
            yield
        finally:
            with self._database.begin() as uow:
                store.drop_claim(uow.connection, plan, token)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A private scratch folder, removed afterwards, also after a failure; leftovers of the dead go first."""
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.sweep()
        mark = this_process()
        made = Path(tempfile.mkdtemp(prefix=f"{mark.pid}-{mark.process}-", dir=self._scratch))
        try:
            yield made
        finally:
            remove_tree(made)

    def sweep(self) -> int:
        """Remove scratch folders whose process is gone; returns how many that were."""
        host, left = socket.gethostname(), []
        for folder in self._scratch.glob("*-*-*"):
            pid, process, _ = folder.name.split("-", 2)
            if pid.isdigit() and is_gone(ProcessMark(host, int(pid), process)):
                left.append(folder)
        for folder in left:
            remove_tree(folder)
        return len(left)

    def _void(self, host: str, pid: int, process: str, since: datetime) -> bool:
        return is_gone(ProcessMark(host, pid, process)) or self._clock.now() - since > self._longest


def remove_tree(folder: Path) -> None:
    """Remove a tree even where restored folders took the right to write away; one that is gone already is fine."""
    for path, _folders, _files in os.walk(folder):
        with suppress(FileNotFoundError):
            Path(path).chmod(0o700)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # another thread sweeps it too and was first with one file
            remove_tree(folder)
