"""``weicheng serve ocsp``: the public status service over plain HTTP, whose answers are signed themselves."""

from typing import Any

from console.compose.app import App
from console.serving import Server
from kernel.config import Settings

_OPTIONS = {"workers": 2, "threads": 8}


def serve(settings: Settings) -> None:
    """Serve CRLs, issuing certificates, OCSP answers and time-stamps until SIGTERM."""

    def load() -> Any:
        from ca.web import create_status_app

        return create_status_app(App(settings).ca)

    Server(settings.status.host, settings.status.port, _OPTIONS, load).run()
