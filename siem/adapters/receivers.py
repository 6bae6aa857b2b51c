"""Syslog receivers: UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425), all into the spool.

A connection is closed in good order only when all its lines are on the disk, so a sender that closes its side and
waits for ours has its acknowledgement. If this process dies the kernel resets the connections, and a reset is no
acknowledgement.
"""

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernel.errors import Invalid, Unavailable
from kernel.i18n import N_
from siem.adapters.spool import SpoolFull, SpoolWriter
from siem.parsing.framing import LONGEST, Framer

RECEIVE_BUFFER = 8 * 1024 * 1024
DRAIN = 2_000  # datagrams read in one go before other work gets its turn
MOST_CONNECTIONS = 2_000
HANDSHAKE = 10.0  # seconds a TLS handshake may take
_LINGER = struct.Struct("ii")


class Losses:
    """What could not be kept, by cause; shown in the statistics."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.udp_port = 0

    def snapshot(self) -> dict[str, int]:
        """Counters by name, the kernel's drops of our UDP socket among them."""
        drops = {"udp-kernel-drops": kernel_drops(self.udp_port)} if self.udp_port else {}
        return {**self.counts, **drops}


def kernel_drops(port: int, table: Path = Path("/proc/net/udp")) -> int:
    """Datagrams the kernel dropped because the receive buffer of this local port was full (proc(5), last column)."""
    wanted = f":{port:04X}"
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return 0
    return sum(int(row[-1]) for row in rows if row[1].endswith(wanted))


class UdpReceiver:
    """Reads until the socket is empty at each wake-up: a datagram not read in time is lost for good."""

    def __init__(self, spool: SpoolWriter, losses: Losses, log: Any) -> None:
        self._spool = spool
        self._losses = losses
        self._log = log
        self._socket: socket.socket | None = None

    def open(self, host: str, port: int) -> int:
        """Listen and return the port. Warns when the kernel grants less buffer than asked for."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        granted = made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if granted < RECEIVE_BUFFER:
            self._log.warning(
                "udp receive buffer is small", granted=granted, raise_setting="net.core.rmem_max"
            )
        try:
            made.bind((host, port))
        except OSError as error:
            made.close()
            raise _not_listening(host, port, error) from None
        self._socket = made
        asyncio.get_running_loop().add_reader(made.fileno(), self._drain)
        self._losses.udp_port = made.getsockname()[1]
        return self._losses.udp_port

    def _drain(self) -> None:
        if self._socket is None:
            return
        for _ in range(DRAIN):
            try:
                data, address = self._socket.recvfrom(LONGEST)
            except BlockingIOError:
                return
            try:
                if data.strip(b"\r\n\0 "):
                    self._spool.append("udp", address[0], data)
            except SpoolFull as error:
                self._losses.counts["udp-spool-full"] += 1
                self._log.error("datagram lost", detail=str(error))

    def close(self) -> None:
        if self._socket is not None:
            self._drain()
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None


class StreamReceiver:
    """TCP, or TLS when ``tls`` is given."""

    def __init__(
        self, spool: SpoolWriter, losses: Losses, log: Any, tls: ssl.SSLContext | None = None
    ) -> None:
        self._spool = spool
        self._losses = losses
        self._log = log
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()

    @property
    def transport(self) -> str:
        return "tls" if self._tls else "tcp"

    async def open(self, host: str, port: int) -> int:
        """Listen and return the port."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self),
                host,
                port,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE if self._tls else None,
                backlog=512,
            )
        except OSError as error:
            raise _not_listening(host, port, error) from None
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening; open connections are reset, since their senders may be in the middle of a message."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._open):
            transport.abort()
        await asyncio.sleep(0)

    def admitted(self, transport: asyncio.Transport) -> bool:
        if len(self._open) >= MOST_CONNECTIONS:
            self._losses.counts[f"{self.transport}-connections-refused"] += 1
            return False
        self._open.add(transport)
        return True

    def left(self, transport: asyncio.Transport) -> None:
        self._open.discard(transport)

    def keep(self, source: str, data: bytes, truncated: bool) -> None:
        self._spool.append(self.transport, source, data, truncated=truncated)

    def sync(self) -> None:
        self._spool.sync()

    def refuse(self, source: str, error: SpoolFull) -> None:
        """The connection is reset without acknowledgement, so the sender keeps what it has."""
        self._losses.counts[f"{self.transport}-spool-full"] += 1
        self._log.error("connection reset", source=source, detail=str(error))


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, receiver: StreamReceiver) -> None:
        self._receiver = receiver
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._source = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._source = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._receiver.admitted(transport):
            transport.abort()
            return
        _linger(transport, reset=True)

    def data_received(self, data: bytes) -> None:
        self._guarded(lambda: self._keep(self._framer.feed(data)))

    def eof_received(self) -> bool:
        self._guarded(self._acknowledge)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._receiver.left(self._transport)
            if exc is not None:  # the sender broke off: what came is kept all the same
                self._guarded(lambda: self._keep(self._framer.finish()))

    def _acknowledge(self) -> None:
        self._keep(self._framer.finish())
        self._receiver.sync()
        if self._transport is not None:
            _linger(self._transport, reset=False)
            self._transport.close()

    def _keep(self, frames: list[Any]) -> None:
        for frame in frames:
            self._receiver.keep(self._source, frame.data, frame.truncated)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except SpoolFull as error:
            self._receiver.refuse(self._source, error)
            if self._transport is not None:
                self._transport.abort()


def _linger(transport: asyncio.Transport, *, reset: bool) -> None:
    """With ``reset`` the kernel sends RST, not FIN, when the socket is closed, by our death too (SO_LINGER of 0 seconds)."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1 if reset else 0, 0))


def tls_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later with our certificate; senders need one of ``client_ca`` when that is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise Invalid(
            N_("The collector's TLS files can't be used: %(detail)s"),
            mend=N_("Check certificate, key and client_ca of [collector]."),
            place=str(certificate),
            detail=error,
        ) from None
    return context


def _not_listening(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable(
        N_("The collector can't listen: %(detail)s"),
        mend=N_("Free the port or set another one in [collector]."),
        place=f"{host}:{port}",
        detail=error.strerror or error,
    )
