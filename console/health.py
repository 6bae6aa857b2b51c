"""Whether the parts of the suite work, each asked in the way that its users ask it.

python -m console.health PART      exit status 0 when it works; the health check of containers
"""

import os
import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kernel.clock import Clock
from kernel.config import Settings, load_settings
from kernel.errors import Unavailable, WeichengError
from kernel.i18n import N_

if TYPE_CHECKING:
    from kernel.store import Database

PATIENCE = 3.0  # seconds for an answer
WORKER_LATE = timedelta(minutes=2)  # the shortest schedule runs each minute
LEAST_FREE = 0.05  # share of the disk


@dataclass(frozen=True)
class PartHealth:
    """One part: its name (a message id) and what is wrong, None when it works."""

    part: str
    name: str
    fault: WeichengError | None

    @property
    def works(self) -> bool:
        return self.fault is None


@dataclass(frozen=True)
class Probe:
    """What a probe may look at. ``store`` opens the relational store, which most probes do without."""

    settings: Settings
    clock: Clock
    store: Callable[[], "Database"]


def check_database(probe: Probe) -> None:
    """The relational store answers and has the tables of this program."""
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    from console.compose.schema import require_current
    from kernel.jobs.store import schedules

    try:
        with probe.store().read() as connection:
            connection.execute(select(schedules.c.name).limit(1))
    except SQLAlchemyError as error:
        raise Unavailable(
            N_("The database does not answer."), mend=N_("Start it, then run: weicheng db upgrade.")
        ) from error
    require_current(probe.store())


def check_events(probe: Probe) -> None:
    """The event store: Elasticsearch's cluster is not red, or the embedded store's folder can be written."""
    url = urlsplit(probe.settings.events)
    if url.scheme in ("http", "https"):
        _ask_elasticsearch(probe.settings.events)
        return
    folder = _nearest(Path(url.path))
    if not os.access(folder, os.W_OK):
        raise Unavailable(
            N_("The event store's folder can not be written."),
            mend=N_("Correct its owner."),
            place=str(folder),
        )


def check_worker(probe: Probe) -> None:
    """A worker queues what is scheduled: nothing has been due for longer than WORKER_LATE."""
    from sqlalchemy import func, select
    from sqlalchemy.exc import SQLAlchemyError

    from kernel.jobs.store import schedules

    oldest = select(func.min(schedules.c.next_run_at)).where(schedules.c.enabled.is_(True))
    try:
        with probe.store().read() as connection:
            due = connection.execute(oldest).scalar_one()
    except SQLAlchemyError as error:
        raise Unavailable(N_("The database does not answer.")) from error
    if due is None or probe.clock.now() - due > WORKER_LATE:
        raise Unavailable(N_("No worker is running."), mend=N_("Start one: weicheng serve worker."))


def check_web(probe: Probe) -> None:
    """The console answers that it is ready, over HTTPS."""
    web = probe.settings.web
    _expect_ready(web.host, web.port, N_("Start it: weicheng serve web."))


def check_enrol(probe: Probe) -> None:
    """The enrolment service answers that it is ready, over HTTPS."""
    enrol = probe.settings.enrol
    _expect_ready(enrol.host, enrol.port, N_("Start it: weicheng serve enrol."))


def check_ocsp(probe: Probe) -> None:
    """The public status service takes connections."""
    status = probe.settings.status
    _connect(_local(status.host), status.port, N_("Start it: weicheng serve ocsp."))


def check_collector(probe: Probe) -> None:
    """The receiver of logs takes TCP connections."""
    collector = probe.settings.collector
    _connect(_local(collector.host), collector.tcp_port, N_("Start it: weicheng serve collector."))


def check_signer(probe: Probe) -> None:
    """The signer listens on its socket."""
    path = probe.settings.signer_socket
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(str(path))
        except OSError as error:
            mend = N_("Start it: weicheng serve signer.")
            raise Unavailable(N_("The signer does not answer."), mend=mend, place=str(path)) from error


def check_keys(probe: Probe) -> None:
    """The signer's keys are open, and each place where they lie answers."""
    from ca.signer.client import SocketSigner
    from ca.signer.control import SignerControl
    from ca.signer.model import not_activated

    client = SocketSigner(probe.settings.signer_socket, patience=PATIENCE)
    try:
        found = SignerControl(client).status()
    finally:
        client.close()
    for place in found.places:
        if place.fault is not None:
            raise place.fault
    if not found.active and found.shares is not None:
        raise not_activated(found.present, found.shares.threshold)


