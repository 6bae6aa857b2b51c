"""Sending lines as the devices do: UDP (RFC 5426), TCP with both framings of RFC 6587, TLS (RFC 5425)."""

import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.range.logs.scenario import LogLine
from tests.range.plan import Host

TIMEOUT = 10.0
BURST = 20  # datagrams between two pauses: a receiver's buffer is finite, and a lost line is a lost test
PAUSE = 0.005

Address = tuple[str, int]


@dataclass(frozen=True)
class Receivers:
    """Where to send; ``ca`` is the CA file against which the TLS server is checked, ``server_name`` what it is to prove."""

    udp: Address | None = None
    tcp: Address | None = None
    tls: Address | None = None
    ca: Path | None = None
    server_name: str = ""

    def address(self, transport: str) -> Address | None:
        return {"udp": self.udp, "tcp": self.tcp, "tls": self.tls}[transport]


class Channel(Protocol):
    """One device's way to its log server."""

    def send(self, text: str) -> None: ...


class UdpChannel:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sent = 0

    def send(self, text: str) -> None:
        self._connection.send(text.encode("utf-8"))
        self._sent += 1
        if self._sent % BURST == 0:
            time.sleep(PAUSE)


class StreamChannel:
    """TCP or TLS; octet counting (``LEN SP MSG``) or a line feed behind each message (RFC 6587 section 3.4)."""

    def __init__(self, connection: socket.socket, *, octets: bool) -> None:
        self._connection = connection
        self._octets = octets

    def send(self, text: str) -> None:
        data = text.encode("utf-8")
        self._connection.sendall(b"%d %s" % (len(data), data) if self._octets else data + b"\n")


def send_all(lines: Iterable[LogLine], receivers: Receivers) -> Mapping[str, int]:
    """Send every line over its host's transport, from the host's own address; how many by host.

    OSError (ssl.SSLError among them) names nothing but the fault: the caller knows the receivers.
    """
    sent: Counter[str] = Counter()
    with ExitStack() as stack:
        channels: dict[str, Channel] = {}
        for line in lines:
            name = line.host.name
            if name not in channels:
                channels[name] = stack.enter_context(_channel(line.host, receivers))
            channels[name].send(line.text)
            sent[name] += 1
    return dict(sent)


@contextmanager
def _channel(host: Host, receivers: Receivers) -> Iterator[Channel]:
    transport = host.syslog["transport"]
    address = receivers.address(transport)
    assert address is not None
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as plain:
        plain.settimeout(TIMEOUT)
        plain.bind((host.address, 0))
        plain.connect(address)
        if transport == "udp":
            yield UdpChannel(plain)
            return
        octets = host.syslog["framing"] == "octets"
        if transport == "tcp":
            yield StreamChannel(plain, octets=octets)
            return
        with _client_context(receivers).wrap_socket(
            plain, server_hostname=receivers.server_name or address[0]
        ) as tls:
            yield StreamChannel(tls, octets=octets)
            with suppress(ssl.SSLEOFError, ConnectionError, TimeoutError):
                tls.unwrap()  # close_notify: nothing was cut off; a receiver need not answer it (RFC 8446 section 6.1)


def _client_context(receivers: Receivers) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(receivers.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
