"""The web process: gunicorn with threads, TLS by a certificate of our own CA, client certificates welcome."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from console.compose.app import App
from kernel.config import Settings, Web
from kernel.errors import Unavailable
from kernel.i18n import N_

WORKERS = 2
# Suites with forward secrecy and authenticated encryption; TLS 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def tls_context(web: Web) -> ssl.SSLContext:
    """TLS 1.2 and later. A client certificate is asked for, never demanded: who has none signs in by password.

    One that was not issued below ``client_ca`` ends the handshake; revocation is checked at sign-in and on every request,
    against the register itself, so that it counts at once (kernel.identity.sign_in).
    """
    if web.certificate is None or web.key is None:
        raise Unavailable(
            N_("The console has no TLS certificate."),
            mend=N_("Set web.certificate and web.key to a certificate of your CA and its key."),
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    _load(web.certificate, lambda: context.load_cert_chain(web.certificate or "", web.key))
    if web.client_ca is not None:
        _load(web.client_ca, lambda: context.load_verify_locations(web.client_ca))
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _load(path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            N_("The TLS certificate or its key can not be read: %(detail)s"),
            mend=N_("Check the files named in the settings."),
            place=str(path),
            detail=error.strerror or str(error),
        ) from error


class ContextCache:
    """The TLS context, built anew when one of its files changes: a renewed certificate counts without a restart."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._form: tuple[int, ...] = ()
        self._context = tls_context(web)

    def current(self) -> ssl.SSLContext:
        """The context to serve the next connection with."""
        form = tuple(
            path.stat().st_mtime_ns
            for path in (self._web.certificate, self._web.key, self._web.client_ca)
            if path
        )
        if form != self._form:
            self._context, self._form = tls_context(self._web), form
        return self._context


class Log(Logger):  # type: ignore[misc]
    """Gunicorn's own messages, as JSON lines among ours."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn configured from our settings alone: no configuration file, no arguments, no environment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        web = self._settings.web
        assert web.certificate is not None
        assert web.key is not None
        contexts = ContextCache(web)
        chosen: dict[str, Any] = {
            "bind": f"[{web.host}]:{web.port}" if ":" in web.host else f"{web.host}:{web.port}",
            "worker_class": "gthread",
            "workers": WORKERS,
            "threads": web.threads,
            "certfile": str(web.certificate),
            "keyfile": str(web.key),
            "ssl_context": lambda _config, _default: contexts.current(),
            "logger_class": Log,
            "timeout": 60,
            "graceful_timeout": 15,
            "keepalive": 15,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # nobody speaks for another address
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108 - heartbeat files
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called in each worker, so that none shares a database connection with another."""
        from console.web.app import create_app

        return create_app(App(self._settings))


def serve(settings: Settings) -> None:
    """Serve the console until SIGTERM; Unavailable at once when TLS can't be set up."""
    tls_context(settings.web)
    Server(settings).run()
