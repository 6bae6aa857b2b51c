"""Baseline rules as data: the form of ``policies/data/baselines/*.yaml`` and its reader.

One file is one rule: what is wrong, which control items of GB/T 22239-2019 it speaks to, how it is seen on each platform,
the commands that mend it, and a good and a bad example that the tests run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from netops.compliance.model import Severity
from netops.vendors.model import Regex, Title, _Data

ControlId = Annotated[str, Field(pattern=r"^L3-8\.1\.\d{1,2}\.\d{1,2}-[a-h]$")]


class Over(_Data):
    """A number in the line: it is wrong when above ``limit``, or 0 where 0 means "never"."""

    group: str
    limit: float
    zero_is_never: bool = True
    unit: float = Field(default=1.0, description="the number is multiplied by this before it is compared")


class Detector(_Data):
    """Exactly one of ``match`` (a line that must not be), ``lacking`` (one that must be) and ``check`` (by name)."""

    match: Regex | None = None
    lacking: Regex | None = None
    check: str | None = None
    under: Regex | None = Field(
        default=None, description="only below (match) or in each block with (lacking) this header"
    )
    when: Regex | None = Field(default=None, description="only when some line of the configuration matches")
    unless: Regex | None = Field(default=None, description="not when some line of the configuration matches")
    block_when: Regex | None = Field(
        default=None, description="lacking: only in blocks that have such a line"
    )
    over: Over | None = None
    options: Mapping[str, Any] = Field(default_factory=dict, description="handed to the check")
    mend: tuple[str, ...] = Field(min_length=1, description="commands; {line}, {header} and groups filled in")

    @model_validator(mode="after")
    def _one_kind(self) -> "Detector":
        if sum(kind is not None for kind in (self.match, self.lacking, self.check)) != 1:
            raise ValueError("give one of match, lacking and check")
        return self


class Example(_Data):
    """A configuration fragment of one platform that the rule must find something in (bad) or nothing (good)."""

    platform: str
    good: str
    bad: str


class Rule(_Data):
    """One requirement on every device's configuration."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: Title
    severity: Severity
    controls: tuple[ControlId, ...] = Field(min_length=1)
    rationale: Title
    platforms: Mapping[str, tuple[Detector, ...]] = Field(min_length=1)
    overrides: tuple[str, ...] = Field(
        default=(), description="rules that stay silent on a line this one names"
    )
    examples: tuple[Example, ...] = Field(min_length=1)
    standard: Literal["GB/T 22239-2019"] = "GB/T 22239-2019"


@dataclass(frozen=True)
class RuleBook:
    """The rules in force; ``version`` is a digest of their files, kept in every evidence record."""

    rules: tuple[Rule, ...]
    version: str

    def get(self, rule_id: str) -> Rule:
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise NotFound(N_("There is no baseline rule %(rule)s."), rule=rule_id)

    def for_platform(self, platform: str) -> list[Rule]:
        return [rule for rule in self.rules if platform in rule.platforms]


def load_rules(folder: Path) -> RuleBook:
    """Read every rule file. Invalid names the first wrong file and field; no rule is silently left out."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise Invalid(N_("There are no baseline rules in the folder."), place=str(folder))
    rules = [read_rule(path.read_text("utf-8"), path.name) for path in paths]
    _refuse_dangling(rules)
    digest = sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    return RuleBook(tuple(sorted(rules, key=lambda rule: rule.id)), digest[:16])


def read_rule(text: str, place: str) -> Rule:
    """One rule from its YAML text; Invalid with the file name when it is wrong."""
    try:
        rule = Rule.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise Invalid(
            N_("The baseline rule is wrong: %(detail)s"),
            mend=N_("Correct the file; the other rules show the form."),
            place=place,
            detail=str(error),
        ) from error
    if f"{rule.id}.yaml" != place:
        raise Invalid(N_("The file is not named like its rule %(name)s."), place=place, name=rule.id)
    return rule


def _refuse_dangling(rules: Sequence[Rule]) -> None:
    known = {rule.id for rule in rules}
    for rule in rules:
        missing = set(rule.overrides) - known
        if missing:
            raise Invalid(
                N_("The rule names another that does not exist: %(name)s."),
                place=f"{rule.id}.yaml",
                name=", ".join(sorted(missing)),
            )
