"""What every command line of the suite shares: output formats, progress, bilingual help.

Data goes to standard output, everything else to standard error, so that ``--output json`` can be piped.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kernel.edges.cells import cell_text, guarded, plain_value
from kernel.edges.plain import as_json_text, plain
from kernel.i18n import N_, translate

if TYPE_CHECKING:
    from kernel.store.listing import Page

FORMATS = ("table", "json", "yaml", "csv")
# what people call the codes of a declared object's columns: column -> code -> message id
Words = Mapping[str, Mapping[str, str]]
F = TypeVar("F", bound=Callable[..., Any])


class Output:
    """Writes results in the format the user asked for.

    Tables say states and the like in the reader's words, where the command names the Resource (``of``) that declares them;
    the other formats, which programs read, hold the codes. ``words`` finds them by the Resource's name.
    """

    def __init__(self, form: str = "table", words: Callable[[str], Words] | None = None) -> None:
        self.form = form
        self._words = words

    def rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, of: str = "") -> None:
        """A list: columns are keys of the rows and, translated, the heads of the table."""
        listed = [dict(row) for row in rows]
        if self.form == "json":
            self._json(listed)
        elif self.form == "yaml":
            self._yaml(listed)
        elif self.form == "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([[guarded(cell_text(row.get(column))) for column in columns] for row in listed])
        else:
            self._table([self._spoken(row, of) for row in listed], columns)

    def page(self, page: "Page[Any]", columns: Sequence[str], *, of: str = "") -> None:
        """A page of rows; where the next one begins is told beside the data."""
        self.rows(page.items, columns, of=of)
        if page.next_cursor:
            self.note(N_("There is more: go on with --after %(cursor)s"), cursor=page.next_cursor)

    def record(self, record: Mapping[str, Any], *, of: str = "") -> None:
        """One object."""
        if self.form == "table":
            told = self._spoken(record, of)
            pairs = [{N_("field"): translate(key), N_("value"): value} for key, value in told.items()]
            self._table(pairs, ("field", "value"))
        elif self.form == "csv":
            self.rows([record], list(record))
        elif self.form == "yaml":
            self._yaml(dict(record))
        else:
            self._json(dict(record))

    def text(self, text: str) -> None:
        """A finished text, such as a configuration or a diff: made harmless on a terminal, octet for octet into a file."""
        self._line(plain(text) if sys.stdout.isatty() else text)

    def note(self, message: str, /, **params: Any) -> None:
        """Tell the user something that is not data."""
        click.echo(plain(translate(message, **params)), err=True)

    def progress(self, total: int, label: str) -> "Progress":
        """A bar on a terminal, JSON lines otherwise; both on standard error."""
        return Progress(total, label)

    def _spoken(self, row: Mapping[str, Any], of: str) -> Mapping[str, Any]:
        """The row with words in place of codes."""
        words = self._words(of) if self._words and of else {}
        return {name: _word(value, words.get(name, {})) for name, value in row.items()}

    def _json(self, value: Any) -> None:
        self._line(as_json_text(json.dumps(value, ensure_ascii=False, indent=2, default=plain_value)))

    def _yaml(self, value: Any) -> None:
        import yaml

        simple = json.loads(json.dumps(value, default=plain_value))
        self._line(plain(yaml.safe_dump(simple, allow_unicode=True, sort_keys=False).rstrip()))

    def _table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(translate(column), overflow="fold")
        for row in rows:
            table.add_row(*[plain(_for_people(row.get(column))) for column in columns])
        # data stay what they are: rich would take ":package:" of an audit action for a picture
        console = Console(
            markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else 200
        )
        console.print(table)

    @staticmethod
    def _line(text: str) -> None:
        click.echo(text)


def _for_people(value: Any) -> str:
    return translate(N_("yes") if value else N_("no")) if isinstance(value, bool) else cell_text(value)


def _word(value: Any, words: Mapping[str, str]) -> Any:
    if not words:
        return value
    if isinstance(value, (list, tuple)):
        return [_word(one, words) for one in value]
    found = words.get(cell_text(value))
    return value if found is None else translate(found)


class Progress:
    """Progress of long work: ``step`` after each part."""

    def __init__(self, total: int, label: str) -> None:
        self._total = total
        self._label = label
        self._done = 0

    def step(self, message: str = "") -> None:
        message = plain(message)
        self._done += 1
        if sys.stderr.isatty():
            filled = 24 * self._done // max(self._total, 1)
            bar = "█" * filled + "░" * (24 - filled)
            end = "\n" if self._done >= self._total else ""
            click.echo(
                f"\r{self._label} {bar} {self._done}/{self._total} {message[:60]:<60}{end}",
                nl=False,
                err=True,
            )
        else:
            line = {"progress": self._label, "done": self._done, "total": self._total, "message": message}
            click.echo(json.dumps(line, ensure_ascii=False), err=True)


class Command(click.Command):
    """A command whose help speaks the user's language."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix=translate(N_("Usage: ")))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with _translated(self):
            super().format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        records = [_spoken(option).get_help_record(ctx) for option in options]
        with formatter.section(translate(N_("Options"))):
            formatter.write_dl([record for record in records if record])
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def get_short_help_str(self, limit: int = 60) -> str:
        summary = " ".join((self.help or "").split())
        return translate(summary)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = N_("Show this page.")
        return option


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section(translate(N_("Commands"))):
            formatter.write_dl([(name, command.get_short_help_str()) for name, command in found if command])


def group(name: str, help_text: str) -> click.Group:
    """A room's command group; ``help_text`` is a message id marked with N_."""
    return Group(name=name, help=help_text)


def pass_app(function: F) -> F:
    """Hand the application (``ctx.obj``) to the command as its first argument."""
    return click.pass_obj(function)  # type: ignore[return-value]


dry_run_option = click.option("--dry-run", is_flag=True, help=N_("Only say what would be done."))
reason_option = click.option("--reason", required=True, help=N_("Why; goes into the audit trail."))


def list_options(function: F) -> F:
    """The options of every list; the command gets them as ``ask`` (kernel.store.listing.Ask), to which it adds filters."""

    @wraps(function)
    def command(*args: Any, find: str, sort: str, limit: int, after: str, **more: Any) -> Any:
        from kernel.store.listing import Ask

        return function(*args, ask=Ask(text=find, sort=sort, cursor=after, limit=limit), **more)

    for option in _LIST_OPTIONS:
        command = option(command)
    return command  # type: ignore[return-value]


_LIST_OPTIONS = (
    click.option("--after", default="", metavar="CURSOR", help=N_("Go on where the page before ended.")),
    click.option("--limit", default=50, type=click.IntRange(1, 500), help=N_("How many.")),
    click.option("--sort", default="", help=N_("By what to order; with - before it, the other way round.")),
    click.option("--find", default="", help=N_("Only those that contain this text.")),
)


def _spoken(option: click.Option) -> click.Option:
    """The option with its help in the user's language."""
    spoken = copy(option)
    spoken.help = translate(option.help) if option.help else None
    return spoken


@contextmanager
def _translated(command: click.Command) -> Iterator[None]:
    original = command.help
    summary = " ".join((original or "").split())
    command.help = translate(summary)
    try:
        yield
    finally:
        command.help = original
