"""Gunicorn as our processes use it: configured in code alone, logging JSON lines among ours."""

import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from console import unread

HEAD = 20.0  # seconds that a client has for its handshake and the head of its request


class Log(Logger):  # type: ignore[misc]
    """Gunicorn's own messages go through the process's log."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that one address alone can not keep busy: it gets half of them, what else it asks waits for its own turn.

    Whoever opens connections and sends little or nothing (CWE-400) is cut off after a while. Everything but ``handle_request``
    runs in the main thread.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, deque[TConn]] = {}
        self._heads: dict[TConn, float] = {}  # whose request is still to come, and until when

    def enqueue_req(self, conn: TConn) -> None:
        origin = _origin(conn)
        if self._busy[origin] >= max(1, self.cfg.threads // 2):
            self._waiting.setdefault(origin, deque()).append(conn)
            return
        self._busy[origin] += 1
        self._heads[conn] = time.monotonic() + HEAD
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        self._heads.pop(conn, None)
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, done: "Future[Any]") -> None:
        origin = _origin(conn)
        self._heads.pop(conn, None)
        self._busy[origin] -= 1
        super().finish_request(conn, done)
        waiting = self._waiting.get(origin)
        if waiting:
            self.enqueue_req(waiting.popleft())
        else:
            self._waiting.pop(origin, None)
        if not self._busy[origin]:
            del self._busy[origin]

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what HTTP could not read, or no application answered."""
        status = unread.status_of(exc)
        if status >= 500:
            self.log.exception("Error handling request")
        else:
            self.log.warning("Request refused with %s, from %s: %s", status, addr[0] if addr else "", exc)
        with suppress(OSError):  # whoever sent it is gone
            util.write_nonblock(client, unread.answer(status))

    def murder_pending(self) -> None:
        """Gunicorn's look at idle connections, about once a second."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in list(self._heads.items()):
            if until < now:
                with suppress(OSError):  # it is closed already
                    conn.sock.shutdown(socket.SHUT_RDWR)


def _origin(conn: TConn) -> str:
    return str(conn.client[0])


class Server(BaseApplication):  # type: ignore[misc]
    """Threads in a few worker processes; no configuration file, no arguments, no environment."""

    def __init__(self, host: str, port: int, options: Mapping[str, Any], load: Callable[[], Any]) -> None:
        self._bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._options = options
        self._load = load
        super().__init__()

    def load_config(self) -> None:
        chosen: dict[str, Any] = {
            "bind": self._bind,
            "worker_class": Worker,
            "logger_class": Log,
            "timeout": 60,
            "graceful_timeout": 15,
            "keepalive": 15,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # nobody speaks for another address
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108 - heartbeat files
        }
        for name, value in (chosen | dict(self._options)).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called in each worker, so that none shares a database connection with another."""
        return self._load()
