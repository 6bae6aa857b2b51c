"""The real FRR daemons of the router, under the path name ``weicheng-range`` (``-N``)."""

import subprocess
import sys
import time
from pathlib import Path

from tests.range.real.files import FRRVTY, give

NAME = "weicheng-range"
DAEMONS = ("zebra", "staticd", "bgpd")
SOCKETS = Path("/run/frr", NAME)
FRR = 61002
SECONDS = 10.0


def start() -> None:
    """Start the daemons and load frr.conf; TimeoutError when one opens no socket."""
    for folder in (SOCKETS.parent, SOCKETS):
        folder.mkdir()
        give(folder, FRR, FRRVTY)
        folder.chmod(0o2755)
    for path in Path("/etc/frr", NAME).iterdir():
        give(path, FRR, FRRVTY)
        path.chmod(0o640)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for daemon in DAEMONS:
        _start(daemon)
    subprocess.run(["vtysh", "-N", NAME, "-b"], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def _start(daemon: str) -> None:
    subprocess.Popen(
        [f"/usr/lib/frr/{daemon}", "-N", NAME, "-P", "0"], stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    deadline = time.monotonic() + SECONDS
    while not (SOCKETS / f"{daemon}.vty").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{daemon} opens no socket")
        time.sleep(0.02)
