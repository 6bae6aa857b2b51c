"""What a mistyped command line gets: one line in the user's language that names the place, and where help is."""

import click

from kernel.i18n import N_, translate


def usage_text(error: click.ClickException) -> str:
    """The error and, where the command is known, how to see its help."""
    told = _told(error)
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return told
    return told + "\n" + translate(N_("Help: %(command)s --help"), command=context.command_path)


def _told(error: click.ClickException) -> str:
    match error:
        case click.exceptions.NoSuchCommand():
            return translate(N_("There is no command %(name)s."), name=error.command_name)
        case click.NoSuchOption():
            return translate(N_("There is no option %(name)s."), name=error.option_name)
        case click.MissingParameter():
            return translate(N_("%(name)s is missing."), name=_hint(error))
        case click.BadParameter():
            return translate(
                N_("The value of %(name)s is wrong: %(detail)s"), name=_hint(error), detail=error.message
            )
    return error.format_message()


def _hint(error: click.BadParameter) -> str:
    hint = error.param_hint or (error.param.get_error_hint(error.ctx) if error.param else "")
    return hint if isinstance(hint, str) else " / ".join(hint)
