"""`weicheng ca ceremony`: one officer proposes, another performs, witnesses confirm; minutes."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, authority_row, commands
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_, current_language, translate

_COLUMNS = (N_("id"), N_("kind"), N_("title"), N_("state"), N_("proposer"), N_("proposed_at"))
_YEARS = click.IntRange(1, 30)


@commands.group("ceremony", help=N_("Found or change the hierarchy: one officer proposes, another performs."))
def ceremony() -> None:
    """Proposing and performing."""


@ceremony.command("list", help=N_("Ceremonies, newest first."))
@click.option(
    "--state",
    type=click.Choice(["proposed", "running", "performed", "rejected"]),
    help=N_("Only those in this state."),
)
@list_options
@pass_app
def list_ceremonies(app: Any, state: str | None, ask: Any) -> None:
    app.out.page(
        app.ca.ceremonies.page(app.principal, ask.narrowed(state=state)).map(_row),
        _COLUMNS,
        of="ca.ceremonies",
    )


@ceremony.command("show", help=N_("A ceremony step by step: what is done, and what comes next."))
@click.argument("ceremony_id")
@pass_app
def show(app: Any, ceremony_id: str) -> None:
    from ca.resources.plans import plan_lines

    found = app.ca.ceremonies.show(app.principal, ceremony_id)
    app.out.note(N_("%(title)s: %(state)s; plan %(digest)s"), **_told(found))
    for line in plan_lines(found)[1:]:
        app.out.note("%(line)s", line=line)
    columns = (N_("number"), N_("step"), N_("about"), N_("done_at"), N_("done_by"), N_("person"))
    app.out.rows([_step_row(step) for step in found.steps], columns)


@ceremony.command("propose", help=N_("Propose a root and issuing CAs; prints the ceremony's id."))
@click.option("--organisation", required=True, help=N_("Name of the organisation (O)."))
@click.option(
    "--hierarchy", default="government", show_default=True, help=N_("A hierarchy of the policies, by its id.")
)
@click.option("--plan", type=OLD_FILE, help=N_("A hierarchy of your own instead, a YAML file."))
@click.option(
    "--witness", "witnesses", multiple=True, required=True, help=N_("Name of a witness; may be repeated.")
)
@pass_app
def propose(
    app: Any, organisation: str, hierarchy: str, plan: Path | None, witnesses: tuple[str, ...]
) -> None:
    ceremonies, document = app.ca.ceremonies, plan.read_bytes() if plan else None
    planned = ceremonies.plan(app.principal, organisation, witnesses, hierarchy, document)
    app.out.record({"ceremony": ceremonies.propose(app.principal, planned)})


@ceremony.command("extend", help=N_("Propose one more issuing CA below the root."))
@click.argument("authority")
@click.option("--name", required=True, help=N_("Common name of the issuing CA."))
@click.option("--organisation", required=True, help=N_("Name of the organisation (O)."))
@click.option("--algorithm", default="p256", show_default=True, help=N_("Algorithm of its key."))
@click.option("--years", default=10, type=_YEARS, help=N_("Years of validity."))
@click.option("--profile", "profiles", multiple=True, help=N_("A profile that it issues; may be repeated."))
@click.option("--witness", "witnesses", multiple=True, help=N_("Name of a witness; may be repeated."))
@pass_app
def extend(
    app: Any,
    authority: str,
    name: str,
    organisation: str,
    algorithm: str,
    years: int,
    profiles: tuple[str, ...],
    witnesses: tuple[str, ...],
) -> None:
    from ca.hierarchy.plan import PlannedAuthority

    planned = PlannedAuthority(authority, name, algorithm, years, profiles)
    made = app.ca.hierarchy.proposals.extend(app.principal, planned, organisation, witnesses)
    app.out.record({"ceremony": made})


@ceremony.command("renew", help=N_("Propose a new certificate for a CA's present key."))
@click.argument("authority")
@click.option("--years", default=10, type=_YEARS, help=N_("Years of validity."))
@pass_app
def renew(app: Any, authority: str, years: int) -> None:
    app.out.record({"ceremony": app.ca.hierarchy.proposals.renew(app.principal, authority, years)})


@ceremony.command("roll-over", help=N_("Propose a new key for a CA, its next generation."))
@click.argument("authority")
@click.option("--years", default=10, type=_YEARS, help=N_("Years of validity."))
@click.option(
    "--algorithm", default="", help=N_("Algorithm of the new key; that of the present one if left out.")
)
@click.option("--offline", is_flag=True, help=N_("A root's new key is made on an offline machine."))
@pass_app
def roll_over(app: Any, authority: str, years: int, algorithm: str, offline: bool) -> None:
    proposals = app.ca.hierarchy.proposals
    made = proposals.roll_over(app.principal, authority, years, algorithm, offline=offline)
    app.out.record({"ceremony": made})


@ceremony.command("assign", help=N_("Propose which profiles a CA issues from now on."))
@click.argument("authority")
@click.argument("profiles", nargs=-1)
@pass_app
def assign(app: Any, authority: str, profiles: tuple[str, ...]) -> None:
    app.out.record({"ceremony": app.ca.hierarchy.proposals.assign(app.principal, authority, profiles)})


@ceremony.command("retire", help=N_("Propose that a CA issues no more."))
@click.argument("authority")
@pass_app
def retire(app: Any, authority: str) -> None:
    app.out.record({"ceremony": app.ca.hierarchy.proposals.retire(app.principal, authority)})


@ceremony.command(
    "perform", help=N_("Perform a proposed ceremony as the second officer, or go on after a break.")
)
@click.argument("ceremony_id")
@pass_app
def perform(app: Any, ceremony_id: str) -> None:
    made = app.ca.ceremonies.perform(app.principal, ceremony_id)
    _tell_next(app, app.ca.ceremonies.show(app.principal, ceremony_id))
    columns = (N_("id"), N_("name"), N_("kind"), N_("algorithm"), N_("sha256"))
    app.out.rows([authority_row(found) for found in made], columns, of="ca.authorities")


@ceremony.command("confirm", help=N_("Confirm the next item in the name of an officer or witness."))
@click.argument("ceremony_id")
@click.argument("number", type=int)
@click.option("--person", required=True, help=N_("Who confirms it."))
@click.option("--digest", default="", help=N_("The SHA-256 as it was read aloud, 16 digits at least."))
@click.option("--remark", default="", help=N_("A remark for the minutes."))
@pass_app
def confirm(app: Any, ceremony_id: str, number: int, person: str, digest: str, remark: str) -> None:
    found = app.ca.ceremonies.confirm(
        app.principal, ceremony_id, number, person, remark=remark, digest=digest
    )
    _tell_next(app, found)
    app.out.record(_row(found), of="ca.ceremonies")


@ceremony.command("reject", help=N_("Turn a ceremony down, or break it off for good."))
@click.argument("ceremony_id")
@reason_option
@pass_app
def reject(app: Any, ceremony_id: str, reason: str) -> None:
    app.out.record(_row(app.ca.ceremonies.reject(app.principal, ceremony_id, reason)), of="ca.ceremonies")


@ceremony.command("seal", help=N_("Sign and time-stamp the minutes that wait for it."))
@pass_app
def seal(app: Any) -> None:
    app.out.record({"sealed": app.ca.hierarchy.minutes.seal(app.principal)})


@ceremony.command(
    "minutes", help=N_("Write a ceremony's minutes: text, page, or all with signature and time-stamp.")
)
@click.argument("ceremony_id")
@click.argument("file", type=NEW_FILE)
@click.option("--form", type=click.Choice(["text", "html", "package"]), default="text", show_default=True)
@pass_app
def minutes(app: Any, ceremony_id: str, file: Path, form: str) -> None:
    data = getattr(app.ca.hierarchy.minutes, form)(app.principal, ceremony_id)
    file.write_bytes(data)
    app.out.record({"file": str(file), "bytes": len(data)})


def _row(found: Any) -> dict[str, Any]:
    shown = {"id": found.id, "kind": str(found.kind), "title": found.title, "state": str(found.state)}
    return shown | {"proposer": found.proposer or found.proposed_by, "proposed_at": found.proposed_at}


def _step_row(step: Any) -> dict[str, Any]:
    language = "en" if current_language() == "en" else "zh"
    row = {"number": step.number, "act": str(step.act), "step": step.title[language], "about": step.about}
    row |= {"done_at": step.done_at, "done_by": step.done_by, "person": step.person}
    return row | {"lines": list((step.result or {}).get("lines", ()))}


def _told(found: Any) -> dict[str, Any]:
    from ca.resources.labels import CEREMONY_STATES

    state = translate(CEREMONY_STATES[str(found.state)].text)
    return {"title": found.title, "state": state, "digest": found.digest}


def _tell_next(app: Any, found: Any) -> None:
    step = found.next
    if step is not None:
        row = _step_row(step)
        app.out.note(N_("Next: %(number)s. %(step)s %(about)s"), **row)
        _tell_waiting(app, found.id)


def _tell_waiting(app: Any, ceremony_id: str) -> None:
    """What has to be carried to an offline machine before the ceremony goes on."""
    from kernel.store.listing import Ask

    waiting = app.ca.hierarchy.offline.page(app.principal, Ask(filters={"state": ("waiting",)})).items
    for one in waiting:
        if one.ceremony == ceremony_id:
            app.out.note(
                N_("It waits for the offline machine: weicheng ca offline export %(id)s FILE"), id=one.id
            )
