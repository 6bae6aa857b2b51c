"""One run of the main job: its folder, its processes, its steps in order."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from console.commands.db import upgrade_database
from console.commands.range import ROOT
from console.compose.app import App
from console.demo import stores
from console.demo.model import Demo, StepResult
from console.demo.network import register_network
from console.demo.people import make_people
from console.demo.processes import Processes
from kernel.config import CONFIG_VARIABLE, load_settings
from kernel.errors import Conflict, Unavailable
from kernel.i18n import N_, translate
from kernel.log import configure_logging
from kernel.secrets import write_private

STEPS: tuple[tuple[str, str], ...] = (
    ("ca", N_("Certificates")),
    ("netops", N_("Configurations")),
    ("monitor", N_("Monitoring")),
    ("siem", N_("Logs and alerts")),
    ("backup", N_("Backups")),
    ("policies", N_("Evidence")),
)
MARKER = ".weicheng-demo"


class DemoRun:
    """One run in one folder, which it empties first: run again after a kill at any moment, it does all anew."""

    def __init__(self, folder: Path, note: Callable[..., None]) -> None:
        self._folder = folder
        self._note = note
        self._processes = Processes(folder / "processes.json")

    def run(self) -> list[StepResult]:
        """Every step in order; the results are also in summary.json and report.html."""
        from console.demo.report import write_report

        started = time.monotonic()
        self._start_afresh()
        configure_logging("WARNING", stream=(self._folder / "demo.log").open("a", encoding="utf-8"))
        try:
            with self._practice_network(), self._signer():
                results = self._steps(self._prepare())
        finally:
            self._processes.stop_all()
        write_report(self._folder, results, seconds=time.monotonic() - started)
        return results

    # --- before
    def _start_afresh(self) -> None:
        if self._folder.exists():
            if not (self._folder / MARKER).exists() and any(self._folder.iterdir()):
                raise Conflict(
                    N_("This folder is not a demo's."),
                    mend=N_("Name an empty one with --folder."),
                    place=str(self._folder),
                )
            self._processes.clean()
            self._range("down")
        stores.start_afresh(self._folder)
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True, mode=0o700)
        (self._folder / MARKER).touch()
        self._write_settings()

    def _write_settings(self) -> None:
        """A settings file that ``make serve`` uses afterwards; the signer's pass-phrase is a secret file."""
        data, keys = self._folder / "data", self._folder / "secrets"
        write_private(keys / "signer__passphrase", secrets.token_urlsafe(24).encode())
        stores.remember(self._folder)
        tls = self._folder / "tls"
        toml = f"""# Settings of the demo, written by weicheng demo
data_dir = "{data}"

[web]
certificate = "{tls / "console.pem"}"
key = "{tls / "console.key"}"
client_ca = "{tls / "ca.pem"}"

[collector]
certificate = "{tls / "collector.pem"}"
key = "{tls / "collector.key"}"
"""
        write_private(self._folder / "weicheng.toml", toml.encode())
        os.environ[CONFIG_VARIABLE] = str(self._folder / "weicheng.toml")

    @contextmanager
    def _practice_network(self) -> Iterator[None]:
        self._note(N_("Practice network starts …"))
        if self._range("up") not in (0, 3):
            said = (self._folder / "range-up.log").read_text().strip().splitlines()
            raise Unavailable(
                N_("The practice network did not start: %(detail)s"),
                mend=N_("See range-up.log in the demo's folder."),
                detail=said[-1] if said else "",
            )
        try:
            yield
        finally:
            self._range("down")

    @contextmanager
    def _signer(self) -> Iterator[None]:
        """The signer process, as in production: the demo itself never holds a private key of the CA."""
        log = self._folder / "signer.log"
        self._processes.start("signer", [sys.executable, "-m", "console.main", "serve", "signer"], log=log)
        socket = self._folder / "data" / "signer.sock"
        for _ in range(200):
            if socket.exists():
                break
            self._processes.ensure_running("signer", log)
            time.sleep(0.05)
        else:
            raise Unavailable(N_("The signer does not answer."), place=str(log))
        yield

    def _range(self, verb: str) -> int:
        import subprocess

        command = [sys.executable, "-m", "tests.range", verb, "--state", str(self._folder / "range")]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if self._folder.exists() and verb == "up":
            (self._folder / "range-up.log").write_text(done.stdout + done.stderr)
        return done.returncode

    def _prepare(self) -> Demo:
        settings = load_settings()
        upgrade_database(settings.database)
        app = App(settings)
        people = make_people(app.floor)
        entries = register_network(app.floor, people["network_admin"], self._folder / "range" / "state.json")
        self._note(N_("The register has %(count)s entries."), count=entries)
        return Demo(
            app, self._folder, people, lambda text: self._note("%(text)s", text="  " + text), self._processes
        )

    # --- the job
    def _steps(self, demo: Demo) -> list[StepResult]:
        results: list[StepResult] = []
        for number, (room, title) in enumerate(STEPS, 1):
            self._note(
                N_("Step %(number)s of %(total)s: %(title)s"),
                number=number,
                total=len(STEPS),
                title=translate(title),
            )
            begun = time.monotonic()
            result: StepResult = import_module(f"console.demo.{room}").run(demo)
            figures: Mapping[str, Any] = {**result.figures, "seconds": round(time.monotonic() - begun, 1)}
            results.append(
                StepResult(room, figures, result.expected, result.found, result.checks, result.pictures)
            )
            self._write_summary(results)
        return results

    def _write_summary(self, results: list[StepResult]) -> None:
        summary = {
            "passed": len(results) == len(STEPS) and all(result.passed for result in results),
            "steps": [result.as_dict() for result in results],
        }
        text = json.dumps(summary, ensure_ascii=False, indent=1, default=str)
        write_private(self._folder / "summary.json", text.encode())
