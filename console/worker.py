"""The worker: delivers events, queues what is scheduled, runs jobs."""

import os
import signal
import socket
import threading
from importlib import import_module
from types import ModuleType

import structlog

from console.compose.app import ROOMS, App
from kernel.audit import jobs as audit_jobs
from kernel.evidence import jobs as evidence_jobs

_PAUSE = 0.5
_SCHEDULE_EVERY = 10.0


def register_work(app: App) -> None:
    """Tell the queue who does what, the bus who listens, and when what is due.

    A room's ``jobs`` module may define ``handlers(service)``, ``SCHEDULES`` (name -> (cron, kind)) and
    ``subscriptions(service)`` (name -> (kinds or None, handler)).
    """
    for room in ROOMS:
        module, service = import_module(f"{room}.jobs"), getattr(app, room)
        app.jobs.register(module.handlers(service))
        _subscribe(app, module, service)
    app.jobs.register(audit_jobs.handlers(app.audit))
    app.jobs.register(evidence_jobs.handlers(app.evidence))
    _subscribe(app, evidence_jobs, app.evidence)


def _subscribe(app: App, module: ModuleType, service: object) -> None:
    for name, (cron, kind) in getattr(module, "SCHEDULES", {}).items():
        app.jobs.schedule(name, cron, kind)
    if hasattr(module, "subscriptions"):
        for name, (kinds, handler) in module.subscriptions(service).items():
            app.floor.bus.subscribe(name, kinds, handler)


class Worker:
    """Threads that run jobs, and one that keeps the clockwork going."""

    def __init__(self, app: App, threads: int = 2) -> None:
        self._app = app
        self._threads = threads
        self._stop = threading.Event()
        self._log = structlog.get_logger("worker")

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; a job in hand is finished first."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        name = f"{socket.gethostname()}:{os.getpid()}"
        hands = [threading.Thread(target=self._hand, args=(f"{name}:{n}",)) for n in range(self._threads)]
        clockwork = threading.Thread(target=self._clockwork)
        for thread in (*hands, clockwork):
            thread.start()
        for thread in (*hands, clockwork):
            thread.join()
        return 0

    def _hand(self, name: str) -> None:
        while not self._stop.is_set():
            try:
                if self._app.jobs.run_next(name):
                    continue
            except Exception as error:  # noqa: BLE001 - the database may be away for a while: try again
                self._log.error("claiming a job failed", exc_info=error)
            self._stop.wait(_PAUSE)

    def _clockwork(self) -> None:
        since_schedules = _SCHEDULE_EVERY
        while not self._stop.is_set():
            try:
                self._app.floor.bus.relay()
                if since_schedules >= _SCHEDULE_EVERY:
                    self._app.jobs.run_schedules()
                    since_schedules = 0.0
            except Exception as error:  # noqa: BLE001 - as above
                self._log.error("delivering events failed", exc_info=error)
            since_schedules += _PAUSE
            self._stop.wait(_PAUSE)
