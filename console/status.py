"""``weicheng serve ocsp``: the public status service over plain HTTP, whose answers are signed themselves."""

from console.compose.app import App
from console.serving import Server
from kernel.config import Settings


def serve(settings: Settings) -> None:
    """Serve CRLs, issuing certificates, OCSP answers and time-stamps until SIGTERM."""
    from console.public_worker import PublicWorker, Service

    def load() -> Service:
        from ca.web import StatusSite

        return Service(StatusSite(App(settings).ca))

    options = {"workers": settings.status.processes, "worker_class": PublicWorker}
    Server(settings.status.host, settings.status.port, options, load).run()