def check_ends(probe: Probe) -> None:
    """No CA and no service of the suite is within a month of its certificate's end."""
    from sqlalchemy.exc import SQLAlchemyError

    from ca.ends.store import EndState, endings

    try:
        with probe.store().read() as connection:
            near = endings(connection, probe.clock.now())
    except SQLAlchemyError as error:
        raise Unavailable(N_("The database does not answer.")) from error
    found = [one for one in near if one.state is not EndState.DUE]
    if found:
        raise Unavailable(
            N_("The certificate of %(name)s ends on %(day)s."),
            mend=N_("Renew it: weicheng ca ends tells which, docs/operate/ceremonies.md how."),
            place=found[0].id,
            name=found[0].name,
            day=f"{found[0].not_after:%Y-%m-%d}",
        )


def check_disk(probe: Probe) -> None:
    """The disk below the data folder has room."""
    usage = shutil.disk_usage(_nearest(probe.settings.data_dir.absolute()))
    if usage.free < usage.total * LEAST_FREE:
        raise Unavailable(
            N_("The disk is nearly full: %(free)s MiB left."),
            mend=N_("Make room, or move the data folder to a larger disk."),
            place=str(probe.settings.data_dir),
            free=usage.free // 2**20,
        )


PROBES: Mapping[str, tuple[str, Callable[[Probe], None]]] = {
    "database": (N_("Database"), check_database),
    "events": (N_("Event store"), check_events),
    "disk": (N_("Disk"), check_disk),
    "web": (N_("Console"), check_web),
    "enrol": (N_("Enrolment service"), check_enrol),
    "worker": (N_("Worker"), check_worker),
    "collector": (N_("Log collector"), check_collector),
    "ocsp": (N_("Certificate status service"), check_ocsp),
    "signer": (N_("Signer"), check_signer),
    "keys": (N_("The CA's keys"), check_keys),
    "ends": (N_("Certificates of CAs and services"), check_ends),
}


def check_parts(probe: Probe, *, without: frozenset[str] = frozenset()) -> list[PartHealth]:
    """Ask every part but those in ``without``; a part that fails says why and stops no other."""
    return [
        PartHealth(part, name, _fault(check, probe))
        for part, (name, check) in PROBES.items()
        if part not in without
    ]


def _fault(check: Callable[[Probe], None], probe: Probe) -> WeichengError | None:
    try:
        check(probe)
    except WeichengError as error:
        return error
    return None


def _ask_elasticsearch(url: str) -> None:
    from elasticsearch import ApiError, Elasticsearch, TransportError

    mend = N_("Start Elasticsearch and look at its log.")
    try:
        with Elasticsearch(url, request_timeout=PATIENCE, max_retries=0) as client:
            status = client.cluster.health()["status"]
    except (ApiError, TransportError) as error:
        raise Unavailable(N_("The event store does not answer."), mend=mend) from error
    if status == "red":
        raise Unavailable(N_("The event store has lost data nodes (status red)."), mend=mend)


def _expect_ready(host: str, port: int, mend: str) -> None:
    context = ssl.create_default_context()
    # it asks itself on loopback, by an address that no certificate names
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection(_local(host), port, timeout=PATIENCE, context=context)
    place = f"{connection.host}:{connection.port}"
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise Unavailable(N_("It does not answer."), mend=mend, place=place) from error
    finally:
        connection.close()
    if status != 200:
        raise Unavailable(N_("It is not ready."), mend=N_("Look at its log."), place=place)


def _connect(host: str, port: int, mend: str) -> None:
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise Unavailable(N_("It does not answer."), mend=mend, place=f"{host}:{port}") from error


def _local(host: str) -> str:
    """The address at which this machine reaches a service that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def main(arguments: list[str]) -> int:
    """Check one part of this machine's installation."""
    if len(arguments) != 1 or arguments[0] not in PROBES:
        print(f"python -m console.health {'|'.join(PROBES)}", file=sys.stderr)
        return 2
    from kernel.clock import SystemClock
    from kernel.store import Database

    settings, clock = load_settings(), SystemClock()
    fault = _fault(
        PROBES[arguments[0]][1], Probe(settings, clock, lambda: Database(settings.database, clock))
    )
    if fault is not None:
        print(fault.text(), file=sys.stderr)
    return 0 if fault is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
