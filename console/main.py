"""The command line: ``weicheng <room> <verb>``.

Groups load only when they are used, so that ``--help`` stays fast. Data goes to standard output, all else to standard
error; the exit status follows the error's code (console.problems).
"""

import json
import os
import sys
from importlib import import_module
from itertools import pairwise
from typing import Any

import click

from console.problems import EXIT_CANCELLED, EXIT_STATUS, EXIT_USAGE, no_database
from kernel.edges.cli import FORMATS, Group, Output, Words
from kernel.edges.plain import as_json_text, plain
from kernel.edges.usage import usage_text
from kernel.errors import ErrorCode, Unavailable, WeichengError
from kernel.i18n import N_, set_language, translate

# name -> (module, attribute, one line of help); the order is that of the help page
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("console.demo.command", "demo", N_("Do the whole main job on the practice network.")),
    "range": ("console.commands.range", "commands", N_("Start and stop the practice network.")),
    "setup": (
        "console.commands.setup",
        "setup",
        N_("First run: the three administrators and the CA's keys."),
    ),
    "serve": (
        "console.commands.serve",
        "commands",
        N_("Start web, worker, collector, status service and signer."),
    ),
    "login": ("console.commands.session", "login", N_("Sign in to the command line.")),
    "logout": ("console.commands.session", "logout", N_("Sign out.")),
    "code": ("console.commands.session", "code", N_("Password and one-time code of a demo account.")),
    "whoami": ("console.commands.session", "whoami", N_("Show who is signed in and what they may do.")),
    "ca": ("ca.cli", "commands", N_("Certificates: request, approve, revoke, status.")),
    "netops": ("netops.cli", "commands", N_("Device configurations: collect, compare, check.")),
    "monitor": ("monitor.cli", "commands", N_("Devices: poll, topology, traps, active checks.")),
    "siem": ("siem.cli", "commands", N_("Logs: search, alerts, cases, rules.")),
    "backup": ("backup.cli", "commands", N_("Backups: plans, runs, verification, drills.")),
    "policies": (
        "policies.cli",
        "commands",
        N_("Graded protection: controls, assessment, evidence packages."),
    ),
    "assets": ("kernel.assets.cli", "commands", N_("The register of devices, systems, zones and links.")),
    "evidence": ("kernel.evidence.cli", "commands", N_("Sealed evidence: list, show, verify.")),
    "audit": ("console.commands.audit", "commands", N_("The audit trail: find, verify, export.")),
    "account": ("console.commands.account", "commands", N_("Users, roles and units.")),
    "token": ("console.commands.token", "commands", N_("Tokens by which programs use the API.")),
    "credential": ("console.commands.credential", "commands", N_("Device credentials, kept sealed.")),
    "api": ("console.commands.api", "commands", N_("The REST API's description for tools.")),
    "job": ("console.commands.job", "commands", N_("Background jobs: list, show, cancel.")),
    "config": ("console.commands.config", "commands", N_("Check and show the settings.")),
    "db": ("console.commands.db", "commands", N_("Create, migrate and check the database.")),
    "drill": ("console.commands.drill", "commands", N_("Application checks that restore drills run.")),
}


class Root(Group):
    """Loads a command's module when it is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _help = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(translate(N_("Commands"))):
            formatter.write_dl([(name, translate(text)) for name, (_, _, text) in COMMANDS.items()])


class _Lazy:
    """The application, built at the first use: usage errors and help must not need a database."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._app: Any = None

    def __getattr__(self, name: str) -> Any:
        if name == "out":
            return self._output
        if self._app is None:
            from console.compose.app import App

            self._app = App.from_settings(self._output)
        return getattr(self._app, name)


@click.group(cls=Root, help=N_("Weicheng: security, PKI and network operations for a government network."))
@click.option("--output", "-o", type=click.Choice(FORMATS), default="table", help=N_("Form of the data."))
@click.option("--lang", type=click.Choice(["zh_CN", "en"]), help=N_("Language of messages."))
@click.version_option(package_name="weicheng")
@click.pass_context
def root(ctx: click.Context, output: str, lang: str | None) -> None:
    if lang:
        set_language(lang)
    ctx.obj = _Lazy(Output(output, _words))


def _words(name: str) -> Words:
    """What the declaration of that name calls its values; a table alone needs it loaded."""
    from console.resources import words_of

    return words_of(name)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``weicheng``; never returns."""
    arguments = sys.argv[1:] if arguments is None else arguments
    set_language(_language(arguments))
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    as_json = any(pair in (("-o", "json"), ("--output", "json")) for pair in pairwise(arguments))
    try:
        result = root.main(args=arguments, prog_name="weicheng", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        click.echo(translate(N_("Error: ")) + usage_text(error), err=True)
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo(translate(N_("Cancelled.")), err=True)
        return EXIT_CANCELLED
    except WeichengError as error:
        return _report(error, as_json)
    except BrokenPipeError:
        # the reader of our output went away (`| head`): nothing is wrong and nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _report(_of_file(error), as_json) if error.filename else _internal(error, as_json)
    except Exception as error:  # noqa: BLE001 - the last resort: logged whole, shown without detail
        return _internal(error, as_json)


def _language(arguments: list[str]) -> str:
    for flag, value in pairwise(arguments):
        if flag == "--lang":
            return value
    if "WEICHENG_LANGUAGE" in os.environ:
        return os.environ["WEICHENG_LANGUAGE"]
    return "en" if os.environ.get("LANG", "").startswith("en") else "zh_CN"


def _of_file(error: OSError) -> WeichengError:
    """A path of the user's, or a disk of theirs, that can't be used."""
    return Unavailable(
        N_("Cannot be read or written: %(reason)s."),
        mend=N_("Check that the folder exists, its rights and the free space."),
        place=str(error.filename),
        reason=error.strerror,
    )


def _report(error: WeichengError, as_json: bool) -> int:
    _show(error, as_json)
    return EXIT_STATUS[error.code]


def _internal(error: Exception, as_json: bool) -> int:
    gone = no_database(error)
    if gone is not None:
        return _report(gone, as_json)
    _log_internal(error)
    return _report(WeichengError(ErrorCode.INTERNAL, N_("An internal error happened; see the log.")), as_json)


def _show(error: WeichengError, as_json: bool) -> None:
    if as_json:
        problem = {"code": str(error.code), "message": error.text(), "place": error.place}
        click.echo(as_json_text(json.dumps(problem, ensure_ascii=False)), err=True)
    else:
        click.echo(plain(translate(N_("Error: ")) + error.text()), err=True)


def _log_internal(error: Exception) -> None:
    import structlog

    from kernel.log import configure_logging

    configure_logging()
    structlog.get_logger("console").error("command failed", exc_info=error)


if __name__ == "__main__":
    main()
