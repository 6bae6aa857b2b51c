"""What the page of the event search costs at 100,000 events in the embedded event store.

The same marks as for list pages: median 100 ms and 95th percentile 200 ms of the server's time, at most 12 queries. Each page
is a question for 50 events with their histogram and the most frequent values of eight fields, over a day of the last week, and
narrowed.
"""

import tempfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from benchmarks.console_pages import measure
from benchmarks.installation import Bench, bench
from siem.ecs import Document, iso

EVENTS, BATCH, WEEK = 100_000, 5_000, timedelta(days=7)
ROLE = "soc_analyst"
PAGES = {
    "a day": "/siem/events",
    "a day, narrowed": "/siem/events?q=" + quote("event.outcome:failure AND source.ip:127.10.3.0/24"),
    "a day, words": "/siem/events?q=" + quote("病毒"),
    "an hour": "/siem/events?filter%5Brange%5D=1h",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as world:
        _fill(world)
        for name, path in PAGES.items():
            measure(world, f"events, {name}", path, ROLE)


def _fill(world: Bench) -> None:
    store = world.app.siem.intake.events
    for start in range(0, EVENTS, BATCH):
        store.index([_event(world, n) for n in range(start, start + BATCH)])


def _event(world: Bench, n: int) -> Document:
    moment = world.app.clock.now() - WEEK * (n / EVENTS)
    address = f"127.10.{n % 60}.{n % 251 + 1}"
    return {
        "event.id": f"evt_{n:08}",
        "@timestamp": iso(moment),
        "event.ingested": iso(moment + timedelta(seconds=1)),
        "event.dataset": ("linux.sshd", "huawei.vrp", "cisco.ios", "topsec.fw")[n % 4],
        "event.action": ("ssh_login", "deny", "link-down")[n % 3],
        "event.outcome": ("failure", "success")[n % 2],
        "event.original": f"<38>sshd[{n}]: Failed password for root from {address} port {n % 60_000} ssh2",
        "message": f"Failed password for root from {address} port {n % 60_000} ssh2"
        + " 病毒" * (n % 10 == 0),
        "host.name": f"nw-{n % 400}",
        "source.ip": address,
        "destination.ip": f"127.20.{n % 4}.{n % 250 + 1}",
        "destination.port": (22, 80, 443, 8443)[n % 4],
        "user.name": ("root", "admin", "zhou", "wang")[n % 4],
        "organization.id": "u_city",
    }


if __name__ == "__main__":
    main()
