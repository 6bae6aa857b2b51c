"""The one process of a practice network: runs every host until it is told to stop, and takes all of it along when it ends.

Started by ``up`` with the folder as its argument; says on standard output, as one line of JSON, what became of each host.
"""

import asyncio
import errno
import json
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from tests.range.plan import Host, load_plan
from tests.range.real.container import CannotRun, Container
from tests.range.simulators import Simulator
from tests.range.ssh.terminal import Faults
from tests.range.state import Folder, Process
from tests.range.tls import Certificates, TlsEndpoint


class Startable(Protocol):
    """A part of a host that serves something."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class PracticeNetwork:
    """Every host of one state: started at once, stopped at once."""

    def __init__(self, folder: Folder, injected: Mapping[str, str], certificates: Path | None) -> None:
        self._state = folder.read()
        self._plan = load_plan().shifted(self._state["offset"])
        self._folder = folder
        self._faults = {name: Faults.parse(text) for name, text in injected.items()}
        self._certificates = Certificates(folder.certificates, certificates)
        self._running: list[Startable] = []

    async def start(self) -> dict[str, dict[str, str]]:
        """What became of each host: state (up, left_out, failed) and reason."""
        hosts = [self._plan.host(name) for name in self._state["hosts"]]
        results = await asyncio.gather(*map(self._start, hosts))
        return {host.name: result for host, result in zip(hosts, results, strict=True)}

    async def stop(self) -> None:
        await asyncio.gather(*(part.stop() for part in self._running))

    async def _start(self, host: Host) -> dict[str, str]:
        try:
            for part in self._parts(host):
                self._running.append(part)
                await part.start()
        except CannotRun as reason:
            return {"state": "left_out", "reason": str(reason)}
        except OSError as error:
            return {"state": "failed", "reason": f"{host.name} {host.address}: {_explained(error)}"}
        return {"state": "up", "reason": ""}

    def _parts(self, host: Host) -> Iterator[Startable]:
        if host.kind == "real":
            yield Container(host, self._plan, self._folder, self._state)
        else:
            yield Simulator(host, self._plan, self._folder, self._state, self._faults.get(host.name))
        if host.tls:
            yield TlsEndpoint(host, self._plan.ports["tls"], self._certificates.context(host))


def _explained(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        text += "（可能已有一个演练网络在运行 | perhaps another practice network runs: weicheng range down, or --offset N）"
    return text


async def run(folder: Folder, injected: Mapping[str, str], certificates: Path | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    network = PracticeNetwork(folder, injected, certificates)
    try:
        _report(await network.start())
        await stopped.wait()
    finally:
        await network.stop()


def _report(outcome: Mapping[str, Mapping[str, str]]) -> None:
    """Tell ``up``, which waits for it, and let go of the pipe to it."""
    print(json.dumps(outcome), flush=True)
    sys.stdout.close()


def main() -> None:
    folder = Folder(Path(sys.argv[1]))
    folder.record(Process.current("range"))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    orders = json.loads(sys.argv[2])
    certificates = Path(orders["certificates"]) if orders["certificates"] else None
    asyncio.run(run(folder, orders["injected"], certificates))


if __name__ == "__main__":
    main()
