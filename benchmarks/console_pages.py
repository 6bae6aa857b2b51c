"""What list pages of the console cost at 100,000 rows of their main object, on SQLite.

Marks: median 100 ms and 95th percentile 200 ms of the server's time, at most 12 queries a request. Each page is asked for as a
signed-in person asks for it: session, page of 50 rows, count, facets, menu, rendering. There is no peer; the mark stands in
its place. Times are wall-clock inside the process, without network and TLS.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import event

from benchmarks.installation import Bench, bench
from benchmarks.report import line
from benchmarks.seeds import SEEDS

ROUNDS = 40
ROWS = 100_000
MEDIAN_MS, P95_MS, QUERIES = 100.0, 200.0, 12


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as world:
        for name, seed in SEEDS.items():
            seed.fill(world, ROWS)
            for path in seed.paths:
                measure(world, name, path, seed.role)


def measure(world: Bench, name: str, path: str, role: str) -> None:
    """Ask for the page again and again; three lines: median, 95th percentile, queries. The first answers are not counted."""
    browser = world.browser(role)
    for _ in range(3):
        answer = browser.get(path)
        if answer.status_code != 200:
            sys.exit(f"{path}: {answer.status_code} {_words(answer.text)}")
    milliseconds, queries = [], 0
    for _ in range(ROUNDS):
        with _counted(world) as count:
            began = time.perf_counter()
            browser.get(path)
            milliseconds.append((time.perf_counter() - began) * 1000)
        queries = max(queries, count[0])
    middle, slow = median(milliseconds), quantiles(milliseconds, n=20)[-1]
    told = f"{name} {path}"
    line(f"{told} median", "ms", middle, MEDIAN_MS, "mark", mark=MEDIAN_MS, met=middle <= MEDIAN_MS, n=ROUNDS)
    line(f"{told} p95", "ms", slow, P95_MS, "mark", mark=P95_MS, met=slow <= P95_MS, n=ROUNDS)
    line(
        f"{told} queries", "queries", queries, QUERIES, "mark", mark=QUERIES, met=queries <= QUERIES, n=ROUNDS
    )


@contextmanager
def _counted(world: Bench) -> Iterator[list[int]]:
    count = [0]

    def seen(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        count[0] += statement != "BEGIN"

    engine = world.app.floor.database.engine
    event.listen(engine, "before_cursor_execute", seen)
    try:
        yield count
    finally:
        event.remove(engine, "before_cursor_execute", seen)


def _words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())[:300]


if __name__ == "__main__":
    main()
