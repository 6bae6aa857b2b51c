"""Set-up: does what is missing, once; a half-done step leaves nothing; what is wrong is said with its mend."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# The least that pip takes for a project in place (PEP 660): a wheel with nothing but its metadata.
BACKEND = """
import pathlib, zipfile
FILES = {
    "METADATA": "Metadata-Version: 2.1\\nName: toy\\nVersion: 1\\n",
    "WHEEL": "Wheel-Version: 1.0\\nGenerator: toy\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(folder, "toy-1-py3-none-any.whl"), "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr("toy-1.dist-info/" + name, text)
        wheel.writestr("toy-1.dist-info/RECORD", "")
    return "toy-1-py3-none-any.whl"
build_wheel = build_editable
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small project with our set-up scripts: no dependency, one empty package. Needs no network."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "requirements.lock").write_text("")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(BACKEND)
    for name in ("demo", "test"):
        (folder / "scripts" / "packages" / name).write_text("util-linux  # there on every Debian machine\n")
    return folder


def run(checkout: Path, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PIP_NO_INDEX": "1", **variables}
    command = [str(checkout / "scripts" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_python_environment_is_made_once(checkout: Path) -> None:
    assert run(checkout, "python.sh", "needed").returncode == 0
    done = run(checkout, "python.sh", "install")
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert run(checkout, "python.sh", "needed").returncode == 1


def test_a_changed_lock_or_a_moved_checkout_needs_work_again(checkout: Path) -> None:
    run(checkout, "python.sh", "install")
    moved = checkout.rename(checkout.with_name("moved"))
    assert run(moved, "python.sh", "needed").returncode == 0
    moved.rename(checkout)
    assert run(checkout, "python.sh", "needed").returncode == 1
    (checkout / "requirements.lock").write_text("# another\n")
    assert run(checkout, "python.sh", "needed").returncode == 0


def test_a_package_that_can_not_be_had_leaves_no_half_environment(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    done = run(checkout, "python.sh", "install")
    assert done.returncode != 0
    assert not (checkout / ".venv").exists()


def test_a_failing_step_names_its_log_and_the_mend_in_both_languages(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    done = run(checkout, "setup.sh", "demo")
    assert done.returncode == 1
    assert "✗" in done.stderr
    assert "no-such-package" in done.stderr
    assert "已清理现场" in done.stderr
    assert "was cleaned up" in done.stderr
    assert "var/log/setup/python.log" in done.stderr
    assert "no-such-package" in (checkout / "var" / "log" / "setup" / "python.log").read_text()


def test_an_existing_environment_survives_a_failed_update(checkout: Path) -> None:
    run(checkout, "python.sh", "install")
    (checkout / "requirements.lock").write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    assert run(checkout, "python.sh", "install").returncode != 0
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert run(checkout, "python.sh", "needed").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="steps down from root")
def test_who_may_not_install_gets_one_message_that_names_what_is_missing(checkout: Path) -> None:
    packages = checkout / "scripts" / "packages" / "demo"
    packages.write_text("util-linux\nweicheng-absent-a  # why\nweicheng-absent-b\n")
    reachable = Path("/var/tmp") / checkout.parent.name
    shutil.copytree(checkout, reachable)
    try:
        down = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        command = [*down, str(reachable / "scripts" / "debian.sh"), "possible", "demo"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(reachable)
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends weicheng-absent-a weicheng-absent-b" in done.stderr
    assert "缺少软件包" in done.stderr
    assert "util-linux" not in done.stderr


def test_installed_packages_need_nothing(checkout: Path) -> None:
    assert run(checkout, "debian.sh", "needed", "test").returncode == 1
    assert run(checkout, "debian.sh", "possible", "test").returncode == 0


def test_web_assets_that_can_not_be_had_leave_nothing(checkout: Path) -> None:
    assets = checkout / "console" / "assets"
    assets.mkdir(parents=True)
    (assets / "package.json").write_text("{}")
    (assets / "package-lock.json").write_text("{}")
    (assets / "files").write_text("")
    done = run(checkout, "assets.sh", "install")  # no Node in this environment
    assert done.returncode != 0
    assert not (checkout / "console" / "static" / "vendor").exists()
    assert list((checkout / "var").glob("assets.*")) == []


def test_a_step_once_done_is_not_done_again_and_the_finished_set_up_is_silent(checkout: Path) -> None:
    vendor = checkout / "console" / "static" / "vendor"
    assets = checkout / "console" / "assets"
    vendor.mkdir(parents=True)
    assets.mkdir()
    for name in ("package-lock.json", "files"):
        (assets / name).write_text(name)
    form = "source scripts/lib.sh; digest console/assets/package-lock.json console/assets/files"
    digest = subprocess.run(["bash", "-c", form], cwd=checkout, capture_output=True, text=True, check=True)
    (vendor / ".stamp").write_text(digest.stdout)
    first, second = run(checkout, "setup.sh", "demo"), run(checkout, "setup.sh", "demo")
    assert first.returncode == second.returncode == 0, first.stderr
    assert "Python environment" in first.stderr
    assert second.stderr == ""


def test_the_lock_pins_every_package_by_hash_and_names_no_registry() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_the_lock_has_what_is_asked_for() -> None:
    asked = [line.split("#")[0].strip() for line in (ROOT / "requirements.in").read_text().splitlines()]
    names = {line.split("[")[0].split("<")[0].lower().replace("_", "-") for line in asked if line}
    pinned = {
        line.split("==")[0].split("[")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    }
    assert names <= pinned


def test_the_web_assets_lock_has_digests_and_names_no_registry() -> None:
    lock = (ROOT / "console" / "assets" / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock


def test_the_web_assets_kept_are_what_was_listed() -> None:
    vendor = ROOT / "console" / "static" / "vendor"
    listed = {
        line.split()[1].partition("#")[0]
        for line in (ROOT / "console" / "assets" / "files").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    sums = subprocess.run(
        ["sha256sum", "--check", "--strict", "MANIFEST"], cwd=vendor, capture_output=True, check=False
    )
    assert sums.returncode == 0, sums.stdout
    assert {line.split()[1] for line in (vendor / "MANIFEST").read_text().splitlines()} == listed


POLICY = "/usr/sbin/policy-rc.d"


def install_packages(checkout: Path, before: str | None, apt_status: int) -> subprocess.CompletedProcess[str]:
    """Run the installation in a mount namespace of its own, over a copy of /usr/sbin, with an apt-get that only looks.

    Standard output: the policy's exit status while apt-get ran, then what the policy file holds afterwards.
    """
    stubs = checkout / "stubs"
    stubs.mkdir()
    (checkout / "scripts" / "packages" / "demo").write_text("weicheng-absent\n")
    (stubs / "apt-get").write_text(
        f'#!/bin/sh\ncase "$*" in *install*) {POLICY}; echo "$?"; exit {apt_status};; esac\n'
    )
    (stubs / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    for stub in stubs.iterdir():
        stub.chmod(0o755)
    prepared = f"printf '{before}' > {POLICY}; chmod 755 {POLICY}" if before else f"rm -f {POLICY}"
    script = (
        f"mkdir {checkout}/upper {checkout}/work && mount -t tmpfs none {checkout}/upper && mkdir {checkout}/upper/sbin && "
        f"cp -a /usr/sbin/. {checkout}/upper/sbin && mount --bind {checkout}/upper/sbin /usr/sbin && {prepared}; "
        f"PATH={stubs}:$PATH {checkout}/scripts/debian.sh install demo; cat {POLICY}; ls /usr/sbin | grep weicheng"
    )
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount namespace")
@pytest.mark.parametrize("apt_status", [0, 100])
def test_installed_services_are_not_started_and_the_machines_own_policy_comes_back(
    checkout: Path, apt_status: int
) -> None:
    done = install_packages(checkout, before=None, apt_status=apt_status)
    assert done.stdout.split() == ["101"], done.stderr  # 101: action forbidden by policy
    assert "No such file" in done.stderr  # the policy file is gone again


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a mount namespace")
def test_a_policy_that_was_there_is_put_back(checkout: Path) -> None:
    done = install_packages(checkout, before="#!/bin/sh\\nexit 104\\n", apt_status=0)
    assert done.stdout == "101\n#!/bin/sh\nexit 104\n", done.stderr
