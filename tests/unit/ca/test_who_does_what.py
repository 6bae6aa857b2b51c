"""The table of who does what, and how many it takes, is what the code declares."""

import re
from pathlib import Path

import pytest

from ca.resources import RESOURCES
from kernel.edges.resources import Verb
from kernel.identity.model import Role
from kernel.identity.permissions import APPROVING, Permission, roles_with

_TABLE = Path(__file__).parents[3] / "docs" / "operate" / "officers.md"
_HEAD = "| 事项 what | 操作 verbs"
VERBS = {f"{one.name.removeprefix('ca.')}.{verb.name}": verb for one in RESOURCES for verb in one.verbs}


def _rows() -> list[tuple[list[str], str, str]]:
    text = _TABLE.read_text()
    table = text[text.index(_HEAD) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [(re.findall(r"`([a-z-]+[.][a-z-]+)`", verbs), who, people) for _, verbs, who, people in cells]


ROWS = [row for row in _rows() if row[0]]


def _who(verb: Verb) -> set[str]:
    if verb.permission is None:
        return {"holder"}
    held = roles_with(verb.permission)
    return {"everybody"} if held == set(Role) else {role.value.replace("_", " ") for role in held}


def _takes_two(verb: Verb) -> bool:
    """A proposal, or what another person does: deciding, telling the password of a file that a colleague took."""
    return (
        verb.second is not None
        or verb.permission in APPROVING
        or verb.permission is Permission.CA_PASSWORD_TELL
    )


def test_every_verb_stands_in_the_table_once() -> None:
    named = [name for verbs, _, _ in ROWS for name in verbs]
    assert sorted(named) == sorted(VERBS)


@pytest.mark.parametrize(("verbs", "who", "people"), ROWS, ids=lambda value: str(value)[:40])
def test_the_row_says_who_and_how_many(verbs: list[str], who: str, people: str) -> None:
    declared = [VERBS[name] for name in verbs]
    assert {one.strip() for one in who.split(",")} == set().union(*map(_who, declared))
    if people.startswith("1"):
        assert not [verb.name for verb in declared if verb.second is not None]
    else:
        assert any(_takes_two(verb) for verb in declared)
        assert people.startswith(("2", "m of n"))
