"""``weicheng serve enrol``: one process takes in what many programs ask, and issues it as one piece of work (adr 0048)."""

import re
from collections.abc import Sequence

from ca.resources import RESOURCES
from console.compose.app import App
from console.enrolment.programs import Programs
from console.enrolment.site import EnrolmentSite, Route
from console.health import Probe, check_database
from console.serving import Server
from console.tls import ContextCache, TlsFiles
from kernel.config import Settings
from kernel.edges.public import Answer, Asked
from kernel.errors import WeichengError

BODY = 2 * 2**20  # octets: 200 signing requests with large keys, in Base64
BODIES = 64 * 2**20
GATHERING = 0.064  # seconds; a piece of work takes as long, and half as many pieces cost half of it


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; Unavailable at once when TLS can't be set up."""
    from console.public_bounds import Bounds
    from console.public_worker import PublicWorker, Service

    enrol = settings.enrol
    files = TlsFiles("enrol", enrol.certificate or settings.web.certificate, enrol.key or settings.web.key)
    contexts = ContextCache(files)
    bounds = Bounds(enrol.connections, body=BODY, bodies=BODIES, gathering=GATHERING)

    def load() -> Service:
        return Service(site_of(App(settings)), bounds, contexts.current)

    options = {"workers": enrol.processes, "worker_class": PublicWorker}
    Server(enrol.host, enrol.port, options, load).run()


def site_of(app: App) -> EnrolmentSite:
    """Every route of the door."""
    return EnrolmentSite([*Programs(app, RESOURCES).routes(), _readiness(app)])


def _readiness(app: App) -> Route:
    """It can do its work: the database answers. Says no more than that, for anyone may ask."""

    def ready(asked: Sequence[Asked]) -> list[Answer]:
        try:
            check_database(Probe(app.settings, app.clock, lambda: app.floor.database))
        except WeichengError:
            return [Answer(503, "application/json", b'{"status":"unavailable"}\n') for _ in asked]
        return [Answer(200, "application/json", b'{"status":"ok"}\n') for _ in asked]

    return Route(re.compile("/readyz"), "GET", ready)
