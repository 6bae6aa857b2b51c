"""The practice network, which lives with the tests."""

import subprocess
import sys
from pathlib import Path

import click

from kernel.edges.cli import group
from kernel.errors import Unavailable
from kernel.i18n import N_

commands = group("range", N_("Start and stop the practice network."))
ROOT = Path(__file__).parent.parent.parent


def run_range(verb: str, *arguments: str) -> int:
    """Run the practice network's own command and return its exit status; Unavailable outside a source checkout."""
    if not (ROOT / "tests" / "range").is_dir():
        raise Unavailable(
            N_("The practice network is not installed here."),
            mend=N_("Run this in a checkout of the source."),
        )
    return subprocess.run(
        [sys.executable, "-m", "tests.range", verb, *arguments], cwd=ROOT, check=False
    ).returncode


def _verb(name: str, help_text: str) -> None:
    @commands.command(name, help=help_text, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> int:
        return run_range(name, *arguments)


_verb("up", N_("Start every device."))
_verb("down", N_("Stop every device."))
_verb("status", N_("Which devices answer."))
_verb("logs", N_("Send an hour of the devices' logs."))
_verb("trap", N_("Have a device send a trap."))
_verb("faults", N_("What is wrong on purpose."))
