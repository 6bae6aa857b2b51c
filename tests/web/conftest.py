"""The console as people get it: `weicheng serve web` over HTTPS, and a real browser."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import create_default_context

import pytest

from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.identity.model import Role
from kernel.identity.service import NewAccount
from tests.support.certificates import TestCa
from tests.support.postgres import free_port
from tests.unit.console.conftest import make_accounts


@dataclass(frozen=True)
class Served:
    """A running console, its CA and its people."""

    url: str
    folder: Path
    ca: TestCa
    accounts: dict[Role, NewAccount]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    ca = TestCa(folder)
    accounts = _install(folder, ca, port)
    environment = {**os.environ, "WEICHENG_CONFIG": str(folder / "weicheng.toml")}
    command = [sys.executable, "-m", "console.main", "serve", "web"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        served = Served(f"https://127.0.0.1:{port}", folder, ca, accounts)
        _wait(served, process)
        yield served
    finally:
        process.terminate()
        process.wait(30)


def _install(folder: Path, ca: TestCa, port: int) -> dict[Role, NewAccount]:
    pair = ca.server()
    (folder / "weicheng.toml").write_text(
        f'data_dir = "{folder / "data"}"\n'
        f'[web]\nport = {port}\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\nclient_ca = "{ca.root}"\n'
    )
    (folder / "data").mkdir(mode=0o700)
    settings = Settings(data_dir=folder / "data")
    import_all_tables()
    app = App(settings, FixedClock(datetime.now(UTC) - timedelta(minutes=2)))  # a one-time code works once
    app.floor.database.create_all()
    accounts = make_accounts(app)
    app.floor.database.close()
    return accounts


def _wait(served: Served, process: "subprocess.Popen[bytes]") -> None:
    trusting = create_default_context(cafile=str(served.ca.root))
    for _attempt in range(150):
        assert process.poll() is None, (served.folder / "web.log").read_text()
        try:
            urllib.request.urlopen(f"{served.url}/readyz", timeout=5, context=trusting).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError((served.folder / "web.log").read_text())
