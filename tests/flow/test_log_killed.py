"""The sequencer is killed without warning, again and again: every entry is in the log, once, and the tree is whole."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from ca.encoding import merkle
from ca.encoding.log import EntryType, Leaf
from ca.transparency import store
from ca.transparency.tables import entries, queue
from ca.transparency.tiles import Tree
from kernel.store import Database

MANY = 6000
SEQUENCER = """
import sys
from pathlib import Path
from ca.transparency import sequencing
from ca.transparency.kept import KeptHead
from kernel.clock import SystemClock
from kernel.store import Database

class NoKey:
    def ready(self, role):
        return False

sequencing._BATCH = 30  # many transactions to be killed in
sequencer = sequencing.Sequencer(Database(sys.argv[1], SystemClock()), SystemClock(), NoKey(), KeptHead(Path(sys.argv[2])))
sequencer.run()
"""


def start(database: Database, folder: Path) -> subprocess.Popen[bytes]:
    url = database.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-c", SEQUENCER, url, str(folder / "head.json")])


def logged(database: Database) -> int:
    with database.read() as connection:
        state = store.read_state(connection)
    return 0 if state is None else state.size


def test_killed_at_any_point_it_loses_and_doubles_nothing(any_database: Database, tmp_path: Path) -> None:
    serials = [f"{number:032x}" for number in range(MANY)]
    at = datetime(2026, 11, 23, tzinfo=UTC)
    leaves = [Leaf(EntryType.ISSUED, serial, "ab" * 32, "cd" * 32, at) for serial in serials]
    with any_database.begin() as uow:
        store.enqueue(uow.connection, leaves)
    kills = 0
    while kills < 5 and logged(any_database) < MANY:
        before, process = logged(any_database), start(any_database, tmp_path)
        while process.poll() is None and logged(any_database) == before:
            time.sleep(0.005)
        time.sleep(0.01 * kills)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait(20)
    assert kills >= 2, "it was too quick to be killed"
    assert start(any_database, tmp_path).wait(60) == 0
    with any_database.read() as connection:
        rows = connection.execute(
            select(entries.c.number, entries.c.serial, entries.c.hash).order_by(entries.c.number)
        ).all()
        left = connection.execute(select(queue)).first()
        root = merkle.root(Tree(connection).node, MANY)
    frontier = merkle.Frontier()
    for row in rows:
        frontier.append(bytes(row.hash))
    assert left is None
    assert [row.number for row in rows] == list(range(MANY))
    assert sorted(row.serial for row in rows) == serials
    assert root == frontier.root
