"""The main job, done once for all tests that look at its results."""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parent.parent.parent


def run_demo(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The main job in ``folder``, with nothing set but ``settings`` (WEICHENG_...)."""
    command = [sys.executable, "-m", "console.main", "demo", "--folder", str(folder)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WEICHENG_")}
    environment |= settings
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False, timeout=280
    )


def kill_at(folder: Path, step: int) -> None:
    """Start the job and cut its power when it says that ``step`` begins."""
    command = [sys.executable, "-m", "console.main", "--lang", "en", "demo", "--folder", str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"Step {step} of"):
            break
    time.sleep(0.7)
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a demo that ran to its end with exit status 0, over what one left whose power was cut in the middle."""
    folder = tmp_path_factory.mktemp("main-job") / "demo"
    kill_at(folder, 4)
    done = run_demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def serving(finished_demo: Path) -> Iterator[Path]:
    """`make serve` in another terminal."""
    environment = {**os.environ, "WEICHENG_CONFIG": str(finished_demo / "weicheng.toml")}
    with (finished_demo / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "console.main", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until_ready(finished_demo, process)
        yield finished_demo
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0


def wait_until_ready(demo: Path, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=str(demo / "tls" / "root.pem"))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, (demo / "serve.log").read_text()[-2000:]
        try:
            with urlopen("https://127.0.0.1:8443/readyz", context=context, timeout=5) as answer:
                if answer.status == 200 and (demo / "data" / "signer.sock").is_socket():
                    return
        except (URLError, OSError):
            time.sleep(0.3)
    raise AssertionError((demo / "serve.log").read_text()[-2000:])
