"""What an auditor takes home, judged by `weicheng ca log verify` and by the script that needs none of this suite."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from ca.cli.transparency import log
from ca.encoding import merkle
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.identity.model import Role
from kernel.pki.pem import certificate_pem
from tests.conftest import person
from tests.unit.ca.conftest import World
from tests.unit.ca.test_merkle import HASHES, NODE, ROOT

SCRIPT = Path(__file__).parents[3] / "docs" / "assess" / "verify-log.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script's functions."""
    spec = spec_from_file_location("verify_log", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_is_short_and_stands_alone() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names


def test_the_script_knows_the_same_trees_and_proofs(script: ModuleType) -> None:
    for size in range(1, 65):
        assert script.root_of(HASHES[:size]) == ROOT[size]
        for number in range(size):
            path = merkle.inclusion(NODE, number, size)
            assert script.root_by_path(HASHES[number], number, size, path) == ROOT[size]
        for first in range(1, size + 1):
            path = merkle.consistency(NODE, first, size)
            assert script.roots_by_path(first, size, ROOT[first], path) == (ROOT[first], ROOT[size])


class Taken:
    """An auditor's folder: two heads, all entries, a proof that the log grew, a proof of the first entry."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        auditor = person("auditor", Role.AUDITOR)

        class App:
            ca, out, principal = world.ca, Output("json"), auditor

        self._app = App()
        roots, _ = world.ca.seal_certificates()
        self["root.pem"].write_bytes(b"".join(map(certificate_pem, roots)))
        world.ca.log.sequencer.run()
        self.good("head", "--out", "old.json")
        size = json.loads(self.run("head")[1])["size"]
        world.issue()
        world.ca.log.sequencer.run()
        self.good("head", "--out", "head.json")
        self.good("download", "entries.jsonl")
        self.good("consistency", str(size), "--out", "grown.json")
        self.good("proof", "0", "--out", "proof.json")

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def run(self, *words: str) -> tuple[int, str]:
        named = [str(self[word]) if "." in word else word for word in words]
        done = CliRunner().invoke(log, named, obj=self._app)
        return done.exit_code, done.stdout

    def good(self, *words: str) -> None:
        status, said = self.run(*words)
        assert status == 0, said

    def by_command(self, *words: str) -> bool:
        return self.run("verify", "head.json", "--root", "root.pem", *words)[0] == 0

    def by_script(self, *words: str) -> bool:
        command = [sys.executable, "-I", str(SCRIPT), "head.json", "root.pem", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0 and "INTACT" in done.stdout


ALL = (
    "--entries",
    "entries.jsonl",
    "--earlier",
    "old.json",
    "--consistency",
    "grown.json",
    "--proof",
    "proof.json",
)


@pytest.fixture
def taken(world: World, tmp_path: Path, clock: FixedClock) -> Taken:
    return Taken(world, tmp_path)


def _in_head(text: str, old: str, new: str) -> str:
    value = json.loads(text)
    assert old in value["tree_head"]
    return json.dumps({**value, "tree_head": value["tree_head"].replace(old, new)})


def _in_path(text: str) -> str:
    value = json.loads(text)
    return json.dumps({**value, "path": ["00" * 32, *value["path"][1:]]})


TAMPERED: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("head.json", lambda text: _in_head(text, '"size":', '"size":1')),
    ("head.json", lambda text: _in_head(text, '"at":"2026', '"at":"2027')),
    ("old.json", lambda text: _in_head(text, '"log":"log_', '"log":"log_0')),
    ("entries.jsonl", lambda text: text.replace("issued", "revoked", 1)),
    ("entries.jsonl", lambda text: "".join(reversed(text.splitlines(keepends=True)))),
    ("entries.jsonl", lambda text: "".join(text.splitlines(keepends=True)[:-1])),
    ("grown.json", _in_path),
    ("proof.json", _in_path),
    ("proof.json", lambda text: text.replace("issued", "revoked", 1)),
)


def test_what_was_taken_home_is_intact_and_no_changed_octet_is(taken: Taken) -> None:
    assert taken.by_command(*ALL)
    assert taken.by_script(*ALL)
    for name, change in TAMPERED:
        kept = taken[name].read_text(encoding="utf-8")
        taken[name].write_text(change(kept), encoding="utf-8")
        assert not taken.by_command(*ALL), name
        assert not taken.by_script(*ALL), name
        taken[name].write_text(kept, encoding="utf-8")
    assert taken.by_script(*ALL)


def test_a_log_that_was_set_back_is_refused(taken: Taken) -> None:
    """The older head is now presented as the newest one."""
    newest = taken["head.json"].read_bytes()
    taken["head.json"].write_bytes(taken["old.json"].read_bytes())
    taken["old.json"].write_bytes(newest)
    words = ("--earlier", "old.json", "--consistency", "grown.json")
    assert not taken.by_command(*words)
    assert not taken.by_script(*words)


def test_the_rest_of_the_commands_tell_how_the_log_stands(taken: Taken) -> None:
    status, said = taken.run("state")
    assert status == 0
    assert json.loads(said)["fault"] == ""
    assert len(json.loads(taken.run("heads", "--limit", "5")[1])) == 2
    entries = json.loads(taken.run("entries", "--type", "issued", "--limit", "3")[1])
    assert [one["type"] for one in entries] == ["issued"] * 3
    assert json.loads(taken.run("check")[1])["job"].startswith("job_")
    assert taken.run("restart", "propose", "--reason", "试试")[0] != 0
    assert taken.run("proof", "999", "--out", "none.json")[0] != 0
