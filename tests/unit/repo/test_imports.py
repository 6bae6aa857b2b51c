"""Every module of the kernel, and every program, can be the first that is imported: no start hangs on an order of imports."""

import subprocess
import sys

from tests.flow.conftest import ROOT

# each module anew, among libraries that stay: the whole in one process
SCRIPT = """
import importlib, pkgutil, sys
PACKAGES = ("kernel", "ca", "netops", "monitor", "siem", "backup", "policies", "console")
names = [m.name for m in pkgutil.walk_packages(["kernel"], "kernel.")]
names += [m.name for m in pkgutil.iter_modules(["console"], "console.") if not m.ispkg]
for name in names:
    for loaded in [one for one in sys.modules if one.partition(".")[0] in PACKAGES]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
print(len(names), "modules")
"""


def test_every_module_can_be_imported_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[:-1] == [], done.stdout + done.stderr
    assert int(lines[-1].split()[0]) > 60


def test_the_process_that_holds_the_keys_loads_no_database_and_no_web_server() -> None:
    code = "import sys; import console.main, console.signer; print(*sorted({one.partition('.')[0] for one in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"ca", "cryptography"} <= loaded
    assert not loaded & {"sqlalchemy", "alembic", "flask", "werkzeug", "gunicorn", "sqlite3", "psycopg"}
