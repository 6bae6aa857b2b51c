"""The form of a platform file (``netops/vendors/<platform>.yaml``) and its reader.

A newcomer adds a platform by writing one file and one recorded configuration under ``tests/data/netops``.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from kernel.errors import Invalid
from kernel.i18n import N_

FOLDER = Path(__file__).parent


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


Regex = Annotated[str, AfterValidator(_compiles)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Data):
    """A name in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def text(self, language: str) -> str:
        return self.en if language == "en" else self.zh


class Completeness(_Data):
    """How a whole configuration is told from a cut one (a session that breaks off, a pager that stops)."""

    end: Regex = Field(description="the last line that is not blank")
    minimum_lines: int = Field(default=8, ge=1)
    required: tuple[Regex, ...] = Field(default=(), description="each must match some line")


class SecretPattern(_Data):
    """A line that holds a secret: the regex has a group ``secret``; ``well_known`` values stay readable."""

    line: Regex
    well_known: tuple[str, ...] = ()
    block_end: Regex | None = Field(default=None, description="mask every following line up to this one")


class Question(_Data):
    """Something a device may ask after login, and the answer that changes nothing on it."""

    asks: Regex
    answer: str


class Enable(_Data):
    """How to rise from the view after login (prompt matches ``when``) to the one that shows configurations."""

    when: Regex
    command: str
    asks: Regex


class FactPattern(_Data):
    """A line that states something: ``kind`` of fact, its named groups are the values."""

    kind: Literal[
        "hostname", "interface", "address", "shutdown", "user", "snmp", "log_host", "ntp_server", "vty", "acl"
    ]
    line: Regex
    under: Regex | None = None


class Vendor(_Data):
    """One platform: how to log in to it, read its configuration and tell what matters in the text."""

    platform: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    title: Title
    driver: str = Field(description="netmiko device type; 'generic' for a platform netmiko does not know")
    prompt: Regex = Field(description="a whole prompt line, as the device shows it after login")
    login_questions: tuple[Question, ...] = ()
    enable: Enable | None = None
    paging_off: tuple[str, ...] = ()
    pager: Regex = Field(description="what a pager leaves in the text when it was not switched off")
    refused: tuple[Regex, ...] = Field(description="how the device says that it will not run a command")
    config_command: str
    syntax: Literal["indent", "block", "flat"]
    comment: Regex = Field(description="lines that carry no setting")
    opaque: tuple[tuple[Regex, Regex], ...] = Field(
        default=(),
        description="(first line, last line) of embedded text; {delimiter} is what the first captured",
    )
    complete: Completeness
    volatile: tuple[Regex, ...] = Field(
        default=(), description="lines that change without a change of settings"
    )
    secrets: tuple[SecretPattern, ...]
    acl_style: Literal["cisco_wildcard", "cisco_netmask", "rule", "topsec", "none"] = "none"
    facts: tuple[FactPattern, ...] = ()
    scope: Regex | None = Field(
        default=None, description="lines that must be a fact, else they count as not understood"
    )

    @cached_property
    def prompt_regex(self) -> re.Pattern[str]:
        return re.compile(self.prompt)

    @cached_property
    def volatile_regex(self) -> re.Pattern[str] | None:
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.volatile)) if self.volatile else None


def load_vendors(folder: Path = FOLDER) -> Mapping[str, Vendor]:
    """All platforms by name; Invalid names the file and field that is wrong."""
    vendors = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    return {vendor.platform: vendor for vendor in vendors}


def _read(path: Path) -> Vendor:
    try:
        vendor = Vendor.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise Invalid(
            N_("The platform file is wrong: %(detail)s"),
            mend=N_("Correct the file; an existing one shows the form."),
            place=path.name,
            detail=str(error),
        ) from error
    if vendor.platform != path.stem:
        raise Invalid(
            N_("The file is not named like its platform %(name)s."), place=path.name, name=vendor.platform
        )
    return vendor
