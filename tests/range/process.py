"""The one process of a practice network: runs every host until it is told to stop, and takes all of it along when it ends.

Started by ``up`` with the folder as its argument; says on standard output, as one line of JSON, what became of each host.
"""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from tests.range.plan import Host, load_plan
from tests.range.simulators import Simulators
from tests.range.ssh.terminal import Faults
from tests.range.state import Folder, Process


async def run(folder: Folder, injected: dict[str, str]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    state = folder.read()
    plan = load_plan().shifted(state["offset"])
    simulators = Simulators(
        plan, folder, state, {name: Faults.parse(text) for name, text in injected.items()}
    )
    outcome: dict[str, dict[str, str]] = {}
    try:
        for name in state["hosts"]:
            outcome[name] = await _started(plan.host(name), simulators)
        _report(outcome)
        await stopped.wait()
    finally:
        await simulators.stop()


async def _started(host: Host, simulators: Simulators) -> dict[str, str]:
    if host.kind == "real":
        return {"state": "left_out", "reason": "not built yet"}
    try:
        await simulators.start(host)
    except OSError as error:
        return {"state": "failed", "reason": f"{host.address}: {error.strerror or error}"}
    return {"state": "up", "reason": ""}


def _report(outcome: dict[str, Any]) -> None:
    """Tell ``up``, which waits for it, and let go of the pipe to it."""
    print(json.dumps(outcome), flush=True)
    sys.stdout.close()


def main() -> None:
    folder = Folder(Path(sys.argv[1]))
    folder.record(Process.current("range"))
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(run(folder, json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
