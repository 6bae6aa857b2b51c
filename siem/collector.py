"""The collector process: receivers in the event loop, the pipeline in a thread beside it."""

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

from kernel.config import Collector as CollectorSettings
from kernel.errors import WeichengError
from siem.adapters.receivers import Losses, StreamReceiver, UdpReceiver, tls_context
from siem.adapters.spool import SpoolFull, SpoolReader, SpoolWriter
from siem.ingest import Pipeline
from siem.intake import Intake

SYNC_EVERY = 0.1  # seconds a line may wait for the disk
IDLE = 0.2  # seconds between looks at an empty spool
RETRY = 5.0  # seconds after a failure of a store


class Collector:
    """Receives, keeps and processes logs until it is told to stop."""

    def __init__(
        self,
        settings: CollectorSettings,
        spool: SpoolWriter,
        reader: SpoolReader,
        make_pipeline: Callable[[Callable[[], dict[str, int]]], Pipeline],
        log: Any,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._reader = reader
        self._make_pipeline = make_pipeline
        self._log = log
        self._losses = Losses()
        self._stopping = threading.Event()
        self.ports: dict[str, int] = {}

    def serve(self, ready: Callable[[dict[str, int]], None] | None = None) -> int:
        """Run until SIGTERM or SIGINT; 0 when it ended in good order. ``ready`` is told the ports that are open."""
        with self._reader.alone():
            worker = threading.Thread(target=self._process, name="siem-pipeline")
            worker.start()
            try:
                asyncio.run(self._receive(ready))
            finally:
                self._stopping.set()
                self._spool.close()
                worker.join()
        return 0

    async def _receive(self, ready: Callable[[dict[str, int]], None] | None) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        udp = UdpReceiver(self._spool, self._losses, self._log)
        streams = self._streams()
        try:
            self.ports["udp"] = udp.open(self._settings.host, self._settings.udp_port)
            for receiver, port in streams:
                self.ports[receiver.transport] = await receiver.open(self._settings.host, port)
            self._log.info("collector listens", **self.ports)
            if ready is not None:
                ready(dict(self.ports))
            await self._sync_until(stop)
        finally:
            udp.close()
            for receiver, _ in streams:
                await receiver.close()

    def _streams(self) -> list[tuple[StreamReceiver, int]]:
        settings = self._settings
        made = [(StreamReceiver(self._spool, self._losses, self._log), settings.tcp_port)]
        if settings.certificate is not None and settings.key is not None:
            context = tls_context(settings.certificate, settings.key, settings.client_ca)
            made.append((StreamReceiver(self._spool, self._losses, self._log, context), settings.tls_port))
        else:
            self._log.warning("collector has no certificate: no syslog over TLS")
        return made

    async def _sync_until(self, stop: asyncio.Event) -> None:
        """Bring the spool to the disk many lines at a time, away from the event loop."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self._spool.sync)
            except SpoolFull as error:
                self._losses.counts["spool-sync-failed"] += 1
                self._log.error("spool can't be synced", detail=str(error))
            try:
                await asyncio.wait_for(stop.wait(), SYNC_EVERY)
            except TimeoutError:
                continue

    def _process(self) -> None:
        pipeline: Pipeline | None = None
        while True:
            last = self._stopping.is_set()
            try:
                pipeline = pipeline or self._make_pipeline(self._losses.snapshot)
                if pipeline.run_once().lines:
                    continue
                wait = IDLE
            except WeichengError as error:
                self._log.error("batch put off", detail=str(error))
                wait = RETRY
            except Exception as error:  # noqa: BLE001 - a fault must not end the collector; the spool has the lines
                self._log.error("batch failed", exc_info=error)
                wait = RETRY
            if last:
                return
            self._stopping.wait(wait)


def serve(
    settings: CollectorSettings, intake: Intake, ready: Callable[[dict[str, int]], None] | None = None
) -> int:
    """Run the collector of ``weicheng serve collector`` until it is told to stop; 0 at a good end."""
    collector = Collector(settings, intake.writer(), intake.reader(), intake.pipeline, intake.log)
    return collector.serve(ready)
