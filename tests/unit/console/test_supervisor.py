"""The supervisor: what falls stands up again, what is told to stop stops, nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# parts "a" and "b" note each start; "a" runs on, "b" falls at once
SCRIPT = """
import sys
from console.supervisor import Supervisor
work = "import sys, time; open(sys.argv[1], 'a').write('start\\\\n'); time.sleep(0 if sys.argv[2] == 'b' else 60)"
def command(part):
    return [sys.executable, "-c", work, sys.argv[1] + "/" + part, part]
sys.exit(Supervisor(command, ("a", "b")).run())
"""


def starts(file: Path) -> int:
    return file.read_text().count("start") if file.exists() else 0


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_fallen_part_is_started_again_and_all_end_together(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: starts(tmp_path / "a") == 1 and starts(tmp_path / "b") >= 2)
        alive = children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    for pid in alive:
        assert not Path(f"/proc/{pid}").exists()


def test_a_killed_part_comes_back(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: starts(tmp_path / "a") == 1)
        steady = next(pid for pid in children(process.pid) if str(tmp_path / "a") in command_line(pid))
        os.kill(steady, signal.SIGKILL)
        wait_until(lambda: starts(tmp_path / "a") == 2)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
