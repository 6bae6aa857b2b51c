"""A collector as a process of its own, for tests that kill it: ``python -m tests.flow.collector_process FOLDER [TLS-FOLDER]``.

Prints its ports as one JSON line when it listens.
"""

import json
import sys
from pathlib import Path

import structlog

from kernel.clock import SystemClock
from kernel.config import Collector
from kernel.log import configure_logging
from kernel.store import Database
from siem.adapters.assets import AssetsByAddress
from siem.adapters.tantivy_events import TantivyEvents
from siem.collector import serve
from siem.intake import Intake, RuleFolder
from siem.parsing.parser import Parser

RULES = Path(__file__).parents[2] / "policies" / "data" / "detections"


def intake(folder: Path) -> Intake:
    clock = SystemClock()
    return Intake(
        folder=folder / "spool",
        database=Database(f"sqlite:///{folder / 'weicheng.sqlite'}", clock),
        clock=clock,
        events=TantivyEvents(folder / "events"),
        parser=Parser(),
        assets=AssetsByAddress(list, clock),
        rules=RuleFolder(RULES),
        log=structlog.get_logger(),
    )


def main() -> int:
    configure_logging()
    folder = Path(sys.argv[1])
    tls = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    # port 0 is for tests alone, so the settings' own check is passed by
    settings = Collector().model_copy(update={"udp_port": 0, "tcp_port": 0, "tls_port": 0})
    if tls is not None:
        files = {"certificate": tls / "server.pem", "key": tls / "server.key", "client_ca": tls / "ca.pem"}
        settings = settings.model_copy(update=files)
    return serve(settings, intake(folder), lambda ports: print(json.dumps(ports), flush=True))


if __name__ == "__main__":
    sys.exit(main())
