"""Health probes: each says that a part works when it does, and names the mend when it does not."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ca.signer.server import SignerServer
from ca.signer.warrant import Credential
from console.health import PROBES, Probe, check_parts
from kernel.config import Settings
from kernel.errors import Unavailable
from kernel.store import Database
from tests.support.certificates import TestCa
from tests.support.postgres import free_port
from tests.support.signer import ControlledSigner
from tests.unit.console.conftest import Console


def probe(console: Console, **changes: object) -> Probe:
    settings = Settings(**{"data_dir": console.app.settings.data_dir, **changes})  # type: ignore[arg-type]
    return Probe(settings, console.clock, lambda: console.app.floor.database)


def check(part: str, what: Probe) -> None:
    PROBES[part][1](what)


@contextmanager
def listening(family: int, address: object) -> Iterator[None]:
    with socket.socket(family) as server:
        server.bind(address)  # type: ignore[arg-type]
        server.listen()
        yield


def test_the_database_works_and_is_missed_when_it_is_gone(console: Console) -> None:
    check("database", probe(console))
    empty = Database(f"sqlite:///{console.app.settings.data_dir / 'empty.sqlite'}", console.clock)
    with pytest.raises(Unavailable, match="weicheng db upgrade"):
        check("database", Probe(console.app.settings, console.clock, lambda: empty))
    empty.close()


def test_the_embedded_event_stores_folder_must_be_writable(console: Console) -> None:
    check("events", probe(console))


def test_an_event_store_that_does_not_answer_is_named(console: Console) -> None:
    with pytest.raises(Unavailable, match="event store"):
        check("events", probe(console, events_url=f"http://127.0.0.1:{free_port()}"))


@pytest.mark.elasticsearch
def test_a_real_event_store_works(console: Console, elasticsearch_url: str) -> None:
    check("events", probe(console, events_url=elasticsearch_url))


def test_a_worker_is_missed_when_nothing_is_scheduled_or_the_schedule_is_late(console: Console) -> None:
    with pytest.raises(Unavailable, match="serve worker"):
        check("worker", probe(console))
    console.app.jobs.schedule("evidence.seal", "* * * * *", "evidence.seal")
    check("worker", probe(console))
    console.clock.advance(minutes=4)
    with pytest.raises(Unavailable, match="serve worker"):
        check("worker", probe(console))
    console.app.jobs.run_schedules()
    check("worker", probe(console))


@pytest.mark.parametrize(
    ("part", "section", "field"), [("ocsp", "status", "port"), ("collector", "collector", "tcp_port")]
)
def test_a_listener_works_or_is_missed(console: Console, part: str, section: str, field: str) -> None:
    port = free_port()
    what = probe(console, **{section: {field: port}})
    with pytest.raises(Unavailable, match=f"weicheng serve {part}"):
        check(part, what)
    with listening(socket.AF_INET, ("127.0.0.1", port)):
        check(part, what)


def test_the_enrolment_service_is_missed(console: Console) -> None:
    with pytest.raises(Unavailable, match="weicheng serve enrol"):
        check("enrol", probe(console, enrol={"port": free_port()}))


def test_the_signer_works_or_is_missed(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "signer.sock"
    what = probe(console, signer={"socket": path})
    with pytest.raises(Unavailable, match="weicheng serve signer"):
        check("signer", what)
    with listening(socket.AF_UNIX, str(path)):
        check("signer", what)


def test_keys_that_wait_for_officers_are_told(console: Console, tmp_path: Path) -> None:
    signer = ControlledSigner(tmp_path / "signer.activation")
    server = SignerServer(
        signer.activation, tmp_path / "signer.sock", Credential((b"x" * 32).__bytes__), signer.control
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    what = probe(console, signer={"socket": tmp_path / "signer.sock"})
    try:
        check("keys", what)
        signer.activation.begin(2, {"usr_1": "王敏", "usr_2": "李娜"})
        for account in ("usr_1", "usr_2"):
            signer.activation.confirm(account, signer.activation.collect(account))
        signer.activation.deactivate()
        with pytest.raises(Unavailable, match="0 of 2 shares are present"):
            check("keys", what)
    finally:
        server.stop()
        thread.join()
    with pytest.raises(Unavailable, match="weicheng serve signer"):
        check("keys", what)


@pytest.mark.parametrize(("status", "works"), [(200, True), (503, False)])
def test_the_console_is_asked_over_https_whether_it_is_ready(
    console: Console, tmp_path: Path, status: int, works: bool
) -> None:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    pair = TestCa(tmp_path).server()
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        what = probe(console, web={"port": server.server_port})
        if works:
            check("web", what)
        else:
            with pytest.raises(Unavailable, match="not ready"):
                check("web", what)
        thread.join()
    with pytest.raises(Unavailable, match="weicheng serve web"):
        check("web", what)


def test_a_full_disk_is_told(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    check("disk", probe(console))
    monkeypatch.setattr("console.health.LEAST_FREE", 1.1)
    with pytest.raises(Unavailable, match="nearly full"):
        check("disk", probe(console))


def test_one_part_that_fails_stops_no_other(console: Console) -> None:
    found = {part.part: part.works for part in check_parts(probe(console), without=frozenset({"web"}))}
    assert set(found) == set(PROBES) - {"web"}
    assert found["database"]
    assert not found["worker"]


@pytest.mark.parametrize(
    ("arguments", "status"), [(["database"], 0), (["worker"], 1), (["nothing"], 2), ([], 2)]
)
def test_a_containers_health_check_is_an_exit_status(
    console: Console, arguments: list[str], status: int
) -> None:
    environment = {**os.environ, "WEICHENG_DATA_DIR": str(console.app.settings.data_dir)}
    command = [sys.executable, "-m", "console.health", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == status
    assert done.stdout == ""
