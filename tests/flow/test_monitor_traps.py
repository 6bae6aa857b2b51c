"""What the receiver confirmed is in the database, even when it is killed the next moment."""

import os
import subprocess
import sys
from pathlib import Path

from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.config import Settings
from kernel.identity.model import Principal
from kernel.identity.store import units
from kernel.store.listing import MOST, Ask
from tests.conftest import UNITS
from tests.unit.monitor.netsnmp import V3, free_udp_port, notify

ROOT = Path(__file__).parent.parent.parent
LINK_DOWN, IF_INDEX = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1"


def prepared(folder: Path) -> tuple[App, dict[str, str]]:
    """A database with the credential, and the environment of a process on it."""
    port = free_udp_port()
    app = App(Settings(data_dir=folder, collector={"trap_port": port}))  # type: ignore[arg-type]
    import_all_tables()
    app.floor.database.create_all()
    with app.floor.database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    app.floor.credentials.put(Principal.system("test"), "range", V3)
    environment = {
        **os.environ,
        "WEICHENG_DATA_DIR": str(folder),
        "WEICHENG_COLLECTOR__TRAP_PORT": str(port),
    }
    return app, environment


def start(environment: dict[str, str]) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flow.trap_process"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_confirmed_inform_survives_the_receivers_death(tmp_path: Path) -> None:
    app, environment = prepared(tmp_path / "data")
    confirmed = set()
    for life in range(3):
        process, port = start(environment)
        try:
            for number in range(3):
                index = 10 * life + number + 1
                arguments = [LINK_DOWN, f"{IF_INDEX}.{index}", "i", str(index)]
                if notify(tmp_path / "sender", port, V3, arguments, inform=True) == 0:
                    confirmed.add(index)
        finally:
            process.kill()
            process.communicate()
    kept = {
        one.trap.varbinds["ifIndex"]
        for one in app.monitor.notifications.page(Principal.system("test"), Ask(limit=MOST)).items
    }
    assert len(confirmed) == 9
    assert confirmed == kept
    app.floor.database.close()
