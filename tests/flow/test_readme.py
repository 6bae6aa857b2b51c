"""Every command of the README, as a new user would type it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.conftest import ROOT

# words in capitals -> (command that lists the objects, which field, which object)
PLACEHOLDERS = {
    "REQUEST": (("ca", "requests", "--state", "requested"), "id"),
    "SERIAL": (("ca", "list", "--profile", "person", "--state", "issued"), "serial"),
    "ALERT": (("siem", "alerts"), "id"),
    "ASSESSMENT": (("policies", "list"), "id"),
}
MAKE = {"make demo": "weicheng demo", "make test": 'pytest -m "not slow"', "make serve": "weicheng serve"}


def blocks() -> list[list[str]]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [[line.split("  #")[0].strip() for line in block.splitlines() if line.strip()] for block in found]


def tours() -> list[list[str]]:
    return [block for block in blocks() if block[0].startswith("weicheng login")]


class Terminal:
    def __init__(self, demo: Path, home: Path) -> None:
        self.demo = demo
        self.home = home
        self.env = {
            **os.environ,
            "WEICHENG_CONFIG": str(demo / "weicheng.toml"),
            "HOME": str(home),
            "LANG": "C.UTF-8",
        }

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "console.main", *arguments]
        environment = {**self.env, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=self.home, capture_output=True, text=True, env=environment, check=False, timeout=120
        )

    def resolve(self, word: str) -> str:
        if word in PLACEHOLDERS:
            command, field = PLACEHOLDERS[word]
            listed = self.run(["-o", "json", *command])
            assert listed.returncode == 0, listed.stderr
            return str(json.loads(listed.stdout)[0][field])
        return word.replace("var/demo", str(self.demo))


def test_the_make_commands_are_what_the_tests_run() -> None:
    makefile = (ROOT / "Makefile").read_text()
    said = {line for block in blocks() for line in block if line.startswith("make ")}
    assert said == set(MAKE)
    for command in MAKE.values():
        assert command in makefile


def test_nothing_in_the_readme_is_left_untried() -> None:
    rest = [block for block in blocks() if block not in tours() and not block[0].startswith("make ")]
    assert rest == [['export PATH="$PWD/.venv/bin:$PATH" WEICHENG_CONFIG=var/demo/weicheng.toml']]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("tour", tours(), ids=[block[0].split()[-1] for block in tours()])
def test_the_tour_of_each_role(serving: Path, home: Path, tour: list[str]) -> None:
    terminal = Terminal(serving, home)
    for line in tour:
        words = [terminal.resolve(word) for word in shlex.split(line)[1:]]
        done = terminal.run(words)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip() or done.stderr.strip(), line


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
