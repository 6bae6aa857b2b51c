"""Gunicorn as our processes use it: configured in code alone, logging JSON lines among ours."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger


class Log(Logger):  # type: ignore[misc]
    """Gunicorn's own messages go through the process's log."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers.clear()
        self.error_log.propagate = True


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
            "worker_class": "gthread",
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
