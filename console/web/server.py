"""The web process: gunicorn with threads, TLS by a certificate of our own CA, client certificates welcome."""

from typing import Any

from console.commands.db import is_empty, upgrade_database
from console.compose.app import App
from console.serving import Server
from console.tls import ContextCache, TlsFiles
from kernel.config import Settings

WORKERS = 2


def serve(settings: Settings) -> None:
    """Serve the console until SIGTERM; Unavailable at once when TLS can't be set up.

    An empty database gets its tables, so that set-up can go on in the browser; one in use is migrated by hand.
    """
    web = settings.web
    contexts = ContextCache(TlsFiles("web", web.certificate, web.key, web.client_ca))
    if is_empty(settings.database):
        upgrade_database(settings.database)
    options = {
        "workers": WORKERS,
        "threads": web.threads,
        "certfile": str(web.certificate),
        "keyfile": str(web.key),
        "ssl_context": lambda _config, _default: contexts.current(),
    }

    def load() -> Any:
        from console.web.app import create_app

        return create_app(App(settings))

    Server(web.host, web.port, options, load).run()
