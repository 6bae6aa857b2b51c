"""What the documents promise is there: commands, tests, links, states, reasons for each library, both languages."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from backup.model import TRANSITIONS as BACKUP_RUN
from ca.model import TRANSITIONS as CERTIFICATE
from console.main import root
from kernel.jobs.model import TRANSITIONS as JOB
from monitor.model import FINDING_TRANSITIONS
from netops.compliance.model import TRANSITIONS as CONFIGURATION_FINDING
from policies.assessment.model import REMEDIATION_TRANSITIONS
from policies.systems.model import TRANSITIONS as SYSTEM
from siem.model import ALERT_TRANSITIONS, CASE_TRANSITIONS

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("kernel", "ca", "netops", "monitor", "siem", "backup", "policies", "console")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows whose first cell starts with an id such as CA-1."""
    lines = [line for line in text.splitlines() if re.match(r"\| [A-Z]+-\d", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


CAPABILITIES = rows(read("docs/capabilities.md"))


def ids(found: list[list[str]]) -> list[str]:
    return [one for row in found for one in row[0].split(", ")]


def commands(cell: str) -> Iterator[list[str]]:
    """The command lines that a cell names; in ``a b\\|c`` the last word is any of several."""
    for named in re.findall(r"`([^`]+)`", cell):
        *group, last = named.replace("\\|", "|").split()
        yield from ([*group, name] for name in last.split("|"))


def find(words: list[str]) -> click.Command | None:
    """The command that such words begin with; None when a group has no command of the next name."""
    command: click.Command | None = root
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            return command
        command = command.get_command(click.Context(command), word)
    return command


def test_every_requirement_has_its_line_once() -> None:
    assert ids(CAPABILITIES) == ids(rows(read("docs/requirements.md")))


@pytest.mark.parametrize("row", CAPABILITIES, ids=lambda row: row[0])
def test_what_a_capability_names_is_there(row: list[str]) -> None:
    assert len(row) == 6
    for words in commands(row[2]):
        assert find(words) is not None, words
    for path in re.findall(r"`([^`]+)`", row[4]):
        assert (ROOT / "tests" / path).is_dir() or (ROOT / "tests" / f"{path}.py").is_file(), path


def test_a_capability_that_is_there_names_a_test() -> None:
    assert [row[0] for row in CAPABILITIES if (row[4] == "–") != (row[5] == "not begun")] == []


DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", *(f"{room}/*.md" for room in ROOMS))
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", read(document)):
        assert (ROOT / document).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_shows_is_there(document: str) -> None:
    for line in re.findall(r"(?m)(?:^|`|exec worker )weicheng ([a-z][a-z -]*)", read(document)):
        assert find(line.split()) is not None, line


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_tells_of_itself_in_both_languages(room: str) -> None:
    text = read(f"{room}/README.md")
    assert len(text.splitlines()) <= 90, "one page"
    assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 100
    assert len(re.findall(r"\b[a-z]{3,}\b", text)) > 100


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """Every file and folder of the rooms and tests, as ``/ca/signer/`` or ``/ca/store.py``."""
    found = [path for folder in (*ROOMS, "tests", "docs") for path in (ROOT / folder).rglob("*")]
    return [f"/{path.relative_to(ROOT).as_posix()}{'/' if path.is_dir() else ''}" for path in found]


@pytest.mark.parametrize("room", ROOMS)
def test_the_files_that_a_room_names_are_there(room: str, paths: list[str]) -> None:
    for named in re.findall(
        r"`([\w/.-]+\.(?:py|yaml|json|sh|html|md)|[\w/.-]+/)`", read(f"{room}/README.md")
    ):
        assert any(path.endswith(f"/{named}") for path in paths), named


def test_each_library_has_its_reason() -> None:
    reasons = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "docs/adr").glob("0*.md")
    ).lower()
    wanted = [line for line in read("requirements.in").splitlines() if line and not line.startswith("#")]
    names = [re.split(r"[\[<]", line)[0].lower() for line in wanted]
    missing = [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", reasons)]
    assert missing == []


def by_state(moves: Mapping[tuple[Any, Any], Any]) -> dict[str, frozenset[str]]:
    """A table of (state, move) -> state as state -> states that may follow."""
    states = {str(state) for state, _ in moves} | {str(after) for after in moves.values()}
    pairs = {(str(state), str(after)) for (state, _), after in moves.items() if state is not after}
    return {state: frozenset(after for before, after in pairs if before == state) for state in states}


TABLES: dict[str, Mapping[Any, frozenset[Any]]] = {
    "certificate": CERTIFICATE,
    "finding of monitoring": FINDING_TRANSITIONS,
    "finding of configurations": by_state(CONFIGURATION_FINDING),
    "alert": ALERT_TRANSITIONS,
    "case": CASE_TRANSITIONS,
    "backup run": BACKUP_RUN,
    "job": JOB,
    "system": SYSTEM,
    "remediation": REMEDIATION_TRANSITIONS,
}


def drawn(title: str) -> dict[str, set[str]]:
    """The states of one line of the design: ``a → b, c; b → d`` as state -> states that may follow."""
    line = next(line for line in read("docs/design.md").splitlines() if line.startswith(f"| {title} "))
    parts = [part.strip().split(" → ") for part in line.split("|")[2].split(";")]
    return {before.strip("` "): set(after.replace("`", "").split(", ")) for before, after in parts}


@pytest.mark.parametrize("title", TABLES)
def test_the_design_draws_the_states_of_the_code(title: str) -> None:
    assert drawn(title) == {
        str(state): set(map(str, after)) for state, after in TABLES[title].items() if after
    }


def test_the_design_draws_the_layers_of_the_ca_that_the_check_holds() -> None:
    section = read("docs/design.md").split("## Inside the CA")[1].split("\n## ")[0]
    drawn = [
        re.findall(r"`(\w+)`", row.split("|")[2]) for row in section.splitlines() if row.startswith("| ")
    ][1:]
    held = read(".importlinter").split("containers =\n    ca")[1].split("layers =\n")[1].split("\n\n")[0]
    assert drawn == [re.findall(r"\w+", line) for line in held.splitlines()]
