"""`weicheng ca`: requests and what becomes of them."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import (
    NEW_FILE,
    OLD_FILE,
    STATES,
    certificate_row,
    commands,
    cursor_option,
    given,
    limit_option,
    request_row,
    subject_of,
    tell_more,
)
from kernel.edges.cli import pass_app, reason_option
from kernel.i18n import N_


@commands.command("request", help=N_("File a request for an applicant of your unit."))
@click.argument("profile")
@click.option(
    "--subject",
    "-s",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help=N_("Part of the name, such as CN=…"),
)
@click.option(
    "--name", "-n", "names", multiple=True, help=N_("Alternative name: dns:, ip: or email: and the value.")
)
@click.option("--unit", required=True, help=N_("Id of the unit."))
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--csr", type=OLD_FILE, help=N_("PKCS#10 file; without it a key is made here."))
@click.option("--replaces", help=N_("Serial of the certificate that this one renews."))
@pass_app
def request(
    app: Any,
    profile: str,
    subject: tuple[str, ...],
    names: tuple[str, ...],
    unit: str,
    evidence: str,
    csr: Path | None,
    replaces: str | None,
) -> None:
    filed = app.ca.registration.file(
        app.principal,
        profile=profile,
        subject=subject_of(subject),
        names=names,
        unit=unit,
        evidence=evidence,
        csr=csr.read_bytes() if csr else None,
        replaces=replaces,
    )
    app.out.record(request_row(filed))


@commands.command("renew", help=N_("File a request for a newer certificate of the same subject."))
@click.argument("serial")
@click.option("--evidence", required=True, help=N_("How the applicant's identity was checked."))
@click.option("--csr", type=OLD_FILE, help=N_("PKCS#10 file; without it a key is made here."))
@pass_app
def renew(app: Any, serial: str, evidence: str, csr: Path | None) -> None:
    octets = csr.read_bytes() if csr else None
    app.out.record(
        request_row(app.ca.registration.renew(app.principal, serial, evidence=evidence, csr=octets))
    )


@commands.command("requests", help=N_("Requests of your units, newest first."))
@click.option("--find", default="", help=N_("Beginning of a word of its names."))
@click.option("--state", type=click.Choice(STATES), help=N_("Only those in this state."))
@click.option("--waiting", is_flag=True, help=N_("Only those that wait for your decision."))
@limit_option
@cursor_option
@pass_app
def requests(app: Any, find: str, state: str | None, waiting: bool, limit: int, cursor: str) -> None:
    from kernel.store.listing import Ask

    filters = given(state=state, waiting="me" if waiting else None)
    page = app.ca.registration.page(app.principal, Ask(find, filters, cursor=cursor, limit=limit))
    app.out.rows(
        [request_row(one) for one in page.items],
        (N_("id"), N_("profile"), N_("subject"), N_("unit"), N_("state"), N_("filed_at")),
    )
    tell_more(app, page)


@commands.command("approve", help=N_("Approve a request; the certificate is issued when enough people have."))
@click.argument("request_id")
@click.option("--reason", default="", help=N_("Remark for the audit trail."))
@pass_app
def approve(app: Any, request_id: str, reason: str) -> None:
    from ca.model import Certificate

    result = app.ca.registration.approve(app.principal, request_id, reason)
    app.out.record(certificate_row(result) if isinstance(result, Certificate) else request_row(result))


@commands.command("reject", help=N_("Turn a request down."))
@click.argument("request_id")
@reason_option
@pass_app
def reject(app: Any, request_id: str, reason: str) -> None:
    app.out.record(request_row(app.ca.registration.reject(app.principal, request_id, reason)))


@commands.command(
    "deliver", help=N_("Hand over a key made here, once: a PKCS#12 file, its password on the screen.")
)
@click.argument("request_id")
@click.argument("file", type=NEW_FILE)
@pass_app
def deliver(app: Any, request_id: str, file: Path) -> None:
    from kernel.secrets import write_private

    data, password = app.ca.registration.deliver_pkcs12(app.principal, request_id)
    write_private(file, data)
    app.out.record({"file": str(file), "password": password})
