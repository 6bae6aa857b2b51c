"""The hour of logs: always the same, in the vendors' formats, over the three transports, with one attack in it."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.range.__main__ import main
from tests.range.logs.scenario import LogLine, log_lines
from tests.range.tls import Certificates
from tests.unit.range.conftest import PLAN

END = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LINES = log_lines(PLAN, 1, END)
LOOKS = {
    "ww-core-ios": "%",
    "ww-fw-asa": "%ASA-",
    "nw-core-vrp": "%%01",
    "nw-acc-h3c": "%%10",
    "exit-fw-topsec": "id=tos",
    "gap-in": "gapd[",
    "gap-out": "gapd[",
    "nw-srv-linux": "nw-srv-linux",
}


def test_the_same_seed_gives_the_same_hour_and_another_a_different_one() -> None:
    assert [line.text for line in log_lines(PLAN, 1, END)] == [line.text for line in LINES]
    assert [line.text for line in log_lines(PLAN, 2, END)] != [line.text for line in LINES]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_hour_is_about_four_hundred_lines_in_order_of_time(seed: int) -> None:
    lines = log_lines(PLAN, seed, END)
    assert 300 < len(lines) < 500
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    assert (lines[-1].time - lines[0].time).total_seconds() <= 3610
    assert lines[-1].time <= END


def test_every_device_with_a_log_server_speaks_in_its_vendors_way_and_the_planted_one_is_silent() -> None:
    by_host: dict[str, list[LogLine]] = {}
    for line in LINES:
        by_host.setdefault(line.host.name, []).append(line)
    assert set(by_host) == set(LOOKS)  # ww-rtr-frr has no log server
    for name, lines in by_host.items():
        assert len(lines) >= 20
        assert all(LOOKS[name] in line.text and line.text.startswith("<") for line in lines)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_address_tries_passwords_and_nobody_else_fails_often(seed: int) -> None:
    lines = log_lines(PLAN, seed, END)
    tried = [line for line in lines if "Failed password" in line.text and "127.10.20.50" in line.text]
    assert len(tried) == 16
    assert (tried[-1].time - tried[0].time).total_seconds() < 60
    assert all(line.planted for line in tried)
    assert not any("Accepted" in line.text and "127.10.20.50" in line.text for line in lines)
    failed = [line for line in lines if not line.planted and "fail" in line.text.lower()]
    assert len(failed) <= 4


class Receiver:
    """Plain sockets that keep what arrives: datagrams, and whole streams until their end."""

    def __init__(self, tmp_path: Path) -> None:
        self.datagrams: list[tuple[str, bytes]] = []
        self.streams: dict[str, bytes] = {}
        self._tls = self._context(tmp_path)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp, self.tls = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        for serve in (
            self._serve_udp,
            lambda: self._serve(self.tcp),
            lambda: self._serve(self.tls, self._tls),
        ):
            self._run(serve)

    def _context(self, tmp_path: Path) -> ssl.SSLContext:
        certificates = Certificates(tmp_path / "receiver")
        self.ca = certificates.folder / "ca.pem"
        host = PLAN.host("nw-srv-linux")
        return certificates.context(host)

    def options(self) -> list[str]:
        names = {"--udp": self.udp, "--tcp": self.tcp, "--tls": self.tls}
        return [part for name, one in names.items() for part in (name, f"127.0.0.1:{one.getsockname()[1]}")]

    @staticmethod
    def _run(serve: Callable[[], None]) -> None:
        threading.Thread(target=serve, daemon=True).start()

    def _serve_udp(self) -> None:
        while True:
            try:
                data, sender = self.udp.recvfrom(65536)
            except OSError:
                return
            self.datagrams.append((sender[0], data))

    def _serve(self, server: socket.socket, context: ssl.SSLContext | None = None) -> None:
        while True:
            try:
                client, sender = server.accept()
            except OSError:
                return
            self._run(lambda client=client, sender=sender: self._read(client, sender[0], context))  # type: ignore[misc]

    def _read(self, client: socket.socket, sender: str, context: ssl.SSLContext | None) -> None:
        try:
            stream = context.wrap_socket(client, server_side=True) if context else client
        except OSError:
            return  # the sender did not trust us
        with stream:
            data = b""
            while part := stream.recv(65536):
                data += part
            self.streams[sender] = data

    def close(self) -> None:
        for one in (self.udp, self.tcp, self.tls):
            one.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Any:
    made = Receiver(tmp_path)
    yield made
    made.close()


def settled(receiver: Receiver, senders: int) -> None:
    for _ in range(100):
        if len(receiver.streams) >= senders:
            return
        threading.Event().wait(0.05)


def test_every_line_arrives_by_its_devices_transport_from_its_devices_address(
    receiver: Receiver, capsys: Any
) -> None:
    arguments = [
        "logs",
        "--seed",
        "1",
        "--end",
        END.isoformat(),
        "--ca",
        str(receiver.ca),
        "--output",
        "json",
    ]
    assert main([*arguments, "--server-name", "nw-srv-linux", *receiver.options()]) == 0
    said = json.loads(capsys.readouterr().out)
    settled(receiver, 5)
    assert said["lines"] == len(LINES)
    for host in PLAN.hosts:
        sent = [line.text.encode() for line in LINES if line.host.name == host.name]
        assert said["sent"].get(host.name, 0) == len(sent)
        if host.syslog.get("transport") == "udp":
            assert [data for sender, data in receiver.datagrams if sender == host.address] == sent
        elif host.syslog:
            framed = b"".join(
                b"%d %s" % (len(one), one) if host.syslog["framing"] == "octets" else one + b"\n"
                for one in sent
            )
            assert receiver.streams[host.address] == framed


def test_a_receiver_with_a_certificate_of_another_ca_gets_nothing(
    receiver: Receiver, tmp_path: Path, capsys: Any
) -> None:
    other = Certificates(tmp_path / "other")
    other.context(PLAN.host("exit-fw-topsec"))
    arguments = [
        "logs",
        "--ca",
        str(other.folder / "ca.pem"),
        "--server-name",
        "nw-srv-linux",
        *receiver.options(),
    ]
    assert main(arguments) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err
    assert not any(sender == "127.10.10.5" for sender in receiver.streams)


def test_without_a_ca_the_tls_devices_are_named_as_left_out(receiver: Receiver, capsys: Any) -> None:
    assert main(["logs", *receiver.options()]) == 3
    assert "nw-srv-linux" in capsys.readouterr().err
