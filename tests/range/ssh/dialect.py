"""What a platform's command line looks like, as data: ``tests/range/dialects/<platform>.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "dialects"


@dataclass(frozen=True)
class Command:
    """One command: its full words (``*`` one argument, ``**`` the rest), the views it works in, and what it does.

    ``do`` is one of the Shell's actions; ``text``, ``view`` and ``pages`` are what that action needs.
    """

    words: tuple[str, ...]
    views: frozenset[str]
    do: str
    text: str = ""
    view: str = ""
    pages: int = 0

    def matches(self, typed: list[str]) -> bool:
        """Whether ``typed`` is this command, with each word perhaps abbreviated."""
        if "**" in self.words:
            fixed = self.words[: self.words.index("**")]
            return len(typed) > len(fixed) and _fits(fixed, typed)
        return len(typed) == len(self.words) and _fits(self.words, typed)

    def begins_with(self, typed: list[str]) -> bool:
        """Whether more words could make ``typed`` this command."""
        return len(typed) < len(self.words) and _fits(self.words, typed)

    def exactness(self, typed: list[str]) -> int:
        return sum(word == given for word, given in zip(self.words, typed, strict=False))


@dataclass(frozen=True)
class Dialect:
    """A platform: prompts by view, pager, error texts, commands; ``exec`` whether ``ssh host command`` works.

    ``two_stage``: what is configured takes effect with ``commit``.
    """

    platform: str
    prompts: Mapping[str, str]
    start: str
    pager: str
    pager_clear: str
    errors: Mapping[str, str]
    commands: tuple[Command, ...]
    lldp: Mapping[str, str]
    sections: Mapping[str, str] = field(default_factory=dict)
    config_view: str = ""
    negation: str = "no"
    page_lines: int = 24
    exec: bool = False
    login_text: str = ""
    banner: str = ""
    password_question: str = ""
    two_stage: bool = False

    def prompt(self, view: str, name: str, section: str = "", mark: str = "") -> str:
        return self.prompts[view].format(name=name, section=section, mark=mark)


@cache
def load_dialect(platform: str) -> Dialect:
    """The dialect of a platform file; ``base`` in it names another whose values and commands it adds to."""
    raw = _read(platform)
    commands = tuple(_command(entry, raw) for entry in raw.pop("commands"))
    return Dialect(platform=platform, commands=commands, **raw)


def _read(platform: str) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load((FOLDER / f"{platform}.yaml").read_text("utf-8"))
    if "base" not in raw:
        return raw
    base = _read(raw.pop("base"))
    return base | raw | {"commands": base["commands"] + raw.get("commands", [])}


def _command(entry: dict[str, Any], raw: Mapping[str, Any]) -> Command:
    views = entry.pop("views", None) or list(raw["prompts"])
    return Command(words=tuple(entry.pop("words").split()), views=frozenset(views), **entry)


def _fits(words: tuple[str, ...], typed: list[str]) -> bool:
    pairs = zip(words, typed, strict=False)
    return all(word == "*" or word.lower().startswith(given.lower()) for word, given in pairs)
