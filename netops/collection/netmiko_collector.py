"""Collecting over SSH with netmiko: a thread per device, every fault a typed error of that device alone."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from netops.collection.model import Outcome, Target

THREADS = 50
CONNECT_SECONDS = 10.0


class NetmikoCollector:
    """The Collector on netmiko; at most ``threads`` devices at a time, ``connect_seconds`` for each step of a login."""

    def __init__(self, threads: int = THREADS, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._threads = threads
        self._connect_seconds = connect_seconds

    def fetch(self, targets: Sequence[Target]) -> Iterator[Outcome]:
        if not targets:
            return
        from netops.collection.session import fetch_one  # netmiko takes a quarter of a second to import

        # every fault comes back as an outcome; paramiko would also write its stack traces to the log
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        with ThreadPoolExecutor(min(self._threads, len(targets)), "collect") as pool:
            waiting = [pool.submit(fetch_one, target, self._connect_seconds) for target in targets]
            try:
                for future in as_completed(waiting):
                    yield future.result()
            finally:
                for future in waiting:
                    future.cancel()
