"""`weicheng ca`: what relying parties ask, and whom officers trust."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ca.cli.base import EXIT_NOT_VALID, NEW_FILE, OLD_FILE, commands, in_utc
from kernel.edges.cli import list_options, pass_app, reason_option
from kernel.i18n import N_

PURPOSES = ("any", "tls_server", "tls_client", "document", "email", "code", "timestamp", "ca")
VERDICTS = ("valid", "invalid", "unknown")
_COLUMNS = (N_("id"), N_("name"), N_("kind"), N_("verdict"), N_("told"), N_("asked_at"))
at_option = click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]),
    help=N_("Time of validation, in UTC; now unless given."),
)
others_option = click.option(
    "--intermediates", type=OLD_FILE, help=N_("Further certificates: PEM, DER or PKCS#7.")
)
crls_option = click.option("--crls", type=OLD_FILE, help=N_("CRLs of other CAs: PEM or DER."))
keep_option = click.option("--keep", is_flag=True, help=N_("Keep the report as evidence."))


def _asked(
    file: Path, at: datetime | None, intermediates: Path | None, crls: Path | None, **more: Any
) -> Any:
    from ca.validation.service import Asked

    brought: dict[str, Any] = {
        "intermediates": intermediates.read_bytes() if intermediates else b"",
        "crls": crls.read_bytes() if crls else b"",
    }
    return Asked(name=file.name, at=in_utc(at), **brought, **more)


def _row(found: Any) -> dict[str, Any]:
    from ca.resources.reports import readable
    from ca.validation.words import summary

    names = ("id", "kind", "name", "digest", "verdict", "reason")
    row = {name: getattr(found, name) for name in names} | {"told": summary(readable(found.report))}
    times = {name: getattr(found, name) for name in ("purpose", "at", "asked_at", "evidence")}
    return row | times | {N_("asked_by"): found.asker or found.asked_by}


def _tell(app: Any, found: Any) -> int:
    """The report; what is not valid ends with status 7, so that scripts can ask."""
    from ca.resources.reports import readable
    from ca.validation.report import lines

    if app.out.form in ("json", "yaml"):
        app.out.record(_row(found) | {"report": found.report}, of="ca.validations")
    else:
        app.out.record(_row(found), of="ca.validations")
        app.out.rows(
            lines(readable(found.report)), (N_("certificate"), N_("check"), N_("outcome"), N_("detail"))
        )
    return 0 if found.verdict == "valid" else EXIT_NOT_VALID


@commands.command(
    "validate", help=N_("Is a certificate valid? Its path, every check, and the reason if not.")
)
@click.argument("file", type=OLD_FILE)
@at_option
@click.option("--purpose", type=click.Choice(PURPOSES), default="any", help=N_("What it is to be used for."))
@click.option("--host", default="", help=N_("Host name or address it has to be for."))
@click.option("--policy", "policies", multiple=True, help=N_("Acceptable policy (OID); may be repeated."))
@click.option("--require-policy", is_flag=True, help=N_("One of the policies is required."))
@click.option("--inhibit-mapping", is_flag=True, help=N_("Policy mapping is not allowed."))
@click.option("--inhibit-any", is_flag=True, help=N_("any-policy does not count."))
@click.option("--no-revocation", is_flag=True, help=N_("Do not ask whether it is revoked."))
@others_option
@crls_option
@keep_option
@pass_app
def validate(
    app: Any,
    file: Path,
    at: datetime | None,
    purpose: str,
    no_revocation: bool,
    intermediates: Path | None,
    crls: Path | None,
    **more: Any,
) -> int:
    from ca.validation.model import Purpose

    more |= {"purpose": Purpose(purpose), "revocation": not no_revocation}
    asked = _asked(file, at, intermediates, crls, **more)
    return _tell(app, app.ca.validations.certificate(app.principal, file.read_bytes(), asked))


@commands.command("verify-document", help=N_("Are the signatures of a PDF or CMS file to be believed?"))
@click.argument("file", type=OLD_FILE)
@click.option(
    "--signature",
    type=OLD_FILE,
    help=N_("Detached CMS signature (.p7s) of the file, which may be of any size."),
)
@at_option
@others_option
@crls_option
@keep_option
@pass_app
def verify_document(
    app: Any,
    file: Path,
    signature: Path | None,
    at: datetime | None,
    intermediates: Path | None,
    crls: Path | None,
    keep: bool,
) -> int:
    from ca.validation.content import Content

    asked = _asked(file, at, intermediates, crls, keep=keep)
    beside = signature.read_bytes() if signature else b""
    return _tell(
        app, app.ca.validations.document(app.principal, Content.of_file(file), asked, signature=beside)
    )


@commands.command("verify-timestamp", help=N_("Is a time-stamp over this file to be believed?"))
@click.argument("file", type=OLD_FILE)
@click.argument("token", type=OLD_FILE)
@at_option
@others_option
@crls_option
@keep_option
@pass_app
def verify_timestamp(
    app: Any,
    file: Path,
    token: Path,
    at: datetime | None,
    intermediates: Path | None,
    crls: Path | None,
    keep: bool,
) -> int:
    from ca.validation.content import Content

    asked = _asked(file, at, intermediates, crls, keep=keep)
    found = app.ca.validations.timestamp(app.principal, Content.of_file(file), token.read_bytes(), asked)
    return _tell(app, found)


@commands.group("validations", help=N_("Reports on what was verified."))
def validations() -> None:
    """Looking at them again."""


@validations.command("list", help=N_("Reports, newest first."))
@click.option("--verdict", type=click.Choice(VERDICTS), help=N_("Only those with this verdict."))
@list_options
@pass_app
def list_validations(app: Any, ask: Any, verdict: str | None) -> None:
    page = app.ca.validations.page(app.principal, ask.narrowed(verdict=verdict))
    app.out.page(page.map(_row), _COLUMNS, of="ca.validations")


@validations.command("show", help=N_("One report again."))
@click.argument("report")
@pass_app
def show_validation(app: Any, report: str) -> int:
    return _tell(app, app.ca.validations.show(app.principal, report))


# --- trust anchors
@commands.group(
    "anchor", help=N_("Whom we trust beside our own roots: one officer proposes, another accepts.")
)
def anchor() -> None:
    """Proposing, accepting, removing."""


def _anchor_row(found: Any) -> dict[str, Any]:
    row = {name: value for name, value in vars(found).items() if name != "certificate"}
    return row | {"state": str(found.state)}


@anchor.command("list", help=N_("Trust anchors, newest first."))
@click.option(
    "--state",
    type=click.Choice(["proposed", "trusted", "rejected", "removed"]),
    help=N_("Only those in this state."),
)
@list_options
@pass_app
def list_anchors(app: Any, ask: Any, state: str | None) -> None:
    page = app.ca.anchors.page(app.principal, ask.narrowed(state=state))
    app.out.page(
        page.map(_anchor_row),
        (N_("id"), N_("name"), N_("state"), N_("fingerprint"), N_("not_after")),
        of="ca.anchors",
    )


@anchor.command("propose", help=N_("Propose to trust a CA's certificate; prints the anchor's id."))
@click.argument("file", type=OLD_FILE)
@click.option("--name", required=True, help=N_("What people call it."))
@reason_option
@pass_app
def propose_anchor(app: Any, file: Path, name: str, reason: str) -> None:
    made = app.ca.anchors.propose(app.principal, file.read_bytes(), name=name, note=reason)
    app.out.record(_anchor_row(made), of="ca.anchors")


@anchor.command("accept", help=N_("Accept as the second officer."))
@click.argument("anchor_id")
@pass_app
def accept_anchor(app: Any, anchor_id: str) -> None:
    app.out.record(_anchor_row(app.ca.anchors.accept(app.principal, anchor_id)), of="ca.anchors")


@anchor.command("reject", help=N_("Turn the proposal down."))
@click.argument("anchor_id")
@reason_option
@pass_app
def reject_anchor(app: Any, anchor_id: str, reason: str) -> None:
    app.out.record(_anchor_row(app.ca.anchors.reject(app.principal, anchor_id, reason)), of="ca.anchors")


@anchor.command("remove", help=N_("Trust it no more; one officer is enough."))
@click.argument("anchor_id")
@reason_option
@pass_app
def remove_anchor(app: Any, anchor_id: str, reason: str) -> None:
    app.out.record(_anchor_row(app.ca.anchors.remove(app.principal, anchor_id, reason)), of="ca.anchors")


@anchor.command("export", help=N_("Write an anchor's certificate to a file."))
@click.argument("anchor_id")
@click.argument("file", type=NEW_FILE)
@pass_app
def export_anchor(app: Any, anchor_id: str, file: Path) -> None:
    file.write_bytes(app.ca.anchors.show(app.principal, anchor_id).certificate)
    app.out.record({"file": str(file)})


@anchor.command("add-crl", help=N_("Hand in CRLs of other CAs for verifications to come."))
@click.argument("file", type=OLD_FILE)
@pass_app
def add_crl(app: Any, file: Path) -> None:
    kept = app.ca.anchors.add_crls(app.principal, file.read_bytes(), name=file.name)
    app.out.rows(
        [vars(one) for one in kept],
        (N_("id"), N_("issuer"), N_("number"), N_("this_update"), N_("next_update")),
    )


@anchor.command("crls", help=N_("CRLs of other CAs, newest first."))
@click.option("--issuer", help=N_("Only those of this issuer."))
@list_options
@pass_app
def list_crls(app: Any, ask: Any, issuer: str | None) -> None:
    page = app.ca.anchors.crls(app.principal, ask.narrowed(issuer=issuer))
    columns = (N_("id"), N_("issuer"), N_("number"), N_("this_update"), N_("next_update"))
    app.out.page(page.map(vars), columns)
