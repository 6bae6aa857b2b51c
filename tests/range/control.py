"""Starting and stopping a practice network: ``up`` is idempotent, ``down`` ends what is ours and nothing else."""

import fcntl
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.range.plan import FOLDER, load_plan
from tests.range.probe import silent_ports
from tests.range.state import Folder, new_state

ROOT = FOLDER.parent.parent
START_SECONDS = 30.0


class NotStarted(Exception):
    """The practice network did not come up; nothing of it runs any more."""


def up(
    folder: Folder,
    only: Sequence[str] = (),
    injected: Mapping[str, str] | None = None,
    offset: int = 0,
    certificates: Path | None = None,
) -> dict[str, Any]:
    """Start it, or leave it alone when it runs; the state. NotStarted when a port is taken or the process died.

    ``injected`` are faults by host (see Faults.parse); ``offset`` is added to every port; ``certificates`` is a folder with
    ``<host>.pem``, ``<host>.key`` and ``ca.pem`` for TLS endpoints.
    """
    folder.make()
    with _alone(folder):
        process = folder.process()
        if process is not None and process.is_alive and (state := folder.read()).get("processes"):
            return state
        _end(folder)
        try:
            state = new_state(folder, load_plan().shifted(offset), _chosen(only), offset)
            orders = {
                "injected": injected or {},
                "certificates": str(certificates.absolute()) if certificates else "",
            }
            return _start(folder, state, orders)
        except BaseException:
            _end(folder)
            raise


def down(folder: Folder) -> bool:
    """End it and whatever a killed one left behind; False when there was nothing."""
    if not folder.path.exists():
        return False
    with _alone(folder):
        return _end(folder)


def status(folder: Folder) -> dict[str, Any]:
    """The state with each host's ``state`` as it is now: up, silent (with the ports), left_out; empty when not running."""
    process, state = folder.process(), folder.read()
    if process is None or not process.is_alive or not state:
        return {}
    for entry in state["hosts"].values():
        if entry["state"] == "up" and (silent := silent_ports(entry)):
            entry["state"], entry["reason"] = "silent", " ".join(silent)
    return state


def _chosen(only: Sequence[str]) -> list[str]:
    known = [host.name for host in load_plan().hosts if host.kind != "seen"]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise NotStarted(f"没有这些主机 | no such hosts: {', '.join(unknown)}; {', '.join(known)}")
    return [name for name in known if not only or name in only]


def _start(folder: Folder, state: dict[str, Any], orders: Mapping[str, Any]) -> dict[str, Any]:
    folder.write(state)
    outcome = _spawned(folder, orders)
    for name, result in outcome.items():
        state["hosts"][name] |= result
    failed = [entry["reason"] for entry in state["hosts"].values() if entry["state"] == "failed"]
    if failed:
        raise NotStarted("；".join(failed))
    _wait_for_ports(state)
    process = folder.process()
    assert process is not None
    state["processes"] = [process.__dict__]
    state["left_out"] = [name for name, entry in state["hosts"].items() if entry["state"] == "left_out"]
    folder.write(state)
    return state


def _spawned(folder: Folder, orders: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Start the process and hear what became of each host."""
    command = [sys.executable, "-m", "tests.range.process", str(folder.path), json.dumps(orders)]
    with folder.log_file.open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert child.stdout is not None
    try:
        with child.stdout as pipe:
            return _heard(pipe, folder)
    except BaseException:
        child.kill()  # it may not have recorded itself yet
        child.wait()
        raise
    finally:
        child.returncode = child.returncode or 0  # it stays: Popen is not to complain about that


def _heard(pipe: IO[bytes], folder: Folder) -> dict[str, dict[str, str]]:
    ready, _, _ = select.select([pipe], [], [], START_SECONDS)
    line = pipe.readline() if ready else b""
    if not line:
        raise NotStarted(f"进程未能启动，见日志 | the process did not start, see {folder.log_file}")
    outcome: dict[str, dict[str, str]] = json.loads(line)
    return outcome


def _wait_for_ports(state: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + START_SECONDS
    for name, entry in state["hosts"].items():
        while entry["state"] == "up" and (silent := silent_ports(entry)):
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} 没有应答 | does not answer: {', '.join(silent)}")
            time.sleep(0.1)


def _end(folder: Folder) -> bool:
    process = folder.process()
    running = process is not None and process.is_alive
    if process is not None:
        process.end()
    known = running or folder.state_file.exists()
    folder.forget()
    return known


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """One ``up`` or ``down`` of a folder at a time."""
    with (folder.path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
