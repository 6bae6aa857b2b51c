"""Receiver of traps and informs on one UDP port.

Two threads: one drains the socket into a bounded queue, so that a storm is not lost in the kernel while one message is
decoded; the other has pysnmp check and decode. What is lost, malformed or refused is counted, so that "no traps" can be told
from "no traps understood".
"""

import queue
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kernel.credentials import Credential
from kernel.errors import Unavailable
from kernel.i18n import N_
from monitor.adapters.trapdecoder import Decoded, TrapDecoder
from monitor.ports import TrapSink

_QUEUE = 50_000
_BUFFER = 8 * 2**20  # bytes; the kernel grants at most net.core.rmem_max
_SO_RXQ_OVFL = 40  # asm-generic/socket.h; Python has no name for it


@dataclass(frozen=True)
class TrapCounts:
    """What became of the datagrams. ``answered``: engine discovery and time requests of informs."""

    received: int = 0
    accepted: int = 0
    answered: int = 0
    malformed: int = 0
    refused: int = 0
    dropped: int = 0
    failed: int = 0  # decoded, but the sink could not keep it
    lost: int = 0  # by the kernel, before we could read them


def _bind(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Unavailable(
            N_("Traps can not be received: %(detail)s."),
            mend=N_("Stop the program that has the port, or set another one (collector.trap_port)."),
            place=f"{host}:{port}/udp",
            detail=error.strerror,
        ) from None


class TrapReceiver:
    """Listens until it is stopped; hands every notification to the sink."""

    def __init__(
        self,
        host: str,
        port: int,
        credentials: Sequence[Credential],
        sink: TrapSink,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._sink = sink
        self._on_error = on_error
        self._counts = TrapCounts()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._queue: queue.Queue[tuple[bytes, tuple[str, int]]] = queue.Queue(_QUEUE)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            _bind(self._socket, host, port)
            self._socket.settimeout(0.2)
            self._decoder = TrapDecoder(credentials)
        except BaseException:
            self._socket.close()
            raise
        self._threads = [
            threading.Thread(target=self._drain, name="trap-drain"),
            threading.Thread(target=self._decode, name="trap-decode"),
        ]

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def counts(self) -> TrapCounts:
        with self._lock:
            return self._counts

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop listening, decode what was received, end."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._socket.close()

    def _drain(self) -> None:
        while not self._stop.is_set():
            try:
                datagram, notes, _flags, source = self._socket.recvmsg(65_535, socket.CMSG_SPACE(4))
            except TimeoutError:
                continue
            except OSError as error:
                self._on_error(error)
                continue
            self._note_losses(notes)
            self._count("received")
            try:
                self._queue.put_nowait((datagram, source[:2]))
            except queue.Full:
                self._count("dropped")

    def _note_losses(self, notes: Sequence[tuple[int, int, bytes]]) -> None:
        """The kernel tells with each datagram how many it had to throw away so far (socket(7), SO_RXQ_OVFL)."""
        for level, kind, data in notes:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                with self._lock:
                    self._counts = replace(self._counts, lost=int.from_bytes(data[:4], sys.byteorder))

    def _decode(self) -> None:
        while not (self._stop.is_set() and self._queue.empty()):
            try:
                datagram, source = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            decoded = self._decoder.decode(datagram, source)
            if self._keep(decoded):
                self._reply(decoded.replies, source)
                self._count(decoded.outcome)
            else:
                self._count("failed")

    def _keep(self, decoded: Decoded) -> bool:
        """Whether everything was kept. What was not is not confirmed, so that the sender of an inform tries again."""
        try:
            for trap in decoded.traps:
                self._sink(trap)
        except Exception as error:  # noqa: BLE001 - one that can not be kept must not stop the next
            self._on_error(error)
            return False
        return True

    def _reply(self, replies: Sequence[bytes], source: tuple[str, int]) -> None:
        for reply in replies:
            try:
                self._socket.sendto(reply, source)
            except OSError as error:
                self._on_error(error)

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts = replace(self._counts, **{name: getattr(self._counts, name) + 1})
