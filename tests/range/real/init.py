"""The first process of a real host, inside its namespaces: gives it files and interfaces of its own, then runs its daemons.

Reads its orders (one line of JSON) from standard input and writes ``ready`` when everything serves.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.range.plan import load_plan
from tests.range.real import files, frr

HOLDER_SECONDS = 5.0


def main() -> None:
    orders = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    host = load_plan().host(orders["name"])
    sshd, snmpd = _program("sshd"), _program("snmpd")
    files.take_over(host, orders)
    socket.sethostname(host.name)
    _connect_ports(files.ports_of(host))
    _start_snmpd(snmpd, orders)
    if host.platform == "frr":
        frr.start()
    print("ready", flush=True)
    _serve_ssh(sshd, socket.socket(fileno=orders["listener"]))


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None
    return path


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


# --- interfaces
def _connect_ports(ports: list[dict[str, Any]]) -> None:
    """Ethernet ports as veth pairs, whose far ends lie in a namespace that stands for the cables."""
    _run("ip", "link", "set", "lo", "up")
    cables = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
    _wait_for_other_namespace(cables.pid)
    for number, port in enumerate(ports):
        name, far = port["name"], f"cable{number}"
        _run("ip", "link", "add", name, "address", port["mac"], "type", "veth",
             "peer", "name", far, "netns", str(cables.pid))  # fmt: skip
        _run("nsenter", f"--net=/proc/{cables.pid}/ns/net", "ip", "link", "set", far, "up")
        for address in port.get("addresses", []):
            _run("ip", "address", "add", address, "dev", name)
        _run("ip", "link", "set", name, "up")


def _wait_for_other_namespace(pid: int) -> None:
    own, deadline = os.readlink("/proc/self/ns/net"), time.monotonic() + HOLDER_SECONDS
    while os.readlink(f"/proc/{pid}/ns/net") == own:
        if time.monotonic() > deadline:
            raise TimeoutError("no namespace for the cables")
        time.sleep(0.01)


# --- daemons
def _start_snmpd(program: str, orders: dict[str, Any]) -> None:
    """net-snmp takes over the socket opened outside (sd_listen_fds(3): it is file 3, and the pid is the daemon's own)."""
    with socket.socket(fileno=os.dup(orders["agent"])) as agent:
        address = "udp:{}:{}".format(*agent.getsockname())
    script = f'exec 3<&{orders["agent"]}; LISTEN_FDS=1 LISTEN_PID=$$ MIBS= exec "$0" "$@"'
    subprocess.Popen(
        ["bash", "-c", script, program, "-f", "-Le", "-I", "-smux,mteTrigger,mteTriggerConf", address],
        stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(orders["agent"],),
    )  # fmt: skip
    os.close(orders["agent"])


def _serve_ssh(program: str, listener: socket.socket) -> None:
    """As inetd does: one ``sshd -i`` for each connection, because the socket lives in another network namespace."""
    while True:
        readable, _, _ = select.select([listener], [], [], 1.0)
        if readable:
            client, _ = listener.accept()
            with client:
                subprocess.Popen(
                    [program, "-i", "-e", "-f", "/etc/ssh/sshd_config"],
                    stdin=client.fileno(),
                    stdout=client.fileno(),
                )
        _reap()


def _reap() -> None:
    """Take note of ended children, adopted ones too: the first process of a pid namespace has to."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if Path(path or ".").exists()]
    main()
