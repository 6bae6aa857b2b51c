"""`weicheng ca profile`: kinds of certificates, their versions, and who changes them."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_, current_language

_COLUMNS = (N_("version_key"), N_("state"), N_("version"), N_("proposed_at"), N_("proposer"), N_("reason"))


@commands.group("profile", help=N_("Kinds of certificates: what they hold, and how that changes."))
def profile() -> None:
    """Looking at and changing certificate profiles."""


@profile.command("list", help=N_("The profiles in force and what they ask for."))
@pass_app
def list_(app: Any) -> None:
    from kernel.store.listing import every

    language = "en" if current_language() == "en" else "zh"
    rows = [
        {
            "id": found.id,
            "title": found.title[language],
            "subject": list(found.subject),
            "keys": sorted(found.keys),
            "days": found.validity.days,
            "approvals": found.approvals,
            "version": found.version,
        }
        for found in every(lambda ask: app.ca.overview.profiles(app.principal, ask))
    ]
    app.out.rows(
        rows, (N_("id"), N_("title"), N_("subject"), N_("keys"), N_("days"), N_("approvals"), N_("version"))
    )


@profile.command("show", help=N_("A profile as YAML: the version in force, or ID@NUMBER."))
@click.argument("key")
@click.option("--file", type=NEW_FILE, help=N_("Write it there, to be changed and proposed."))
@pass_app
def show(app: Any, key: str, file: Path | None) -> None:
    from ca.profiles.reading import text_of

    found = app.ca.profile_changes.show(app.principal, key)
    if file is None:
        app.out.record(_row(found) | {"document": text_of(found.document)}, of="ca.profile-versions")
        return
    file.write_text(text_of(found.document), encoding="utf-8")
    app.out.record(_row(found) | {"file": str(file)}, of="ca.profile-versions")


@profile.command("history", help=N_("The versions of profiles, newest first."))
@click.option("--profile", "profile_id", help=N_("Only of this profile."))
@click.option(
    "--state",
    type=click.Choice(["proposed", "active", "retired", "rejected"]),
    help=N_("Only those in this state."),
)
@list_options
@pass_app
def history(app: Any, ask: Any, profile_id: str | None, state: str | None) -> None:
    asked = ask.narrowed(profile=profile_id, state=state)
    app.out.page(
        app.ca.profile_changes.page(app.principal, asked).map(_row), _COLUMNS, of="ca.profile-versions"
    )


@profile.command("diff", help=N_("What a version has otherwise than the one in force, or than another."))
@click.argument("key")
@click.option("--against", default="", help=N_("The other version: ID@NUMBER."))
@pass_app
def diff(app: Any, key: str, against: str) -> None:
    from ca.profiles.comparison import called, shown

    found = app.ca.profile_changes.differences(app.principal, key, against)
    rows = [
        {
            "field": change.path,
            "called": called(change.path),
            "before": None if change.before is None else shown(change.before),
            "after": None if change.after is None else shown(change.after),
        }
        for change in found
    ]
    app.out.rows(rows, (N_("field"), N_("called"), N_("before"), N_("after")))


@profile.command(
    "propose", help=N_("Propose a new profile or the next version of one; a second person decides.")
)
@click.argument("file", type=OLD_FILE)
@reason_option
@pass_app
def propose(app: Any, file: Path, reason: str) -> None:
    app.out.record(
        _row(app.ca.profile_changes.propose(app.principal, file.read_bytes(), reason)),
        of="ca.profile-versions",
    )


@profile.command("approve", help=N_("Put a proposed version in force, as the second person."))
@click.argument("key")
@click.option("--reason", default="", help=N_("Remark for the audit trail."))
@pass_app
def approve(app: Any, key: str, reason: str) -> None:
    app.out.record(_row(app.ca.profile_changes.approve(app.principal, key, reason)), of="ca.profile-versions")


@profile.command("reject", help=N_("Turn a proposed version down."))
@click.argument("key")
@reason_option
@pass_app
def reject(app: Any, key: str, reason: str) -> None:
    app.out.record(_row(app.ca.profile_changes.reject(app.principal, key, reason)), of="ca.profile-versions")


def _row(found: Any) -> dict[str, Any]:
    return {
        "version_key": found.key,
        "state": str(found.state),
        "version": found.version,
        "proposed_at": found.proposed_at,
        "proposer": found.proposer or found.proposed_by,
        "reason": found.reason,
    }
