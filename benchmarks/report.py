"""The one form in which every measurement is printed."""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from statistics import median


def line(
    name: str, unit: str, ours: float, peer: float, peer_name: str, *, mark: float, met: bool, n: int
) -> None:
    """Print {"name","unit","ours","peer","peer_name","ratio","mark","met","n"}; ratio = ours / peer."""
    measured = {
        "name": name,
        "unit": unit,
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "peer_name": peer_name,
    }
    print(json.dumps({**measured, "ratio": round(ours / peer, 3), "mark": mark, "met": met, "n": n}))


def cpu_seconds(command: Sequence[str]) -> float:
    """User and system seconds of one run of a command; exits 1 when the command can not be run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{command[0]}: {error}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turn(ours: Sequence[str], peer: Sequence[str], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of both commands, run in turn so that a change of the machine's speed hits both."""
    pairs = [(cpu_seconds(ours), cpu_seconds(peer)) for _ in range(rounds)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
