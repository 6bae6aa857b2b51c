"""The collector as users run it: real sockets, senders that are not ours, kill -9 in the middle."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import select

from console.compose.tables import import_all_tables
from kernel.clock import SystemClock
from kernel.store import Database
from siem.adapters.tantivy_events import TantivyEvents
from siem.ecs import Document
from siem.query import Search
from siem.store import counters, source_health

ROOT = Path(__file__).parents[2]


class Running:
    """One collector process."""

    def __init__(self, folder: Path, tls: Path | None = None) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.flow.collector_process",
            str(folder),
            *([str(tls)] if tls else []),
        ]
        self._log = (folder / "collector.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=self._log)
        output: IO[bytes] | None = self.process.stdout
        assert output is not None
        line = output.readline()
        if not line:
            self.process.wait(10)
            raise AssertionError((folder / "collector.log").read_text())
        self.ports: dict[str, int] = json.loads(line)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return status


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import_all_tables()
    database = Database(f"sqlite:///{tmp_path / 'weicheng.sqlite'}", SystemClock())
    database.create_all()
    database.close()
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def make(tls: Path | None = None) -> Running:
        started.append(Running(folder, tls))
        return started[-1]

    yield make
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)


def stored(folder: Path) -> list[Document]:
    events = TantivyEvents(folder / "events")
    found: list[Document] = []
    cursor = None
    while True:
        page = events.search(Search(size=5000, after=cursor))
        found += page.documents
        cursor = page.cursor
        if cursor is None:
            events.close()
            return found


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def deliver(port: int, lines: list[bytes]) -> bool:
    """Send lines and wait for the collector's own end of the connection: its acknowledgement."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(10)
            connection.sendall(b"".join(line + b"\n" for line in lines))
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(1) == b""
    except OSError:
        return False


def test_kill_9_loses_nothing_acknowledged_and_stores_nothing_twice(
    folder: Path, start: Callable[..., Running]
) -> None:
    acknowledged: set[str] = set()
    sent = 0
    for round_ in range(4):
        collector = start()
        deadline = time.monotonic() + 0.4 + round_ * 0.5  # killed while receiving, storing, committing …
        while time.monotonic() < deadline:
            names = [f"line-{round_}-{sent + n}" for n in range(50)]
            sent += 50
            if deliver(collector.ports["tcp"], [f"<13>app: {name}".encode() for name in names]):
                acknowledged.update(names)
        collector.stop(signal.SIGKILL)
    last = start()
    wait_for(lambda: acknowledged <= {d["message"] for d in stored(folder) if "message" in d})
    assert last.stop() == 0
    messages = [document["message"] for document in stored(folder) if document["event.module"] != "weicheng"]
    assert len(acknowledged) > 200
    assert acknowledged <= set(messages)
    assert len(messages) == len(set(messages))
    with Database(f"sqlite:///{folder / 'weicheng.sqlite'}", SystemClock()).read() as connection:
        assert sum(source.received for source in source_health(connection)) == len(messages)


def test_a_killed_collector_gives_no_false_acknowledgement(start: Callable[..., Running]) -> None:
    """The connection of a killed process ends in a reset, not in an orderly close."""
    collector = start()
    with socket.create_connection(("127.0.0.1", collector.ports["tcp"]), 5) as connection:
        connection.sendall(b"<13>app: half")
        time.sleep(0.3)
        collector.stop(signal.SIGKILL)
        connection.settimeout(5)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def logger(port: int, text: str, *options: str) -> None:
    """util-linux's logger."""
    command = ["logger", "--server", "127.0.0.1", "--port", str(port), "--tag", "probe", *options, text]
    subprocess.run(command, check=True, timeout=20)


@pytest.mark.skipif(
    not shutil.which("logger"), reason="util-linux's logger is missing: apt-get install bsdutils"
)
def test_logger_delivers_by_every_way(folder: Path, start: Callable[..., Running]) -> None:
    collector = start()
    tcp, udp = collector.ports["tcp"], collector.ports["udp"]
    logger(udp, "by udp 3164", "--udp", "--rfc3164")
    logger(udp, "by udp 5424 中文", "--udp", "--rfc5424")
    logger(tcp, "by tcp line feed", "--tcp", "--rfc3164")
    logger(tcp, "by tcp counted 中文", "--tcp", "--octet-count", "--rfc5424")
    wait_for(lambda: len(stored(folder)) == 4)
    assert collector.stop() == 0
    found = {document["message"]: document for document in stored(folder)}
    assert set(found) == {"by udp 3164", "by udp 5424 中文", "by tcp line feed", "by tcp counted 中文"}
    assert {document["process.name"] for document in found.values()} == {"probe"}
    assert {document["host.name"] for document in found.values()} == {socket.gethostname().split(".")[0]}
    assert {d["log.syslog.transport"] for d in found.values()} == {"udp", "tcp"}
    assert not any("error.message" in document for document in found.values())


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True, timeout=30)


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """A CA, a server and a client certificate, made by OpenSSL."""
    made = tmp_path / "tls"
    made.mkdir()
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "2", cwd=made
    )
    for name in ("server", "client"):
        openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                "-addext", "subjectAltName=IP:127.0.0.1", cwd=made)  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-copy_extensions", "copy", "-days", "2", "-out", f"{name}.pem", cwd=made)  # fmt: skip
    return made


