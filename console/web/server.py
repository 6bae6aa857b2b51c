"""The web process: gunicorn with threads, TLS by a certificate of our own CA, client certificates welcome."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from console.commands.db import is_empty, upgrade_database
from console.compose.app import App
from console.serving import Server
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
        self._context = tls_context(web)
        self._form = self._times()

    def current(self) -> ssl.SSLContext:
        """The context for the next connection; the last good one while a renewal is half-way or wrong."""
        form = self._times()
        if form != self._form:
            try:
                self._context, self._form = tls_context(self._web), form
            except Unavailable as error:
                structlog.get_logger("web").error("renewed certificate refused", exc_info=error)
        return self._context

    def _times(self) -> tuple[int, ...]:
        files = (self._web.certificate, self._web.key, self._web.client_ca)
        return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files if file)


def serve(settings: Settings) -> None:
    """Serve the console until SIGTERM; Unavailable at once when TLS can't be set up.

    An empty database gets its tables, so that set-up can go on in the browser; one in use is migrated by hand.
    """
    contexts = ContextCache(settings.web)
    if is_empty(settings.database):
        upgrade_database(settings.database)
    options = {
        "workers": WORKERS,
        "threads": settings.web.threads,
        "certfile": str(settings.web.certificate),
        "keyfile": str(settings.web.key),
        "ssl_context": lambda _config, _default: contexts.current(),
    }

    def load() -> Any:
        from console.web.app import create_app

        return create_app(App(settings))

    Server(settings.web.host, settings.web.port, options, load).run()
