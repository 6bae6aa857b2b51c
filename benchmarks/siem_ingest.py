"""The way of the logs, per CPU second of one process.

Receiving by TCP: ours (each line on disk with length, CRC and sender) against rsyslogd writing a file. Parsing, storing and
judging: ours against the same documents put into tantivy alone; mark: a third of that.
"""

import asyncio
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from benchmarks.report import line
from kernel.clock import SystemClock
from kernel.store import Database
from siem.adapters.assets import AssetsByAddress
from siem.adapters.receivers import Losses, StreamReceiver
from siem.adapters.spool import SpoolWriter
from siem.adapters.tantivy_events import TantivyEvents
from siem.intake import Intake, RuleFolder
from siem.parsing.parser import Parser
from siem.query import Search
from tests.range.logs.scenario import log_lines
from tests.range.plan import load_plan

LINES = 200_000
EVENTS = 20_000
RULES = Path(__file__).parents[1] / "policies" / "data" / "detections"
RSYSLOG = """module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="plain" type="string" string="%timegenerated% %fromhost-ip% %rawmsg%\\n")
action(type="omfile" file="{folder}/out" template="plain")
"""


def sample(count: int) -> list[bytes]:
    """Lines of the practice network's devices."""
    end, made, seed = datetime.now(UTC), [], 0
    while len(made) < count:
        made += [entry.text.encode() for entry in log_lines(load_plan(), seed, end)]
        seed += 1
    return made[:count]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _receive(folder: str, port: int) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        spool = SpoolWriter(Path(folder), SystemClock())
        receiver = StreamReceiver(spool, Losses(), structlog.get_logger())
        await receiver.open("127.0.0.1", port)
        await stop.wait()
        spool.close()

    asyncio.run(run())


def send(port: int, data: bytes) -> None:
    for _ in range(100):
        try:
            connection = socket.create_connection(("127.0.0.1", port), 10)
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    with connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(60)
        connection.recv(1)


def cpu_of(pid: int) -> float:
    """User and system seconds of a live process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def receiving(folder: Path, data: bytes) -> float:
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(
        target=_receive, args=(str(folder / "spool"), port)
    )
    process.start()
    try:
        send(port, b"<13>warm\n")
        return _rate(int(process.pid or 0), lambda: send(port, data))
    finally:
        process.terminate()
        process.join()


def rsyslogd(folder: Path, data: bytes) -> float:
    port, config = free_port(), folder / "rsyslog.conf"
    config.write_text(RSYSLOG.format(port=port, folder=folder))
    process = subprocess.Popen(["rsyslogd", "-n", "-f", str(config), "-i", str(folder / "pid")])

    def sent() -> None:
        send(port, data)
        deadline = time.monotonic() + 30
        while _lines_of(folder / "out") < LINES and time.monotonic() < deadline:
            time.sleep(0.1)

    try:
        send(port, b"<13>warm\n")
        return _rate(process.pid, sent)
    finally:
        process.terminate()
        process.wait()


def _lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _rate(pid: int, act: Callable[[], None]) -> float:
    before = cpu_of(pid)
    act()
    time.sleep(0.5)
    return LINES / (cpu_of(pid) - before)


def judging(folder: Path, lines: list[bytes]) -> tuple[float, float]:
    """Events a CPU second of the whole pipeline, and of the store alone."""
    clock: Any = SystemClock()
    database = Database(f"sqlite:///{folder / 'bench.sqlite'}", clock)
    database.create_all()
    store = TantivyEvents(folder / "events")
    intake = Intake(folder / "queue", database, clock, store, Parser(), AssetsByAddress(list, clock), RuleFolder(RULES),
                    structlog.get_logger())  # fmt: skip
    writer = intake.writer()
    for text in lines:
        writer.append("udp", "192.0.2.1", text)
    writer.close()
    pipeline = intake.pipeline()
    pipeline.run_once(100)
    begun = time.process_time()
    done = pipeline.drain().lines
    ours = done / (time.process_time() - begun)
    documents = list(store.search(Search(size=10_000)).documents)
    alone = TantivyEvents(folder / "alone")
    begun = time.process_time()
    alone.index(documents)
    peer = len(documents) / (time.process_time() - begun)
    for opened in (store, alone):
        opened.close()
    database.close()
    return ours, peer


def main() -> None:
    from console.compose.tables import import_all_tables

    import_all_tables()
    folder = Path(tempfile.mkdtemp(prefix="weicheng-bench-"))
    try:
        data = b"\n".join(text.replace(b"\n", b" ") for text in sample(LINES)) + b"\n"
        if shutil.which("rsyslogd"):
            ours, peer = receiving(folder, data), rsyslogd(folder, data)
            line(
                "siem_receive_tcp",
                "lines_per_cpu_s",
                ours,
                peer,
                "rsyslogd",
                mark=50_000,
                met=ours >= 50_000,
                n=LINES,
            )
        else:
            print("rsyslogd is missing: apt-get install rsyslog", file=sys.stderr)
        ours, peer = judging(folder, sample(EVENTS))
        line(
            "siem_pipeline",
            "events_per_cpu_s",
            ours,
            peer,
            "tantivy alone",
            mark=round(peer / 3),
            met=ours >= peer / 3,
            n=EVENTS,
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