def test_tls_takes_openssl_with_our_certificate_and_nobody_without(
    folder: Path, start: Callable[..., Running], tls: Path
) -> None:
    collector = start(tls)
    where = [
        "-connect",
        f"127.0.0.1:{collector.ports['tls']}",
        "-CAfile",
        "ca.pem",
        "-verify_return_error",
        "-quiet",
    ]
    own = ["-cert", "client.pem", "-key", "client.key"]
    line = b"<13>1 - host app - - - over tls"
    subprocess.run(
        ["openssl", "s_client", *where, *own, "-no_ign_eof"],
        cwd=tls,
        input=b"%d %s" % (len(line), line),
        check=True,
        capture_output=True,
        timeout=20,
    )
    wait_for(lambda: len(stored(folder)) == 1)
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    answer = b""
    # some versions of Python show the refusal as the end of the stream, others raise
    with suppress(ssl.SSLError, ConnectionResetError):
        with socket.create_connection(("127.0.0.1", collector.ports["tls"]), 5) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as stranger:
                stranger.sendall(b"<13>1 - host app - - - not invited\n")
                answer = stranger.recv(1)
    assert answer == b""
    assert collector.stop() == 0
    [document] = stored(folder)
    assert (document["message"], document["log.syslog.transport"]) == ("over tls", "tls")


def test_tls_acknowledges_with_close_notify(start: Callable[..., Running], tls: Path) -> None:
    """Python's client, asked not to forgive a connection that just breaks off, sees an orderly end."""
    collector = start(tls)
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.load_cert_chain(tls / "client.pem", tls / "client.key")
    with socket.create_connection(("127.0.0.1", collector.ports["tls"]), 5) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secure:
            secure.sendall(b"<13>app: x\n")
            secure.unwrap()
    assert collector.stop() == 0


def test_oversize_and_malformed_lines_are_kept_and_marked(
    folder: Path, start: Callable[..., Running]
) -> None:
    collector = start()
    assert deliver(
        collector.ports["tcp"],
        [b"<13>app: " + b"x" * 200_000, b"<999>app: wrong priority", b"<13>app: fine"],
    )
    wait_for(lambda: len(stored(folder)) == 3)
    collector.stop()
    found = stored(folder)
    assert [d["log.truncated"] for d in found if "log.truncated" in d] == [True]
    assert ["priority 999" in d["error.message"] for d in found if "error.message" in d] == [True]
    assert "fine" in {d.get("message") for d in found}


def test_a_second_collector_on_the_same_spool_is_refused(folder: Path, start: Callable[..., Running]) -> None:
    start()
    command = [sys.executable, "-m", "tests.flow.collector_process", str(folder)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode != 0
    assert "The collector is at work on this spool." in second.stderr


def test_a_burst_by_udp_is_stored_or_its_loss_is_told(folder: Path, start: Callable[..., Running]) -> None:
    collector = start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", collector.ports["udp"]))
        for n in range(5000):
            with suppress(BlockingIOError):
                sender.send(b"<13>app: burst %d" % n)
    database = Database(f"sqlite:///{folder / 'weicheng.sqlite'}", SystemClock())
    wait_for(lambda: sum(_told(database)) == 5000, 60)  # the last that a batch writes, after its events
    assert collector.stop() == 0
    received, lost = _told(database)
    database.close()
    kept = {document["message"] for document in stored(folder)}
    assert (len(kept), lost) == (received, 5000 - received)
    assert received >= 4500


def _told(database: Database) -> tuple[int, int]:
    """How many lines the collector says it received, and how many datagrams were lost."""
    drops = select(counters.c.value).where(counters.c.name == "udp-kernel-drops")
    with database.read() as connection:
        lost = connection.execute(drops).scalar() or 0
        return sum(source.received for source in source_health(connection)), lost
