"""The main job, done once for all tests that look at its results."""

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a demo that ran to its end with exit status 0."""
    folder = tmp_path_factory.mktemp("main-job") / "demo"
    done = run_demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
