"""Servers as child processes of the tests: not as root, and gone when the tests are, however those end."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


class Missing(Exception):
    """A server's programs are not on this machine; the text says what to install."""


def stepping_down(command: list[str], *, last_signal: signal.Signals | None = None) -> list[str]:
    """The command as `nobody` when we are root: servers that refuse root start all the same.

    With ``last_signal`` the kernel sends it to the command when the process that starts it dies, by kill -9 too.
    """
    options = [] if last_signal is None else ["--pdeathsig", last_signal.name.removeprefix("SIG")]
    if os.geteuid() == 0:
        options += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    return ["setpriv", *options, *command] if options else command


def server_folder(prefix: str, parent: Path = Path("/var/tmp")) -> Path:
    """A new folder that a server which stepped down can write to."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    return folder


class Server:
    """One running server, its log and its end."""

    def __init__(
        self,
        name: str,
        command: list[str],
        log: Path,
        environment: dict[str, str],
        stop_signal: signal.Signals,
        folder: Path = Path("/"),
    ) -> None:
        self.name = name
        self._log = log
        self._stop_signal = stop_signal
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                stepping_down(command, last_signal=stop_signal),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when ``ready`` says so; RuntimeError with the log's end when the server ends or the time is over."""
        for _attempt in range(int(seconds * 5)):
            if ready():
                return
            try:
                self._process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(
                f"{self.name} ended by itself:\n{self._log.read_text(errors='replace')[-3000:]}"
            )
        raise RuntimeError(f"{self.name} is not ready:\n{self._log.read_text(errors='replace')[-3000:]}")

    def stop(self, seconds: float = 30) -> None:
        """End it in its own way; by force when that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
