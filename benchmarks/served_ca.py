"""A founded CA with a million certificates: its signer and its status service in processes of their own, as in production."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.peers import cpu_of, free_port
from benchmarks.registered import Registered, register
from ca.signer.client import SocketSigner
from ca.signer.model import KeyRole
from console.commands.db import upgrade_database
from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.config import Settings
from kernel.errors import Unavailable
from kernel.identity.model import Principal, Role
from kernel.identity.store import units
from kernel.log import configure_logging

OFFICER, SECOND = (
    Principal(f"usr_{name}", name, frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
    for name in ("first", "second")
)
ISSUING = "issuing"
_STARTED_WITHIN = 60.0


@dataclass
class ServedCa:
    """The application, what was registered, and the processes of the CA."""

    app: App
    registered: Registered
    environment: dict[str, str]
    port: int
    signer: int

    def cpu(self, *pids: int) -> float:
        """Seconds that the signer and these processes have used."""
        return cpu_of([self.signer, *pids])

    def children(self, pid: int) -> list[int]:
        """A process and what it started."""
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, found)]

    @contextmanager
    def status_service(self) -> Iterator[list[int]]:
        """``weicheng serve ocsp`` until the end of the block; its processes."""
        with process_of(self.environment, "serve", "ocsp") as process:
            until(lambda: urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).status == 200, process)
            yield self.children(process.pid)


@contextmanager
def served_ca(folder: Path, issued: int, revoked: int, database_url: str = "") -> Iterator[ServedCa]:
    """A new installation with an issuing CA (P-256) that has issued and revoked so many certificates."""
    configure_logging("ERROR")
    import_all_tables()
    folder.chmod(0o700)
    secrets, port = folder / "secrets-of-start", free_port()
    secrets.mkdir(mode=0o700)
    (secrets / "signer__passphrase").write_text("a pass-phrase for measurements")
    settings = Settings(data_dir=folder, database_url=database_url)
    upgrade_database(settings.database)
    environment = os.environ | {
        "WEICHENG_DATA_DIR": str(folder),
        "WEICHENG_DATABASE_URL": database_url,
        "WEICHENG_SECRETS_DIR": str(secrets),
        "WEICHENG_LOG_LEVEL": "ERROR",
        "WEICHENG_STATUS__PORT": str(port),
        "WEICHENG_STATUS__PROCESSES": "1",
    }
    with process_of(environment, "serve", "signer") as process:
        until(lambda: SocketSigner(settings.signer_socket).keys() is not None, process)
        app = App(settings)
        _found(app)
        registered = register(app.floor.database, ISSUING, issued, revoked)
        try:
            yield ServedCa(app, registered, environment, port, process.pid)
        finally:
            app.floor.database.close()


def _found(app: App) -> None:
    """Root, issuing CA and its OCSP responder."""
    with app.floor.database.begin() as uow:
        uow.execute(units.insert().values(id="u_city", parent=None, name="市大数据局", path="/u_city/"))
    plan = app.ca.ceremonies.plan(OFFICER, "卫城市大数据局", ("张敏",), "single")
    app.ca.ceremonies.perform(SECOND, app.ca.ceremonies.propose(OFFICER, plan))
    app.ca.services.provision(OFFICER, KeyRole.OCSP)


@contextmanager
def process_of(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "console.main", *arguments], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def until(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if done():
                return
        except (OSError, Unavailable):
            time.sleep(0.1)
    sys.exit("a process of the CA did not start")
